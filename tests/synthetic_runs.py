"""Writes run directories with invented numbers, in the format of real ones. For tests only.

Nothing here was measured: curves are a straight rise plus noise from a seeded generator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.schema import Attempt, CellSpec, Inputs, Status
from harness.spec.seeds import derived_seeds, verl_seed_keys
from harness.store.ledger import RunStore

DOCUMENT: dict[str, Any] = {
    "title": "Invented study",
    "question": "Do the numbers of a generator differ?",
    "source": "nowhere",
    "control": {"kl": "none"},
    "design": "product",
    "seeds": 3,
    "steps": 12,
    "factors": {
        "kl": {
            "none": {"set": {"verl.algorithm.kl_ctrl.kl_coef": 0.0}},
            "loss": {"set": {"verl.algorithm.kl_ctrl.kl_coef": 0.1}},
            "reward": {"set": {"verl.algorithm.kl_ctrl.kl_coef": 0.2}},
        }
    },
    "primary_metrics": ["reward", "response_length", "accuracy_easy"],
}
"""An ablation file, as a mapping."""

ARMS = ("none", "loss", "reward")
PROVENANCE = {
    "code": {"commit": "a" * 40, "dirty": "no", "diff_sha256": ""},
    "versions": {"verl": "0.9.1", "torch": "2.13.0+cpu", "vllm": "absent"},
    "python": "3.11.7",
    "hardware": {"processor": "invented", "cores": 2, "memory_bytes": 24 * 2**30},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Size of the invented runs, and the accuracy that each arm reaches."""

    steps: int = 12
    every: int = 6
    questions: int = 8
    samples: int = 4
    reach: Mapping[str, float] = field(
        default_factory=lambda: {"none": 0.9, "loss": 0.5, "reward": 0.4}
    )


def make_cell(level: str, seed: int, shape: Shape) -> CellSpec:
    """Return the spec of one invented cell."""
    verl: dict[str, Any] = {
        "algorithm": {"kl_ctrl": {"kl_coef": {"none": 0.0, "loss": 0.1, "reward": 0.2}[level]}},
        "actor_rollout_ref": {"rollout": {"val_kwargs": {"n": shape.samples}}},
        "data": {"val_files": ["@data/eval_easy.parquet", "@data/eval_hard.parquet"]},
        "trainer": {
            "total_training_steps": shape.steps,
            "test_freq": shape.every,
            "val_before_train": True,
            "logger": ["console", "file"],
        },
    }
    for key, value in verl_seed_keys(seed).items():
        place = verl
        *parents, last = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return CellSpec(
        scale="micro",
        ablation="invented",
        levels={"kl": level},
        seed=seed,
        config={
            "verl": verl,
            "reward": {"name": "rule"},
            "dataset": {"name": "micro_families", "eval_size": shape.questions},
            "model": {"name": "micro_0_8m"},
            "evaluation": {"name": "micro_families"},
            "environment": {"HARNESS_SEED": str(seed)},
        },
        inputs=Inputs(data="d" * 64, model="m" * 64, sources={}, versions={"verl": "0.9.1"}),
    )


def make_cells(
    seeds: Sequence[int] = (1, 2, 3), shape: Shape | None = None, levels: Sequence[str] = ARMS
) -> list[CellSpec]:
    """Return the cells of an invented study, seed by seed."""
    return [make_cell(level, seed, shape or Shape()) for seed in seeds for level in levels]


def write_run(
    root: Path, cell: CellSpec, shape: Shape, *, status: Status = Status.DONE, reason: str = ""
) -> Path:
    """Write one cell through the store, with invented streams; return its attempt directory.

    A cell that is not done stops after half of its steps.
    """
    store = RunStore(root)
    last = shape.steps if status is Status.DONE else shape.steps // 2
    with store.claim(cell) as record:
        attempt = store.begin_attempt(
            cell, record, seeds=derived_seeds(cell.seed), provenance=PROVENANCE
        )
        store.write_command(attempt, ["python", "-m", "verl.trainer.main_ppo"], {})
        _write_streams(attempt, cell, shape, last)
        end = Attempt(number=0, status=status, reason=reason, last_step=last, exit_code=0)
        store.end_attempt(cell, record, end, {})
    return attempt


def write_study(
    root: Path, cells: Sequence[CellSpec] | None = None, shape: Shape | None = None
) -> list[CellSpec]:
    """Write every cell of an invented study as done; return the cells."""
    size = shape or Shape()
    made = list(make_cells(shape=size) if cells is None else cells)
    for cell in made:
        write_run(root, cell, size)
    return made


def _write_streams(attempt: Path, cell: CellSpec, shape: Shape, last: int) -> None:
    level = cell.levels["kl"]
    rng = np.random.default_rng([cell.seed, *map(ord, level)])
    (attempt / "generations").mkdir()
    with (attempt / "metrics.jsonl").open("w") as stream:
        for step in range(last + 1):
            rise = step / shape.steps
            if step % shape.every == 0 or step == shape.steps:
                accuracy = 0.2 + (shape.reach[level] - 0.2) * rise
                _write_evaluation(attempt, step, accuracy, shape, rng)
            data = {"val-core/micro/acc/mean@4": -1.0}
            if step:
                data = _training(level, rise, rng)
            stream.write(json.dumps({"step": step, "data": data}) + "\n")


def _training(level: str, rise: float, rng: np.random.Generator) -> dict[str, Any]:
    data: dict[str, Any] = {
        "critic/score/mean": 0.2 + 0.5 * rise + 0.02 * rng.normal(),
        "critic/rewards/mean": 0.2 + 0.5 * rise,
        "response_length/mean": 20.0 + 30.0 * rise + rng.normal(),
        "critic/vf_explained_var": None,
        "actor/entropy": 1.0 - 0.5 * rise,
        "timing_s/step": 4.0 + 0.1 * rng.random(),
        "timing_s/gen": 2.0 + 0.1 * rng.random(),
        "training/rollout_probs_diff_mean": 1e-4 * rng.random(),
    }
    if level == "loss":
        data["actor/kl_loss"] = 0.01 * rise
    return data


def _write_evaluation(
    attempt: Path, step: int, accuracy: float, shape: Shape, rng: np.random.Generator
) -> None:
    rows = []
    for split, ease in (("eval_easy", 1.0), ("eval_hard", 0.5)):
        for question in range(shape.questions):
            for sample in range(shape.samples):
                correct = bool(rng.random() < accuracy * ease)
                rows.append(_row(step, split, question, sample, correct))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (attempt / "generations" / f"{step}.jsonl").write_text(text)


def _row(step: int, split: str, question: int, sample: int, correct: bool) -> dict[str, Any]:
    outcome = "correct" if correct else ("wrong", "unparsable", "truncated")[question % 3]
    return {
        "input": f"question {question} of {split} <think>",
        "output": f"{question} + 1, Wait, no</think><answer>\\boxed{{{question}}}</answer>",
        "gts": str(question),
        "score": float(correct),
        "step": step,
        "reward": "rule",
        "correct": int(correct),
        "format_ok": 1,
        "outcome": outcome,
        "question_id": f"{split}-{question:03d}",
        "split": split,
        "sample": sample,
        "finish_reason": "length" if outcome == "truncated" else "stop",
        "response_tokens": 20 + question,
    }
