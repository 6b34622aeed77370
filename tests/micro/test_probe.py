"""The probe: counting, and one real sample."""

import math
from pathlib import Path

import pytest

from harness.micro.base_model import base_model_dir
from harness.micro.grade import judge
from harness.micro.probe import format_table, main, probe, summarise

WORKED = judge(" 7+5=12 </think> <answer> \\boxed{12} </answer>", 12, finished=True)
DIRECT = judge(" </think> <answer> \\boxed{3} </answer>", 12, finished=True)
CUT = judge(" </think> <answer>", 12, finished=False)


def test_summary_counts_shares_and_means() -> None:
    summary = summarise([WORKED, DIRECT, DIRECT, CUT], [20, 12, 12, 80])
    assert summary.accuracy == 0.25
    assert summary.format == 0.75
    assert summary.truncated == 0.25
    assert summary.length_tokens == 31
    assert (summary.direct_share, summary.direct_accuracy) == (0.75, 0)
    assert (summary.worked_share, summary.worked_accuracy) == (0.25, 1)


def test_a_style_that_never_occurs_has_no_accuracy() -> None:
    summary = summarise([WORKED], [20])
    assert math.isnan(summary.slip_accuracy)
    assert "nan" in format_table({"eval_easy": summary})


def test_a_directory_without_a_model_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"model={tmp_path}"]) == 2
    assert "holds no model" in capsys.readouterr().err


@pytest.mark.engine
def test_probe_of_the_shipped_model_is_repeatable() -> None:
    first = probe(base_model_dir(), samples=16, limit=24)
    assert first["eval_easy"].samples == 16
    second = probe(base_model_dir(), samples=16, limit=24)
    assert format_table(first) == format_table(second)
