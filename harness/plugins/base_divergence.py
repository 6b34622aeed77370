"""How far the policy has gone from the model that it started from, at every step of every arm.

verl computes it only where a KL term asks for a reference policy. The trainer of a micro cell holds
the small model itself and reads one response of each question. Not for models that a driver cannot
hold: `HARNESS_KL_TO_BASE=1` switches it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

import torch

SWITCH = "HARNESS_KL_TO_BASE"
"""Environment variable: "1" measures the divergence from the model that training started from."""

KEY = "rollout/kl_to_base"

_FIELDS = ("prompts", "responses", "old_log_probs")


@cache
def _base(path: str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


@torch.no_grad()
def kl_to_base(
    model: Any,
    prompts: Sequence[torch.Tensor],
    responses: Sequence[torch.Tensor],
    log_probs: Sequence[torch.Tensor],
    temperature: float,
) -> float:
    """Return the mean over tokens of k3 = r - 1 - log r, r = base / policy, in nats.

    k3 is never negative and unbiased on the policy's own samples (Schulman, Approximating KL
    divergence, 2020).

    Args:
        model: causal language model of the base.
        prompts: tokens before each response, (P,) int64.
        responses: tokens of each response, (T,) int64.
        log_probs: (T,), of the policy that sampled them, at the temperature.
        temperature: of sampling; the base is read at the same.
    """
    rows = [torch.cat(pair) for pair in zip(prompts, responses, strict=True)]
    # what fills a row up comes after it, where a causal model cannot see it
    logits = model(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)).logits
    terms = []
    for row, prompt, response, policy in zip(logits, prompts, responses, log_probs, strict=True):
        place = len(prompt) - 1
        base = (row[place : place + len(response)] / temperature).log_softmax(-1)
        log_ratio = base.gather(-1, response[:, None])[:, 0] - policy
        terms.append(log_ratio.exp() - 1 - log_ratio)
    return float(torch.cat(terms).mean())


def report(module: ModuleType) -> None:
    """Add the divergence to the metrics of each step of verl's trainer.

    Works around, in verl 0.9.1: without a KL term nothing says how far the policy has gone.
    No longer needed when: a run without a KL term reports a divergence from its start.
    """
    trainer = module.PPOTrainer
    original = trainer._compute_metrics

    def compute_metrics(self: Any, batch: Any, metrics: Any, *args: Any, **kwargs: Any) -> Any:
        config = self.config.actor_rollout_ref
        data = module.tq.kv_batch_get(
            # the responses to a question follow one another: the first of each
            keys=batch.keys[:: config.rollout.n],
            partition_id=batch.partition_id,
            select_fields=list(_FIELDS),
        )
        rows = [data[name].unbind() for name in _FIELDS]
        model = _base(config.model.path)
        metrics[KEY] = kl_to_base(model, *rows, temperature=config.rollout.temperature)
        return original(self, batch, metrics, *args, **kwargs)

    trainer._compute_metrics = compute_metrics
