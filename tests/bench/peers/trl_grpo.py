"""GRPO by TRL's GRPOTrainer, sampling with transformers: ``work=<file>``.

Run as ``python -m tests.bench.peers.trl_grpo`` in the environment of scripts/peer_env.py. TRL's
defaults but for what makes the work that of the suite's cell: one update per batch, no KL term,
32 bits, no gradient checkpointing, the loss a mean over all tokens of the batch.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

from tests.bench.peers.work import STOP_TEXT, Report, Work, grade, read_work


class StepTimes(TrainerCallback):  # type: ignore[misc]
    """Times each optimizer step, from the end of the one before."""

    def __init__(self, report: Report) -> None:
        """Keep the report to write to."""
        self.report, self.begin = report, time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock of the first step."""
        self.begin = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note a step and start the clock of the next."""
        now = time.monotonic()
        self.report.note_step(now - self.begin)
        self.begin = now


class TimedTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPOTrainer that times generation and scoring."""

    report: Report

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        begin = time.monotonic()
        output = super()._generate_and_score_completions(inputs)
        self.report.generation_s.append(time.monotonic() - begin)
        return output


def config(work: Work, folder: str) -> GRPOConfig:
    """Return TRL's settings for the work."""
    batch = len(work.batches[0]) * work.samples
    micro_batch = min(work.micro_batch, batch)
    return GRPOConfig(
        output_dir=folder,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        max_steps=len(work.batches),
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=batch // micro_batch,
        num_generations=work.samples,
        max_completion_length=work.response_limit,
        temperature=work.temperature,
        shuffle_dataset=False,
        learning_rate=work.rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=work.clip_grad,
        epsilon=work.clip,
        beta=0.0,
        num_iterations=1,
        scale_rewards="group",
        loss_type="dapo",
        seed=work.seed,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def main(argv: list[str]) -> None:
    """Do the work and print the report."""
    work = read_work(argv)
    torch.set_num_threads(work.threads)
    tokenizer = AutoTokenizer.from_pretrained(Path(work.model))
    model = AutoModelForCausalLM.from_pretrained(Path(work.model), dtype=torch.float32)
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(STOP_TEXT)]
    # what TRL takes for the end of a response
    model.generation_config.eos_token_id = ends
    report = Report(("trl", "torch", "transformers", "accelerate"))

    def reward(completions: Any, completion_ids: Any, reference: Any, **_: Any) -> list[float]:
        rewards = [
            grade(text, answer, is_finished=ids[-1] in ends)
            for text, ids, answer in zip(completions, completion_ids, reference, strict=True)
        ]
        report.note_responses([len(ids) for ids in completion_ids], rewards)
        return rewards

    rows = [{"prompt": p, "reference": r} for batch in work.batches for p, r in batch]
    with tempfile.TemporaryDirectory() as folder:
        trainer = TimedTrainer(
            model=model,
            reward_funcs=reward,
            args=config(work, folder),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            callbacks=[StepTimes(report)],
        )
        trainer.report = report
        trainer.train()
    report.print()


if __name__ == "__main__":
    main(sys.argv[1:])
