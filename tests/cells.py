"""Small specs and an engine that only writes what verl would, for tests of the whole path."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.launch.local import AttemptEnd
from harness.schema import CellSpec, Inputs, Status

CONFIG: dict[str, Any] = {
    "verl": {
        "actor_rollout_ref": {
            "actor": {"ppo_mini_batch_size": 4, "use_kl_loss": False},
            "model": {"path": "@model"},
            "rollout": {"n": 2, "max_model_len": 12, "val_kwargs": {"n": 2}},
        },
        "critic": {"enable": True, "ppo_mini_batch_size": 2},
        "data": {
            "train_batch_size": 4,
            "max_prompt_length": 4,
            "max_response_length": 8,
            "train_files": "@data/train.parquet",
            "val_files": ["@data/eval_easy.parquet"],
        },
        "trainer": {"total_training_steps": 2, "test_freq": 2, "logger": ["console", "file"]},
    },
    "reward": {"name": "rule"},
    "dataset": {
        "name": "micro_families",
        "train_size": 8,
        "eval_size": 2,
        "seed": 0,
        "families": "mixed",
    },
    "model": {"name": "micro_0_8m"},
    "evaluation": {"name": "micro_families"},
    "environment": {"VERL_PLATFORM": "cpu"},
}

INPUTS = Inputs(
    data="d" * 64,
    model="e" * 64,
    sources={"harness/rewards/rule.py": "f" * 64},
    versions={"verl": "0.9.1"},
)


def make_spec(level: str = "none", seed: int = 1, config: dict[str, Any] | None = None) -> CellSpec:
    """Return a cell of a one-factor ablation."""
    return CellSpec(
        scale="micro",
        ablation="kl_penalty",
        levels={"kl": level},
        seed=seed,
        config=CONFIG if config is None else config,
        inputs=INPUTS,
    )


def fake_engine(
    fails: Callable[[str], bool] = lambda name: False, calls: list[str] | None = None
) -> Callable[..., AttemptEnd]:
    """Return a stand-in for `run_attempt` that writes both streams at once.

    Args:
        fails: tells by the name of the run directory whether the attempt fails before a step.
        calls: the names of the run directories are appended to it.
    """

    def run(command: Any, attempt_dir: Path, *, steps: int, **_: Any) -> AttemptEnd:
        name = attempt_dir.parent.name
        if calls is not None:
            calls.append(name)
        log = attempt_dir / "log.txt"
        log.write_text("fake\n")
        if fails(name):
            return AttemptEnd(
                status=Status.FAILED,
                reason="the engine died (attempt-0/log.txt)",
                exit_code=1,
                last_step=None,
                torn_lines=0,
                log=log,
            )
        _write_streams(attempt_dir, steps)
        return AttemptEnd(
            status=Status.DONE, reason="", exit_code=0, last_step=steps, torn_lines=0, log=log
        )

    return run


def _write_streams(attempt_dir: Path, steps: int) -> None:
    data = {"critic/score/mean": 0.5, "response_length/mean": 20.0}
    rows = [{"step": step, "data": data} for step in range(1, steps + 1)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (attempt_dir / "metrics.jsonl").write_text(text)
    (attempt_dir / "generations").mkdir()
    for step in (0, steps):
        splits = ("eval_easy", "eval_hard", "eval_transfer")
        asked = itertools.product(splits, ("q0", "q1"), (0, 1))
        lines = [_sample(step, *item) for item in asked]
        path = attempt_dir / "generations" / f"{step}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _sample(step: int, split: str, question: str, sample: int) -> dict[str, Any]:
    return {
        "input": "1+1=?",
        "output": " 2 </think> <answer> \\boxed{2} </answer>",
        "gts": "2",
        "score": 1.0,
        "step": step,
        "question_id": f"{split}-{question}",
        "sample": sample,
        "split": split,
        "correct": 1,
        "format_ok": 1,
        "outcome": "correct",
        "finish_reason": "stop",
        "response_tokens": 12,
        "reward_name": "rule",
    }
