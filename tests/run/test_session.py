import dataclasses
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.claims.hashing import rule_hash
from harness.claims.reading import Claim, read_claims
from harness.claims.registration import UNSETTLED
from harness.launch.local import AttemptEnd
from harness.launch.progress import Progress
from harness.paths import CLAIMS, ROOT
from harness.run import session as execution
from harness.run.checks import check_environment, check_request, watchdog_limits
from harness.run.session import Outcome, run_cells
from harness.schema import DamagedError, Status, UsageError
from harness.spec import config as configs
from harness.spec.ablation import load_ablation
from harness.spec.inputs import MICRO_DATASET
from harness.spec.study import Study, make_study
from harness.store.files import read_json, write_json
from harness.store.ledger import RunStore
from harness.store.records import read_spec, spec_from
from tests.cells import fake_engine

SMALL = ["dataset.train_size=4", "dataset.eval_size=2", "verl.trainer.test_freq=2"]
THREE = ["levels=[none,loss,reward]"]
ALONE = ["launcher.cells_at_once=1"]


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("harness.run.checks.ENGINES", ())
    monkeypatch.setattr(execution, "collect", lambda root: {"code": {"commit": "c"}})
    with configs.session():
        yield


Run = Callable[..., tuple[Outcome, list[str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a study with an engine that only writes the streams; return what was launched."""

    def run_(study: Study, fails: Callable[[str], bool] = lambda name: False) -> tuple:
        calls: list[str] = []
        monkeypatch.setattr(execution, "run_attempt", fake_engine(fails, calls))
        return run_cells(study, RunStore(study.root)), calls

    return run_


def small_study(tmp_path: Path, *words: str) -> Study:
    asked = ["ablation=kl_penalty", "seeds=1", "steps=2", f"results_dir={tmp_path}"]
    return make_study([*asked, *THREE, *SMALL, *ALONE, *words])


def test_every_cell_leaves_its_files(tmp_path: Path, run: Run) -> None:
    study = small_study(tmp_path)
    outcome, calls = run(study)
    assert calls == [cell.run_name for cell in study.cells]
    assert outcome == Outcome(launched=3, unfinished=(), is_stopped=False)
    for cell in study.cells:
        directory = study.root / "runs" / cell.run_name
        names = {path.name for path in directory.iterdir()} - {".lock"}
        assert names == {"spec.yaml", "record.json", "attempt-0"}
        assert spec_from(read_spec(directory / "spec.yaml")).cell_id == cell.cell_id
        record = read_json(directory / "record.json")
        assert record["status"] == "done"
        assert record["seeds"]["request"] and record["provenance"]["code"]["commit"] == "c"
        command = read_json(directory / "attempt-0" / "command.json")
        assert f"{directory}/attempt-0/metrics.jsonl" in command["environment"].values()


@pytest.mark.parametrize("data", [MICRO_DATASET, "another"])
def test_a_run_records_the_rules_that_could_judge_it(
    data: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def for_data(claim: Claim) -> Claim:
        return replace(claim, rules={s: replace(r, data=data) for s, r in claim.rules.items()})

    def claims_for_data(folder: Path) -> list[Claim]:
        return list(map(for_data, read_claims(folder)))

    monkeypatch.setattr("harness.claims.registration.read_claims", claims_for_data)
    study = small_study(tmp_path)
    run(study)
    claims = [claim for claim in read_claims(CLAIMS) if claim.ablation == "kl_penalty"]
    wanted = {c.id: rule_hash(c.document, "micro") for c in claims if "micro" in c.rules}
    assert wanted
    configs_seen = set()
    for cell in study.cells:
        record = read_json(study.root / "runs" / cell.run_name / "record.json")
        note = record["provenance"]["registered"]
        assert note["rules"] == (wanted if data == MICRO_DATASET else {})
        assert set(note) == {"rules", "config", "judge", "commit", "dirty"}
        configs_seen.add(note["config"])
    assert len(configs_seen) == len(study.cells)


def test_a_run_that_goes_on_under_another_rule_loses_its_registration(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, notes = small_study(tmp_path), []
    before = {"rules": {"f1": "a"}, "judge": "", "commit": "c", "dirty": "no"}
    for rules in ({"f1": "a"}, {"f1": "b"}):
        now = {**before, "rules": rules}
        monkeypatch.setattr("harness.claims.registration.at_launch", lambda *_, now=now: now)
        run(study, fails=lambda name: True)
        path = study.root / "runs" / study.cells[0].run_name / "record.json"
        record = read_json(path)
        notes.append(record["provenance"]["registered"]["rules"]["f1"])
        record["attempts"][-1]["last_step"] = 1
        write_json(path, record)
    assert notes == ["a", UNSETTLED]


def test_cells_run_side_by_side_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both engines wait for each other: one after the other, neither would end."""
    engine, meeting = fake_engine(), threading.Barrier(2, timeout=20)

    def together(command: object, attempt_dir: Path, **given: Any) -> AttemptEnd:
        meeting.wait()
        return engine(command, attempt_dir, **given)

    monkeypatch.setattr(execution, "run_attempt", together)
    study = small_study(tmp_path, "levels=[none,loss]", "launcher.cells_at_once=2")
    assert run_cells(study, RunStore(study.root)) == Outcome(
        launched=2, unfinished=(), is_stopped=False
    )


@pytest.mark.parametrize(
    ("count", "said"), [(0, "a whole number from 1"), ("two", "a number"), (True, "a number")]
)
def test_a_wrong_number_of_cells_at_once_is_refused(
    tmp_path: Path, count: object, said: str
) -> None:
    with pytest.raises(UsageError, match=f"cells_at_once=.* cannot be: expected {said}"):
        small_study(tmp_path, f"launcher.cells_at_once={count}")


def test_the_same_again_launches_nothing(tmp_path: Path, run: Run) -> None:
    run(small_study(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    outcome, calls = run(small_study(tmp_path))
    assert (outcome.launched, calls) == (0, [])
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_more_seeds_run_the_new_ones_only(tmp_path: Path, run: Run) -> None:
    run(small_study(tmp_path))
    _, calls = run(small_study(tmp_path, "seeds=2"))
    assert len(calls) == 3
    assert all("-s2-" in name for name in calls)


def test_a_failed_cell_does_not_stop_the_others_and_is_tried_again(
    tmp_path: Path, run: Run
) -> None:
    study = small_study(tmp_path)
    outcome, calls = run(study, fails=lambda name: "kl=loss" in name)
    assert len(calls) == 3
    assert [cell.arm for cell in outcome.unfinished] == ["kl=loss"]
    store = RunStore(study.root)
    failed = store.record(study.cells[1])
    assert failed is not None and failed.status is Status.FAILED
    assert failed.reason == "the engine died (attempt-0/log.txt)"
    assert failed.evaluation_rows == {"expected": 48, "found": 0}
    outcome, calls = run(study)
    assert calls == [study.cells[1].run_name]
    again = store.record(study.cells[1])
    assert again is not None
    assert [attempt.number for attempt in again.attempts] == [0, 1]
    assert outcome.unfinished == ()


def test_a_cell_whose_samples_cannot_be_read_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, "levels=[none]")
    engine = fake_engine()

    def twice(command: object, attempt_dir: Path, **given: Any) -> AttemptEnd:
        end = engine(command, attempt_dir, **given)
        path = attempt_dir / "generations" / "2.jsonl"
        path.write_text(path.read_text() * 2)
        return end

    monkeypatch.setattr(execution, "run_attempt", twice)
    outcome = run_cells(study, RunStore(study.root))
    assert [cell.arm for cell in outcome.unfinished] == ["kl=none"]
    record = RunStore(study.root).record(study.cells[0])
    assert record is not None and record.status is Status.FAILED
    assert "appears twice" in record.reason
    assert record.evaluation_rows == {"expected": 48}


def test_a_stop_leaves_the_rest_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path)
    engine = fake_engine()

    def interrupted(command: object, attempt_dir: Path, **given: Any) -> AttemptEnd:
        os.kill(os.getpid(), signal.SIGINT)
        end = engine(command, attempt_dir, **given)
        return dataclasses.replace(end, status=Status.INTERRUPTED, reason="stopped by SIGINT")

    monkeypatch.setattr(execution, "run_attempt", interrupted)
    outcome = run_cells(study, RunStore(study.root))
    assert (outcome.launched, outcome.is_stopped, len(outcome.unfinished)) == (1, True, 3)
    statuses = [RunStore(study.root).status(cell) for cell in study.cells]
    assert statuses == [Status.INTERRUPTED, Status.PENDING, Status.PENDING]


def test_an_error_of_the_harness_is_recorded_and_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path)

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(execution, "run_attempt", break_down)
    with pytest.raises(RuntimeError, match="a defect"):
        run_cells(study, RunStore(study.root))
    record = RunStore(study.root).record(study.cells[0])
    assert record is not None
    assert (record.status, record.reason) == (
        Status.FAILED,
        "the harness failed: RuntimeError: a defect",
    )


def test_a_cell_at_work_elsewhere_refuses_the_whole_request(tmp_path: Path, run: Run) -> None:
    study = small_study(tmp_path)
    store = RunStore(study.root)
    with store.claim(study.cells[2]), pytest.raises(Exception, match="is running the cell"):
        run(study)
    assert not store.run_dir(study.cells[0]).exists()


def test_a_damaged_base_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    study = small_study(tmp_path)

    def damaged(settings: object) -> None:
        raise DamagedError("the base model's file x is damaged")

    monkeypatch.setattr("harness.run.checks.verify_model", damaged)
    with pytest.raises(DamagedError, match="is damaged"):
        run(study)
    assert list(tmp_path.iterdir()) == []


def test_missing_engines_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr("harness.run.checks.ENGINES", ("no-such-engine",))
    with pytest.raises(UsageError, match=r"no-such-engine missing.*make setup"):
        run(small_study(tmp_path))


def test_records_of_another_version_are_refused(tmp_path: Path, run: Run) -> None:
    study = small_study(tmp_path)
    run(study)
    path = study.root / "runs" / study.cells[0].run_name / "record.json"
    write_json(path, {**read_json(path), "schema_version": 99})
    with pytest.raises(UsageError, match="schema version 99"):
        check_request(study, RunStore(study.root), {})


def test_unknown_metrics_and_limits_are_refused(tmp_path: Path) -> None:
    document = {**load_ablation("kl_penalty"), "primary_metrics": ["rewards"]}
    study = small_study(tmp_path, "+launcher.limits.step=5")
    with pytest.raises(
        UsageError, match=r"unknown limit launcher.limits.step: did you mean step_s"
    ):
        watchdog_limits(study)
    assert watchdog_limits(small_study(tmp_path, "+launcher.limits.step_s=5")).step_s == 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.spec.study.load_ablation", lambda name: document)
        study = small_study(tmp_path)
    with pytest.raises(UsageError, match="unknown metric 'rewards'"):
        check_request(study, RunStore(study.root), {})


def test_a_ray_cluster_in_the_environment_is_refused() -> None:
    check_environment({"RAY_ADDRESS": ""})
    with pytest.raises(UsageError, match="RAY_ADDRESS=auto is set"):
        check_environment({"RAY_ADDRESS": "auto"})


def test_what_is_wrong_with_a_run_is_said_once_while_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = ROOT / "tests" / "recorded" / "health" / "top_p.jsonl"
    before_the_end: list[str] = []

    def engine(
        command: Any,
        attempt_dir: Path,
        *,
        steps: int,
        observe: Callable[[Progress], None],
        **_: Any,
    ) -> AttemptEnd:
        end = fake_engine()(command, attempt_dir, steps=steps)
        shutil.copy(recorded, attempt_dir / "metrics.jsonl")
        for _look in range(2):
            observe(Progress(phase="", step=steps, steps=steps, elapsed_s=1.0))
            before_the_end.append(capsys.readouterr().err)
        return end

    monkeypatch.setattr(execution, "run_attempt", engine)
    study = small_study(tmp_path, "levels=[none]")
    run_cells(study, RunStore(study.root))
    first, second = before_the_end
    for name in ("Rollout-training mismatch", "Ratio not one at the first update"):
        assert first.count(f"kl=none s1  {name}: ") == 1
        assert name not in second + capsys.readouterr().err
