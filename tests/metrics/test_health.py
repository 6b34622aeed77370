"""Every diagnosis is found in a real run that has it, and none in a run that learned."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest

from harness.graders.verdict import ungradable
from harness.metrics.health.diagnoses import DIAGNOSES, Finding, findings
from harness.metrics.health.evidence import Setting, Step, setting_of, step_of
from harness.metrics.tables import build_tables
from harness.report.health import health_section, run_findings
from harness.report.results import Results, assemble
from harness.report.sections import markdown
from harness.report.stored import _run_files
from harness.report.study import study_of
from harness.rewards.orz import compute_score
from harness.schema import unflatten
from harness.store.ledger import RunStore
from tests.metrics.test_recorded import replay
from tests.synthetic_runs import DOCUMENT

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded"
BUNDLES = ROOT / "baselines" / "runs" / "micro"
ALGORITHM = BUNDLES / "algorithm" / "v1"
REWARD = BUNDLES / "reward" / "v1"
ONE_UPDATE = Setting(updates_per_rollout=1)

ILL = {
    (BUNDLES / "pilot" / "v1", "pilot=rate_x10"): {"Truncation"},
    (BUNDLES / "pilot" / "v1", "pilot=random"): {"Useless critic"},
    (REWARD, "reward=random"): {"Useless critic"},
    (REWARD, "reward=constant"): {"Reward all zero or one"},
    (REWARD, "reward=inverted"): {"Reward all zero or one", "Paid without truth"},
    (REWARD, "reward=substring"): {"Paid without truth"},
    (REWARD, "reward=format"): {"Paid without truth"},
    (ALGORITHM, "algorithm=ppo_rate_x10"): {
        "Reward all zero or one",
        "Truncation",
        "Repetition",
    },
}
"""(bundle, arm) -> what each of its runs has; the last one has more in some of its seeds."""

RECORDINGS = {
    "top_p": {"Rollout-training mismatch", "Ratio not one at the first update"},
    "format": {"Paid without truth"},
    "rate_0": {"No update", "Stalled throughput"},
    "rate_0_resumed": {"No update", "Stalled throughput", "Silent resume"},
}
"""File of tests/recorded/health -> what it has."""


@cache
def runs_of(bundle: Path) -> dict[tuple[str, str], tuple[list[Step], Setting]]:
    """Return (arm, run) -> steps and setting of a stored study."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    arms = manifest["protocol"]["arms"]
    curves = pd.read_parquet(bundle / "curves.parquet").dropna(subset=["value"])
    found: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    columns = (curves[name].tolist() for name in ("arm", "run_id", "step", "metric", "value"))
    for arm, run, step, metric, value in zip(*columns, strict=True):
        found.setdefault((arm, run), {}).setdefault(step, {})[metric] = value
    return {
        key: (
            [Step(number, values[number]) for number in sorted(values)],
            setting_of(unflatten(arms[key[0]]["config"])["verl"]),
        )
        for key, values in found.items()
    }


def recorded(path: Path) -> list[Step]:
    rows = map(json.loads, path.read_text().splitlines())
    return [step for row in rows if (step := step_of(row)) is not None]


def recording(name: str) -> list[Step]:
    return recorded(RECORDED / "health" / f"{name}.jsonl")


def names(found: Sequence[Finding]) -> set[str]:
    return {finding.diagnosis.name for finding in found}


def changed(
    steps: Sequence[Step], change: Callable[[int, Mapping[str, float]], Mapping[str, float]]
) -> list[Step]:
    return [Step(step.number, {**step.values, **change(*step)}) for step in steps]


def without(steps: Sequence[Step], metric: str) -> list[Step]:
    return [Step(n, {k: v for k, v in values.items() if k != metric}) for n, values in steps]


def all_bundles() -> Iterator[Path]:
    yield from (path.parent for path in sorted(BUNDLES.glob("*/v*/curves.parquet")))


