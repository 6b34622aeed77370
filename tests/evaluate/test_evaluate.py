"""The whole command with an engine that needs no model: files, resumption, and comparison."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.baseline.sources import load_source
from harness.compare import __main__ as compare
from harness.compare.comparability import NotComparableError
from harness.compare.effects import Settings
from harness.compare.evaluations import compare_evaluations, reasons_against
from harness.compare.output import comparison_text
from harness.evaluate import __main__ as evaluate
from harness.evaluate import grading
from harness.evaluate.folder import DOCUMENT
from harness.evaluate.reading import read_evaluation
from harness.metrics.tables import read_parquet, write_parquet
from harness.schema import DamagedError, ExitCode, UsageError, content_hash
from harness.trace import __main__ as trace
from tests.evaluate.fake_engine import MICRO, FakeEngine, QuickPool

WORDS = ["model=micro_0_8m", "suite=micro", "protocol=training", "graders=orz", "workers=1"]
SMALL = [*WORDS, "samples=2", "questions=4"]
DEFAULTS = Settings(level=0.95, margin=None, metric="")


def run(out: Path, words: Sequence[str] = SMALL, **engine: Any) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "Pool", QuickPool)
        return evaluate.main([*words, f"out={out}"], lambda *_: FakeEngine(**engine))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two evaluations side by side: `right`, and `worse`, wrong on two of four easy questions."""
    root = tmp_path_factory.mktemp("evaluations")
    assert run(root / "right") == ExitCode.OK
    easy = list(MICRO)[:2]
    assert run(root / "worse", wrong=easy) == ExitCode.OK
    return root


def test_an_evaluation_stores_every_sample_and_every_number(done: Path) -> None:
    out = done / "right"
    samples = read_parquet(out / "samples.parquet")
    assert len(samples) == 3 * 4 * 2
    assert samples["row_id"].is_unique
    first = samples.iloc[0]
    assert (first["outcome"], first["orz"], first["orz_reason"]) == (
        *("correct", "right"),
        "same",
    )
    assert first["orz_answer"] == first["reference"]
    # right and cut off: not correct by this protocol, and the grader still says what it says
    second = samples.iloc[1]
    assert (second["outcome"], second["orz"], second["finish_reason"]) == (
        *("truncated", "right"),
        "length",
    )
    assert second["response_tokens"] == 288
    summary = pd.read_csv(out / "summary.csv").set_index("row_id")
    assert summary.loc["micro_easy/avg@2/orz", "value"] == 0.5
    assert summary.loc["micro_easy/truncated/orz", "value"] == 0.5
    page = (out / "EVALUATION.md").read_text()
    # the longest name sets the width of the column
    for title in ("micro, easy", "micro, hard", "micro, transfer"):
        assert f"\n| {title:15} |" in page
    assert "![scores.svg](scores.svg)" in page
    assert "A look, not a result: only the first 4 of 48 of micro, easy, 4 of 48 of" in page
    assert "harness.evaluate model=micro_0_8m" in page
    assert (out / "scores.png").stat().st_size > 1000
    document = json.loads((out / DOCUMENT).read_text())
    assert document["identity"]["measured"]["response_tokens"] == 288
    assert document["provenance"]["code"]["commit"]


def test_the_same_command_again_asks_nothing_and_writes_the_same(
    done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = done / "right"
    before = {name: (out / name).read_bytes() for name in ("samples.parquet", "summary.csv")}

    # it would end this process
    assert run(out, dies_after=0) == ExitCode.OK
    assert before == {name: (out / name).read_bytes() for name in before}
    assert "micro, easy" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changed", ["protocol=reporting", "samples=3", "response_tokens=9", "seed=2", "questions=3"]
)
def test_another_request_for_the_same_directory_is_refused(
    done: Path, changed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in SMALL if word.partition("=")[0] != changed.partition("=")[0]]
    assert run(done / "right", [*words, changed]) == ExitCode.USAGE
    assert "never mixed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model=micro_0_8m"], "no suite was named"),
        (["model=micro_0_8m", "suite=micros"], "did you mean micro"),
        (["model=nobody/nothing", "suite=micro"], "there is no model"),
        ([*WORDS, "samples=two"], "samples='two' cannot be: expected a whole number"),
        ([*SMALL, "benchmarks=aime2024"], "has no benchmark 'aime2024'"),
        (["model=micro_0_8m", "suite=micro", "graders=judge"], "graders='judge' cannot be"),
        ([*SMALL, "memory_share=2"], "expected a number above 0 to 1"),
        ([*SMALL, "backend=hf"], "backend= does nothing for suite=micro"),
        ([*SMALL, "dry_run=yes"], "expected true or false"),
        (["model=micro_0_8m", "suite=general", "samples=3"], "does nothing for suite=general"),
    ],
)
def test_a_wrong_word_is_said_in_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "out", words) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_teaches_and_a_dry_run_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--help"]) == ExitCode.OK
    assert "python -m harness.evaluate model=micro_0_8m suite=micro" in capsys.readouterr().out
    assert run(tmp_path / "out", [*SMALL, "dry_run=true"]) == ExitCode.OK
    assert "24 responses of micro_0_8m" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_no_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "out", [f"model={tmp_path}", "suite=micro"]) == ExitCode.USAGE
    assert "holds no model" in capsys.readouterr().err


