from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.report import __main__ as report
from harness.run import session as execution
from harness.run.__main__ import run
from harness.spec import config as configs
from tests.cells import fake_engine

# the arms of `make run` at micro scale
ARMS = "levels=[none,reward,reward_0.5]"
SMALL = ["dataset.train_size=4", "dataset.eval_size=2", "verl.trainer.test_freq=2"]


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("harness.run.checks.ENGINES", ())
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with configs.session():
        yield


def words(tmp_path: Path) -> list[str]:
    return ["ablation=kl_penalty", ARMS, "seeds=1", "steps=2", f"results_dir={tmp_path}", *SMALL]


def test_a_run_goes_from_the_config_to_the_report_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(execution, "run_attempt", fake_engine(calls=calls))
    assert run(words(tmp_path)) == 0
    first = capsys.readouterr().out
    assert "3 of 3 cells to run, about" in first
    (partial,) = (tmp_path / "micro" / "kl_penalty" / "partial").iterdir()
    assert partial.name.startswith("seeds=1,steps=2,")
    names = {path.name for path in partial.iterdir()}
    # runs of two steps are told from the stored ones, and not placed
    assert "comparison with the stored study micro/kl_penalty@" in first
    assert "your run lies" not in first
    assert {"REPORT.md", "runs.parquet", "effects.csv", "verdicts.json", "figures"} <= names
    assert run(words(tmp_path)) == 0
    assert "all 3 cells are done: nothing is launched" in capsys.readouterr().out
    assert len(calls) == 3


def test_the_report_made_again_has_the_arms_of_the_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that the file has at this scale alone."""
    monkeypatch.setattr(execution, "run_attempt", fake_engine())
    run(words(tmp_path))
    (partial,) = (tmp_path / "micro" / "kl_penalty" / "partial").iterdir()
    before = (partial / "REPORT.md").read_text()
    assert "kl=reward_0.5 " in before
    assert "describes (5 seeds, 40 steps)" in before
    again = ["ablation=kl_penalty", f"results_dir={tmp_path}", f"partial={partial.name}"]
    assert report.main(again) == 0
    assert (partial / "REPORT.md").read_text() == before


def test_some_failed_cells_are_exit_20_and_rows_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = fake_engine(fails=lambda name: "kl=reward-" in name)
    monkeypatch.setattr(execution, "run_attempt", engine)
    assert run(words(tmp_path)) == 20
    assert "1 of 3 cells failed (kl=reward-s1-" in capsys.readouterr().out
    (report,) = tmp_path.glob("micro/kl_penalty/partial/*/REPORT.md")
    assert "the engine died" in report.read_text()