@pytest.mark.parametrize("bundle", [*all_bundles()], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_run_that_learned_has_no_diagnosis(bundle: Path) -> None:
    runs = {key: run for key, run in runs_of(bundle).items() if (bundle, key[0]) not in ILL}
    assert runs
    found = {key: names(findings(*run)) for key, run in runs.items()}
    assert {key: diagnoses for key, diagnoses in found.items() if diagnoses} == {}


def test_a_recorded_attempt_that_learned_has_no_diagnosis() -> None:
    assert findings(recorded(RECORDED / "ppo" / "metrics.jsonl"), ONE_UPDATE) == []


@pytest.mark.parametrize(("bundle", "arm"), ILL, ids=lambda part: getattr(part, "name", part))
def test_a_stored_run_that_failed_to_learn_has_its_diagnoses(bundle: Path, arm: str) -> None:
    found = [names(findings(*run)) for (name, _), run in runs_of(bundle).items() if name == arm]
    assert len(found) >= 2
    # one run of a coin has a critic that is right by chance; one of the weak grader is half right
    lacking = [each for each in found if not ILL[bundle, arm] <= each]
    assert len(lacking) <= (arm in ("reward=random", "reward=substring"))
    others = set().union(*found) - ILL[bundle, arm]
    assert bundle == ALGORITHM or others <= {"Nothing can be graded"}


def test_the_entropy_collapses_in_some_runs_at_ten_times_the_rate() -> None:
    runs = runs_of(ALGORITHM).items()
    found = [names(findings(*run)) for (arm, _), run in runs if arm == "algorithm=ppo_rate_x10"]
    assert Counter("Entropy collapse" in each for each in found)[True] >= 2


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_run_has_its_diagnoses(name: str) -> None:
    assert names(findings(recording(name), ONE_UPDATE)) == RECORDINGS[name]


def test_every_diagnosis_has_a_run_that_has_it() -> None:
    here = {"Entropy collapse", "Nothing can be graded"}
    assert here.union(*ILL.values(), *RECORDINGS.values()) == {d.name for d in DIAGNOSES}


def test_evidence_is_what_was_measured() -> None:
    found = {f.diagnosis.name: f for f in findings(recording("top_p"), ONE_UPDATE)}
    ratio, mismatch = found["Ratio not one at the first update"], found["Rollout-training mismatch"]
    assert (ratio.step, mismatch.step) == (1, 3)
    assert [e.text for e in ratio.evidence] == [
        "`policy_kl` 0.0789 in step 1",
        "`policy_clip_share` 0.0628 in step 1",
    ]
    (evidence,) = mismatch.evidence
    assert evidence == ("mean `rollout_probs_diff` 0.0492 in steps 1 to 3", "rollout_probs_diff", 3)
    assert mismatch.diagnosis.remedy in mismatch.text and evidence.text in mismatch.text


@pytest.mark.parametrize(
    ("name", "diagnosis", "metric"),
    [
        ("top_p", "Rollout-training mismatch", "rollout_probs_diff"),
        ("format", "Paid without truth", "reward_gap"),
        ("format", "Paid without truth", "training_accuracy"),
        ("rate_0", "Stalled throughput", "throughput"),
        ("rate_0_resumed", "Silent resume", "reward"),
    ],
)
def test_a_metric_that_is_missing_says_nothing(name: str, diagnosis: str, metric: str) -> None:
    assert diagnosis not in names(findings(without(recording(name), metric), ONE_UPDATE))


def test_several_updates_may_move_the_ratio() -> None:
    for updates in (8, None):
        found = names(findings(recording("top_p"), Setting(updates_per_rollout=updates)))
        assert found == {"Rollout-training mismatch"}
    (key, *_) = (key for key in runs_of(BUNDLES / "pilot" / "v1") if key[0] == "pilot=updates_8")
    steps, setting = runs_of(BUNDLES / "pilot" / "v1")[key]
    assert setting.updates_per_rollout == 8
    assert names(findings(steps, ONE_UPDATE)) == {"Ratio not one at the first update"}


def test_a_resume_that_is_recorded_is_none() -> None:
    steps = recording("rate_0_resumed")
    first = min(step.number for step in steps)
    known = Setting(updates_per_rollout=1, resumed_from=first - 1)
    assert "Silent resume" not in names(findings(steps, known))
    # a step that jumps, and one that comes again
    whole = recording("rate_0")
    for broken in (whole[:4] + whole[5:], whole[:4] + whole[3:]):
        assert "Silent resume" in names(findings(broken, ONE_UPDATE))
    assert "Silent resume" not in names(findings(whole, ONE_UPDATE))


@pytest.mark.parametrize("metric", ["policy_learning_rate", "policy_gradient_norm", "kl_to_base"])
def test_each_sign_of_no_update_is_enough(metric: str) -> None:
    """The partner: of a real run that learned one number is taken from the run that did not."""
    steps = recorded(RECORDED / "ppo" / "metrics.jsonl")
    still = {"policy_gradient_norm": 0.0}
    still |= {m: recording("rate_0")[-1].values[m] for m in ("policy_learning_rate", "kl_to_base")}
    assert names(findings(changed(steps, lambda *_: {metric: still[metric]}), ONE_UPDATE)) == {
        "No update"
    }


def results_of(root: Path, streams: Path) -> Results:
    run = _run_files(RunStore(root), replay(root, streams))
    study = study_of([run], [run.record.arm], root=root, label="", command="")
    return assemble(build_tables([run]), study, DOCUMENT)


def regraded(streams: Path) -> None:
    """Grade the recorded responses again, by the grader of the paper's runs."""
    for path in (streams / "generations").glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        graded = [{**r, **compute_score("", r["output"], r["gts"], r)} for r in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in graded))


