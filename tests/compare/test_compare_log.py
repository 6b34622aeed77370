"""A log as the candidate: refused for what it does not state, and compared when told to."""

from pathlib import Path

import pytest

from harness.compare import __main__ as compare
from harness.paths import ROOT
from harness.schema import ExitCode

LOG = ROOT / "tests" / "recorded" / "ppo" / "metrics.jsonl"
BASELINE = "baseline=micro/kl_penalty@v1"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("fixed: {arm: ppo, seed: 1}\n")
    return [f"candidate={LOG}", BASELINE, f"mapping={mapping}", "metric=reward"]


def test_a_log_is_refused_with_all_that_it_does_not_state(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(words) == ExitCode.NOT_COMPARABLE
    said = capsys.readouterr().err
    for part in ("resolved config", "initial model", "evaluation questions", "engine"):
        assert part in said


def test_a_log_is_compared_when_told_to_under_a_warning(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main([*words, "--anyway", "--gate"]) == ExitCode.CANNOT_TELL
    said = capsys.readouterr().out
    assert said.count("WARNING: NOT COMPARABLE (5 reasons)") == 2
    assert "unpaired (Welch)" in said
    assert "does not state its hardware" in said


def test_a_mapping_for_something_else_than_a_log_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    other = ["candidate=micro/kl_penalty@v1", BASELINE, words[2]]
    assert compare.main(other) == ExitCode.USAGE
    assert "mapping=" in capsys.readouterr().err
