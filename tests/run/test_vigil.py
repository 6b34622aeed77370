import shutil
from pathlib import Path

from harness.metrics.health.diagnoses import Finding
from harness.metrics.health.evidence import Setting
from harness.run.vigil import Vigil

RECORDED = Path(__file__).parents[1] / "recorded"
TOP_P = RECORDED / "health" / "top_p.jsonl"


def test_each_diagnosis_is_told_once_and_when_it_first_holds(tmp_path: Path) -> None:
    told: list[Finding] = []
    vigil = Vigil(tmp_path, Setting(updates_per_rollout=1), told.append)
    vigil.look()
    counts = []
    for line in TOP_P.read_text().splitlines():
        with (tmp_path / "metrics.jsonl").open("a") as file:
            # a line that is half written is looked at when it is whole
            file.write(line[:50])
            file.flush()
            vigil.look()
            before = len(told)
            file.write(f"{line[50:]}\n")
        vigil.look()
        counts.append(len(told) - before)
        vigil.look()
    assert counts == [0, 1, 0, 1, 0, 0]
    assert [finding.step for finding in told] == [1, 3]


def test_a_damaged_line_does_not_end_a_run(tmp_path: Path) -> None:
    told: list[Finding] = []
    vigil = Vigil(tmp_path, Setting(updates_per_rollout=1), told.append)
    lines = TOP_P.read_text().splitlines()
    text = "\n".join(['{"step": ', "[]", '{"step": null}', *lines])
    (tmp_path / "metrics.jsonl").write_text(text + "\n")
    vigil.look()
    assert len(told) == 2


def test_a_run_that_learned_is_left_alone(tmp_path: Path) -> None:
    told: list[Finding] = []
    shutil.copy(RECORDED / "ppo" / "metrics.jsonl", tmp_path)
    Vigil(tmp_path, Setting(updates_per_rollout=1), told.append).look()
    assert told == []
