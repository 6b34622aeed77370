"""Logs against logs: each run has its own end, and a mean over other samples is another metric."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.baseline import __main__ as baseline
from harness.compare import __main__ as compare
from harness.compare.comparability import SAMPLES, check_comparability
from harness.compare.sides import Side, shared_metrics, side_of
from harness.paths import BASELINES
from harness.schema import ExitCode
from harness.store.bundle import Bundle, find_bundle, read_bundle

KEY = "val-core/aime24/acc/mean@{k}"


def healthy(step: int) -> float:
    return 0.3 + step / 100


def collapsing(step: int) -> float:
    return healthy(step) if step <= 25 else 0.05


def write_log(
    path: Path, last: int, value: Callable[[int], float], seed: int, samples: int = 32
) -> str:
    lines = []
    for step in range(last + 1):
        own = value(step) + 0.002 * seed
        data = {"critic/score/mean": own, "response_length/mean": 30.0 + seed}
        data |= {KEY.format(k=samples): own} if step % 10 == 0 else {}
        lines.append(json.dumps({"step": step, "data": data}) + "\n")
    path.write_text("".join(lines))
    return str(path)


def store(folder: Path, name: str, logs: list[str], mapping: str = "") -> Bundle:
    words = [f"from={','.join(logs)}", f"name=a/{name}", "licence=x", "citation=x", "arm=a"]
    words += [f"mapping={mapping}"] if mapping else []
    seeds = ",".join(map(str, range(1, len(logs) + 1)))
    code = baseline.main(["import", *words, f"seed={seeds}", f"baselines_dir={folder}"])
    assert code == ExitCode.OK
    return read_bundle(find_bundle(f"a/{name}", folder))


def gate(folder: Path, candidate: str, *words: str) -> int:
    place = folder / "a" / candidate / "v1"
    known = [f"candidate={place}", "baseline=a/base", f"baselines_dir={folder}"]
    return compare.main([*known, "--gate", "--anyway", *words])


@pytest.fixture
def base(tmp_path: Path) -> Bundle:
    logs = [write_log(tmp_path / f"b{seed}.jsonl", 40, healthy, seed) for seed in (1, 2, 3)]
    return store(tmp_path, "base", logs)


def candidate_of(folder: Path, name: str, ends: list[int], value: Any) -> Bundle:
    logs = [
        write_log(folder / f"{name}{seed}.jsonl", last, value, seed)
        for seed, last in enumerate(ends, start=1)
    ]
    return store(folder, name, logs)


@pytest.mark.parametrize("words", [(), ("metric=reward",), ("allow_partial=true",)])
def test_a_collapse_does_not_pass_because_a_third_log_ended_early(
    base: Bundle, tmp_path: Path, words: tuple[str, ...]
) -> None:
    candidate_of(tmp_path, "coll", [40, 40, 25], collapsing)
    assert gate(tmp_path, "coll", *words) == ExitCode.WORSE
    candidate_of(tmp_path, "cut", [25, 25, 25], collapsing)
    assert gate(tmp_path, "cut", *words) == ExitCode.CANNOT_TELL


def test_a_run_that_is_shorter_than_its_siblings_is_unfinished(
    base: Bundle, tmp_path: Path, capsys: Any
) -> None:
    side = side_of(candidate_of(tmp_path, "short", [40, 40, 25], healthy), "a", "candidate")
    assert side.unfinished == ("seed 3 (ends at step 25 of 40)",)
    capsys.readouterr()
    assert gate(tmp_path, "short", "margin=0.5") == ExitCode.CANNOT_TELL
    said = " ".join(capsys.readouterr().out.split())
    assert "not every run of the candidate is complete: seed 3 (ends at step 25 of 40)" in said
    assert "seed 3 (no value)" not in said
    candidate_of(tmp_path, "whole", [40, 40, 40], lambda step: healthy(step) + 0.001)
    assert gate(tmp_path, "whole", "margin=0.5") == ExitCode.OK
    assert side_of(base, "a", "baseline").unfinished == ()


def test_a_stored_run_that_is_shorter_than_its_siblings_is_unfinished_too() -> None:
    """Rows that a run lacks beyond a step: whatever it came from."""
    stored = read_bundle(BASELINES / "micro" / "kl_penalty" / "v3")
    whole = side_of(stored, "kl=none", "candidate")
    assert whole.unfinished == ()
    is_late = (stored.curves["seed"] == 6) & (stored.curves["step"] > 39)
    early = side_of(replace(stored, curves=stored.curves[~is_late]), "kl=none", "candidate")
    assert early.unfinished == ("seed 6 (ends at step 39 of 40)",)


def both(tmp_path: Path, *samples: int, mapped: bool = False) -> tuple[Side, Side]:
    sides = []
    for role, count in zip(("candidate", "baseline"), samples, strict=True):
        mapping = tmp_path / f"{role}.yaml"
        mapping.write_text(f"metrics: {{'{KEY.format(k=count)}': accuracy_aime24}}\n")
        name = "base" if role == "baseline" else f"k{count}"
        logs = [
            write_log(tmp_path / f"{name}{seed}.jsonl", 40, healthy, seed, count) for seed in (1, 2)
        ]
        bundle = store(tmp_path, name, logs, str(mapping) if mapped else "")
        sides.append(side_of(bundle, "a", role))
    return sides[0], sides[1]


@pytest.mark.parametrize("mapped", [False, True])
def test_means_over_other_samples_are_never_compared_as_one_metric(
    tmp_path: Path, capsys: Any, mapped: bool
) -> None:
    candidate, other = both(tmp_path, 1, 32, mapped=mapped)
    assert shared_metrics(candidate, other) == ("response_length", "reward")
    reasons = check_comparability(candidate, other).reasons
    assert any(
        f"{SAMPLES} of accuracy_aime24: mean@1 in the candidate, mean@32 in the baseline" in text
        for text in reasons
    )
    capsys.readouterr()
    # the rewards are equal number by number, and would pass
    assert gate(tmp_path, "k1") == ExitCode.CANNOT_TELL
    said = " ".join(capsys.readouterr().out.split())
    assert "mean@1 in the candidate, mean@32 in the baseline" in said
    assert "accuracy_aime24 " not in said.split("At the end of training")[1]
    if mapped:
        assert gate(tmp_path, "k1", "metric=accuracy_aime24") == ExitCode.USAGE
        assert "these are two metrics" in capsys.readouterr().err


@pytest.mark.parametrize("mapped", [False, True])
def test_means_over_the_same_samples_are_compared(tmp_path: Path, mapped: bool) -> None:
    candidate, other = both(tmp_path, 32, 32, mapped=mapped)
    name = "accuracy_aime24" if mapped else "accuracy_aime24@32"
    assert name in shared_metrics(candidate, other)
    assert not any(
        text.startswith(SAMPLES) for text in check_comparability(candidate, other).reasons
    )


def test_a_stored_study_has_the_samples_of_its_protocol() -> None:
    side = side_of(read_bundle(BASELINES / "micro" / "kl_penalty" / "v3"), "kl=none", "baseline")
    asked = side.protocol["evaluation"]["samples"]
    assert side.samples["accuracy_easy"] == asked > 1
    other = replace(side, role="candidate", samples={**side.samples, "accuracy_easy": 1})
    assert "accuracy_easy" not in shared_metrics(other, side)
    assert "accuracy_easy" in shared_metrics(side, side)
