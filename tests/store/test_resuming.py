import json
from pathlib import Path

from harness.schema import Attempt, Status
from harness.store.resuming import TRACKER, join_streams, newest_checkpoint


def write_attempt(run_dir: Path, number: int, steps: list[int], saved: list[int]) -> None:
    """Write the rows, dumps and checkpoints of an attempt; the last checkpoint is the newest."""
    folder = run_dir / f"attempt-{number}"
    (folder / "generations").mkdir(parents=True)
    rows = [{"step": step, "data": {"attempt": number, "x": None}} for step in steps]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for step in steps:
        (folder / "generations" / f"{step}.jsonl").write_text(f"{number}\n")
    for step in saved:
        (folder / "checkpoints" / f"global_step_{step}" / "actor").mkdir(parents=True)
    if saved:
        (folder / "checkpoints" / TRACKER).write_text(str(saved[-1]))


def attempt(number: int, resumed_from: int | None = None) -> Attempt:
    return Attempt(number=number, status=Status.INTERRUPTED, resumed_from=resumed_from)


def rows_of(folder: Path) -> list[tuple[int, int]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [(row["step"], row["data"]["attempt"]) for row in map(json.loads, lines)]


def test_without_a_checkpoint_a_cell_begins_anew(tmp_path: Path) -> None:
    write_attempt(tmp_path, 0, [0, 1, 2], [])
    assert newest_checkpoint(tmp_path, [attempt(0)]) is None
    assert newest_checkpoint(tmp_path, []) is None


def test_a_checkpoint_without_its_row_or_not_whole_is_passed_over(tmp_path: Path) -> None:
    write_attempt(tmp_path, 0, [0, 1, 2, 3], [2, 4])
    assert newest_checkpoint(tmp_path, [attempt(0)]).step == 2
    (tmp_path / "attempt-0" / "checkpoints" / TRACKER).write_text("1")
    assert newest_checkpoint(tmp_path, [attempt(0)]) is None


def test_streams_of_three_attempts_become_one_run(tmp_path: Path) -> None:
    """The second was killed before anything was joined; the third goes on from the second's."""
    write_attempt(tmp_path, 0, [0, 1, 2, 3], [2])
    write_attempt(tmp_path, 1, [3, 4, 5], [4])
    attempts = [attempt(0), attempt(1, resumed_from=2)]
    join_streams(tmp_path, attempts)
    assert rows_of(tmp_path / "attempt-1") == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1)]
    assert newest_checkpoint(tmp_path, attempts).path.parent.parent.name == "attempt-1"
    write_attempt(tmp_path, 2, [5, 6], [])
    attempts.append(attempt(2, resumed_from=4))
    join_streams(tmp_path, attempts)
    expected = [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)]
    assert rows_of(tmp_path / "attempt-2") == expected
    files = sorted((tmp_path / "attempt-2" / "generations").glob("*.jsonl"))
    assert [(path.stem, path.read_text().strip()) for path in files] == [
        (str(step), str(number)) for step, number in expected
    ]


def test_joining_again_changes_nothing(tmp_path: Path) -> None:
    write_attempt(tmp_path, 0, [0, 1, 2], [2])
    write_attempt(tmp_path, 1, [3], [])
    attempts = [attempt(0), attempt(1, resumed_from=2)]
    join_streams(tmp_path, attempts)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    join_streams(tmp_path, attempts)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}


def test_an_attempt_that_began_at_step_0_is_left_as_it_is(tmp_path: Path) -> None:
    write_attempt(tmp_path, 0, [0, 1, 2], [])
    write_attempt(tmp_path, 1, [0, 1], [])
    join_streams(tmp_path, [attempt(0), attempt(1)])
    assert rows_of(tmp_path / "attempt-1") == [(0, 1), (1, 1)]