def test_a_grader_that_can_grade_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real responses, by the real grader, and by one that has no verdict on any."""
    monkeypatch.setattr("harness.graders.pool._POOLS", {})
    streams = tmp_path / "streams"
    shutil.copytree(RECORDED / "ppo", streams)
    regraded(streams)
    assert run_findings(results_of(tmp_path / "with" / "micro" / "invented", streams)) == []
    nothing = Mock(**{"grade.return_value": [ungradable("the grader raised ValueError")]})
    monkeypatch.setattr("harness.rewards.graded.shared_pool", lambda _: nothing)
    regraded(streams)
    results = results_of(tmp_path / "without" / "micro" / "invented", streams)
    ((run, finding),) = run_findings(results)
    assert (finding.diagnosis.name, run["arm"]) == ("Nothing can be graded", results.arms[0])
    said = markdown(health_section(results).blocks)
    assert "`unparsable_easy` 1 in step" in said and finding.diagnosis.remedy in said


def test_a_grader_that_is_gone_is_found_while_the_run_goes_on() -> None:
    """The partner: of a real run only the grades of the training responses are taken away."""
    steps = recorded(RECORDED / "ppo" / "metrics.jsonl")
    found = findings(changed(steps, lambda *_: {"training_accuracy": 0.0}), ONE_UPDATE)
    assert names(found) == {"Nothing can be graded"}


def test_the_report_says_that_nothing_was_found_or_what(tmp_path: Path) -> None:
    well = results_of(tmp_path / "well" / "micro" / "invented", RECORDED / "ppo")
    sentence = f"None of {len(DIAGNOSES)} diagnoses held at any step of the 1 runs"
    assert sentence in markdown(health_section(well).blocks)
    streams = tmp_path / "streams"
    shutil.copytree(RECORDED / "ppo", streams)
    shutil.copy(RECORDED / "health" / "top_p.jsonl", streams / "metrics.jsonl")
    ill = results_of(tmp_path / "ill" / "micro" / "invented", streams)
    said = markdown(health_section(ill).blocks)
    assert sentence not in said
    assert "| Rollout-training mismatch" in said and "mean `rollout_probs_diff` 0.0492" in said
    run = ill.tables.runs["run_id"].item()
    row_id = f"{run[-8:]}/3/rollout_probs_diff"
    assert row_id in set(ill.tables.steps["row_id"])