def test_two_evaluations_are_compared_by_question(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [f"candidate={done / 'worse'}", f"baseline={done / 'right'}"]
    code = compare.main([*sides, f"out={tmp_path}", "--gate"])
    assert "accuracy_micro_easy" in capsys.readouterr().out
    document = json.loads((tmp_path / "comparison.json").read_text())
    row = document["rows"][0]
    # two of four questions lose half of their samples
    assert (row["metric"], row["difference"], row["questions"]) == ("accuracy_micro_easy", -0.25, 4)
    assert row["low"] < -0.25 < row["high"]
    # four questions cannot tell a loss from none
    assert code == document["gate"]["exit_code"] == ExitCode.CANNOT_TELL
    assert "![figures/accuracy.svg]" in (tmp_path / "COMPARISON.md").read_text()
    assert (tmp_path / "figures" / "accuracy.png").is_file()
    assert (tmp_path / "figures" / "accuracy_micro_easy-profile.png").is_file()
    # worse on two questions, and alike on two, which count one half each
    questions = document["questions"][0]
    assert (questions["improvement"]["point"], questions["questions"]) == (0.25, 4)
    assert "whole questions" in questions["method"]
    traced = trace.trace_text(tmp_path / "comparison.json", "questions/accuracy_micro_easy")
    assert "baseline: micro_0_8m (right)" in traced
    # the same request, and not the same answers
    assert not any("the same evaluation" in note for note in document["notes"])
    wide = compare.main([*sides, "margin=0.9", "--gate"])
    assert wide == ExitCode.OK
    same = compare.main([f"candidate={done / 'right'}", sides[1], "--gate"])
    assert same == ExitCode.OK


def changed(done: Path, out: Path, **measured: Any) -> str:
    """A copy of `right` that says that it was measured otherwise."""
    out.mkdir()
    document = json.loads((done / "right" / DOCUMENT).read_text())
    document["identity"]["measured"].update(measured)
    document["id"] = content_hash(document["identity"])
    (out / DOCUMENT).write_text(json.dumps(document))
    write_parquet(read_parquet(done / "right" / "samples.parquet"), out / "samples.parquet")
    return str(out)


@pytest.mark.parametrize(
    "measured",
    [
        {"grader": "verl"},
        {"template": "0" * 64},
        {"stop_rule": False},
        {"response_tokens": 287},
        {"temperature": 0.6},
        {"stop": []},
        {
            "questions": {
                "micro_easy": {"count": 4, "sha256": "0" * 64},
                "micro_hard": {"count": 4, "sha256": "1" * 64},
                "micro_transfer": {"count": 4, "sha256": "2" * 64},
            }
        },
    ],
)
def test_what_was_measured_otherwise_is_not_compared(
    done: Path, tmp_path: Path, measured: dict[str, Any]
) -> None:
    other = changed(done, tmp_path / "other", **measured)
    right = str(done / "right")
    with pytest.raises(NotComparableError, match=next(iter(measured))):
        compare_evaluations(other, right, DEFAULTS)
    forced = compare_evaluations(other, right, DEFAULTS, is_forced=True)
    assert forced.warning.startswith("NOT COMPARABLE")
    assert comparison_text(forced).count(forced.warning) == 2
    # both answered alike, and what varies there is the question
    assert "noise between questions" in forced.gate.reason
    assert reasons_against(read_evaluation(right), read_evaluation(right)) == ()


def test_an_evaluation_is_compared_with_evaluations_only(
    done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = done / "right"
    code = compare.main([f"candidate={right}", "baseline=micro/kl_penalty@v3"])
    assert code == ExitCode.NOT_COMPARABLE
    assert "the baseline micro/kl_penalty@v3 is not one" in capsys.readouterr().err
    with pytest.raises(UsageError, match="an evaluation of one model, not a study"):
        load_source(str(right), baselines=Path("nowhere"))
    words = [f"candidate={right}", f"baseline={right}"]
    assert compare.main([*words, "candidate_arm=a"]) == ExitCode.USAGE
    assert compare.main([*words, "metric=accuracy_aime2024"]) == ExitCode.USAGE
    assert "the evaluations have no accuracy_aime2024" in capsys.readouterr().err


def test_an_evaluation_that_is_not_whole_is_not_read(done: Path, tmp_path: Path) -> None:
    other = Path(changed(done, tmp_path / "other"))
    table = read_parquet(other / "samples.parquet")
    write_parquet(table.iloc[1:], other / "samples.parquet")
    with pytest.raises(DamagedError, match="has 7 samples of 4 questions of micro_easy"):
        read_evaluation(str(other))
    (other / "samples.parquet").unlink()
    with pytest.raises(UsageError, match="is not finished"):
        read_evaluation(str(other))
