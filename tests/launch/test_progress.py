"""The live line, its numbers, and what is written where nobody watches."""

import io
import math

import pytest

from harness.launch.progress import (
    CellLine,
    Display,
    Pace,
    Progress,
    all_eta,
    cell_text,
    clock_text,
    number_text,
    validation_text,
)
from harness.schema import Status

METRICS = {
    "critic/score/mean": 0.4123,
    "response_length/mean": 23.44,
    "perf/throughput": 1234.4,
    "val-core/easy/acc/mean@4": 0.5,
    "val-core/hard/acc/mean@4": 0.25,
    "val-core/easy/acc/best@4/mean": 0.9,
}
TRAINING = Progress(phase="", step=12, steps=60, elapsed_s=130.0, step_s=4.0, metrics=METRICS)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def starting(phase: str) -> Progress:
    """Return the progress of a cell that starts."""
    return Progress(phase=phase, step=0, steps=60, elapsed_s=35.0)


def plain(cells: int = 9) -> tuple[CellLine, io.StringIO, Clock]:
    """Return the line of a second cell, its stream and its clock."""
    stream, clock = io.StringIO(), Clock()
    return Display(cells, stream=stream, clock=clock).cell(2, "kl=loss s1"), stream, clock


def test_the_text_of_a_step() -> None:
    assert cell_text(TRAINING, 2460.0) == (
        "step 12/60  reward 0.412  length 23.4  tok/s 1234  eval 0.500/0.250"
        "  cell ETA 3:12  all ETA 41:00"
    )


def test_the_text_of_a_start() -> None:
    assert cell_text(starting("vLLM engine"), None) == "starting: vLLM engine ... 0:35"


def test_missing_values_are_dashes_and_never_zero() -> None:
    bare = Progress(phase="", step=1, steps=2, elapsed_s=1.0, metrics={"critic/score/mean": None})
    assert cell_text(bare, None) == (
        "step 1/2  reward -  length -  tok/s -  eval -  cell ETA -  all ETA -"
    )
    assert number_text(math.nan, 2) == number_text("x", 2) == number_text(True, 2) == "-"
    assert number_text(0.0, 2) == "0.00"
    assert validation_text({}) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (math.inf, "-"),
        (-1.0, "0:00"),
        (59.6, "1:00"),
        (2460.0, "41:00"),
        (3725.0, "1:02:05"),
    ],
)
def test_clock_text(seconds: float | None, text: str) -> None:
    assert clock_text(seconds) == text


def test_the_pace_is_the_median_and_forgives_a_slow_step() -> None:
    pace = Pace()
    assert pace.step_s is None
    pace.note(10.0, 1)
    assert pace.step_s is None
    for now, step in ((14.0, 2), (18.0, 3), (58.0, 4), (62.0, 5)):
        pace.note(now, step)
    assert pace.step_s == 4.0


def test_two_steps_seen_at_once_do_not_divide_by_zero() -> None:
    pace = Pace()
    for now, step in ((1.0, 1), (1.0, 1), (5.0, 3)):
        pace.note(now, step)
    assert pace.step_s == 2.0


def test_the_overall_eta() -> None:
    assert all_eta(TRAINING, [], 0) == 192.0
    assert all_eta(TRAINING, [], 2) == 192.0 + 2 * (130.0 + 192.0)
    assert all_eta(TRAINING, [300.0], 2) == 192.0 + 600.0
    assert all_eta(starting("Ray"), [], 2) is None
    assert all_eta(starting("Ray"), [100.0, 200.0], 1) == (150.0 - 35.0) + 150.0


def test_plain_lines_come_at_phases_and_now_and_then() -> None:
    line, stream, clock = plain()
    for phase in ("imports", "imports", "Ray"):
        line.observe(starting(phase))
    for step, now in ((1, 40.0), (2, 44.0), (3, 49.9), (4, 50.0), (4, 70.0), (60, 71.0)):
        clock.now = now
        line.observe(Progress(phase="", step=step, steps=60, elapsed_s=now))
    written = stream.getvalue().splitlines()
    assert [text.split("  ")[1].split(" ...")[0] for text in written] == [
        "starting: imports",
        "starting: Ray",
        "step 1/60",
        "step 4/60",
        "step 60/60",
    ]
    assert all(text.startswith("[2/9] kl=loss s1  ") for text in written)
    assert "\r" not in stream.getvalue()


def test_a_terminal_is_redrawn_in_place_and_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    line = Display(9, stream=stream).cell(2, "kl=loss s1")
    line.observe(TRAINING)
    line.observe(TRAINING)
    pieces = stream.getvalue().split("\r")[1:]
    assert [len(piece.removesuffix("\x1b[J")) for piece in pieces] == [29, 29]
    assert "\n" not in stream.getvalue()
    line.close(Status.DONE, "")
    assert stream.getvalue().endswith("done after 0:00\n")


def test_cells_side_by_side_have_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    display = Display(3, stream=stream, at_once=2)
    first, second = display.cell(1, "kl=none s1"), display.cell(2, "kl=loss s1")
    first.observe(TRAINING)
    second.observe(starting("Ray"))
    start = len(stream.getvalue())
    first.observe(TRAINING)
    drawn = stream.getvalue()[start:]
    assert drawn.startswith("\x1b[1A\r[1/3] kl=none s1") and "\n[2/3] kl=loss s1" in drawn
    start = len(stream.getvalue())
    first.close(Status.DONE, "")
    ended = stream.getvalue()[start:]
    assert "done after 0:00\n[2/3] kl=loss s1" in ended and ended.count("[1/3]") == 1


def test_a_failure_is_told_with_the_tail_of_its_log() -> None:
    line, stream, clock = plain()
    clock.now = 63.0
    line.close(Status.FAILED, "no first step (a/log.txt)", ("one", "two"), "a/log.txt")
    assert stream.getvalue() == (
        "[2/9] kl=loss s1  failed after 1:03: no first step (a/log.txt)\n"
        "    last lines of a/log.txt:\n    | one\n    | two\n"
    )
    assert line.display.done_s == []


def test_a_stream_that_went_away_does_not_stop_the_run() -> None:
    line, stream, _ = plain()
    stream.close()
    line.observe(TRAINING)
    line.close(Status.DONE, "")
