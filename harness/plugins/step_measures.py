"""What the responses of a training step are like, beside what verl reports of them.

The trainer has the text, the grade and the advantage of every token in hand when it makes its
metrics; a log of every token would be gigabytes at the scales of the paper. Keys begin with
`rollout/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from harness.graders.reflection import REFLECTION_WORDS, attempts, reflections

PATTERN = 8
"""Tokens that have to return in their order before what follows counts as repetition."""

MOST = 512
"""Responses of a step that are looked at, from the first on: all of a micro step."""

QUARTERS = 4


class Batch(NamedTuple):
    """The responses of a step; every list has one entry per response.

    Attributes:
        texts: as the reward saw them.
        tokens: (T,) int, of each response.
        grades: what the reward said of each beside the score: `correct`, `format_ok`.
        scores: paid for each, before any KL term.
        groups: the question of each.
        advantages: (T,), as the update uses them.
        values: (T,), None without a critic.
    """

    texts: Sequence[str]
    tokens: Sequence[np.ndarray]
    grades: Sequence[Mapping[str, Any]]
    scores: Sequence[float]
    groups: Sequence[str]
    advantages: Sequence[np.ndarray]
    values: Sequence[np.ndarray] | None


def measures(batch: Batch) -> dict[str, float]:
    """Return the metrics of a step; one that nothing counts for is left out: missing is not 0."""
    found = {**dict(_of_texts(batch)), **dict(_of_tokens(batch))}
    return {f"rollout/{name}": float(value) for name, value in found.items() if np.isfinite(value)}


def repetition_onset(tokens: np.ndarray) -> int:
    """Return where the first `PATTERN` tokens that stood there before begin again; T if nowhere.

    Args:
        tokens: (T,) int.
    """
    seen: set[bytes] = set()
    for place in range(len(tokens) - PATTERN + 1):
        pattern = tokens[place : place + PATTERN].tobytes()
        if pattern in seen:
            return place
        seen.add(pattern)
    return len(tokens)


def group_advantages(
    scores: Sequence[float], groups: Sequence[str], lengths: np.ndarray
) -> np.ndarray:
    """Return what GRPO would give each token: score minus the mean of its group, whitened.

    As the authors' GRPO has it: no division by the group's deviation, then the normalisation over
    all tokens of the batch that PPO's advantages go through too.

    Args:
        scores: of each response.
        groups: the question of each response.
        lengths: (responses,) int, tokens of each.

    Returns:
        (tokens of all responses,).
    """
    score = np.asarray(scores, dtype=float)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    mean = np.bincount(group, score) / np.bincount(group)
    token = np.repeat(score - mean[group], lengths)
    # Bessel's correction and the 1e-8 are verl's masked_whiten
    spread = np.sqrt(token.var(ddof=1) + 1e-8) if len(token) > 1 else np.nan
    return np.asarray((token - token.mean()) / spread)


def _of_texts(batch: Batch) -> Iterator[tuple[str, float | np.floating[Any]]]:
    length = np.array([len(tokens) for tokens in batch.tokens], dtype=float)
    right = np.array([_number(grade.get("correct")) for grade in batch.grades])
    reflecting = np.array([reflections(text) > 0 for text in batch.texts])
    yield "accuracy", right.mean()
    yield "reward_gap", np.mean(batch.scores) - right.mean()
    yield "format", np.mean([_number(grade.get("format_ok")) for grade in batch.grades])
    yield "length_right", _mean(length[right == 1])
    yield "length_wrong", _mean(length[right == 0])
    yield "reflection", reflecting.mean()
    for word in REFLECTION_WORDS:
        yield f"reflection_{word.strip(',')}", np.mean([word in t.lower() for t in batch.texts])
    yield "right_reflection_length", _mean(length[(right == 1) & reflecting])
    yield "attempts", np.mean([attempts(text) for text in batch.texts])


def _of_tokens(batch: Batch) -> Iterator[tuple[str, float | np.floating[Any]]]:
    lengths = np.array([len(tokens) for tokens in batch.tokens])
    onsets = [repetition_onset(tokens) for tokens in batch.tokens]
    place = np.concatenate([np.arange(length) for length in lengths])
    is_repeated = place >= np.repeat(onsets, lengths)
    has_repeats = np.repeat(np.asarray(onsets) < lengths, lengths)
    advantage = np.concatenate(batch.advantages)
    yield "repetition", is_repeated.mean()
    yield "repetition_advantage", _mean(advantage[is_repeated])
    group = group_advantages(batch.scores, batch.groups, lengths)
    yield "repetition_advantage_gap", _mean((advantage - group)[is_repeated])
    if batch.values is not None:
        value = np.concatenate(batch.values)
        before = _mean(value[has_repeats & ~is_repeated])
        yield "repetition_value_change", _mean(value[is_repeated]) - before
    quarter = place * QUARTERS // np.repeat(lengths, lengths)
    for number in range(QUARTERS):
        yield f"advantage_quarter_{number + 1}", _mean(advantage[quarter == number])


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _batch_of(trainer: Any, queue: Any, meta: Any) -> Batch:
    """Fetch the responses of a step from verl's queue, without what only fills it up."""
    fields = ["uid", "responses", "rm_scores", "advantages", "extra_fields"]
    fields += ["values"] if trainer.use_critic else []
    kept = [n for n, tag in enumerate(meta.tags) if not tag.get("is_padding", False)][:MOST]
    data = queue.kv_batch_get(
        keys=[meta.keys[n] for n in kept], partition_id=meta.partition_id, select_fields=fields
    )

    def arrays(name: str) -> list[np.ndarray]:
        return [row.numpy() for row in data[name].unbind()]

    tokens = arrays("responses")
    return Batch(
        texts=[trainer.tokenizer.decode(row, skip_special_tokens=True) for row in tokens],
        tokens=tokens,
        grades=[_grade(extra) for extra in data.get("extra_fields").tolist()],
        scores=[float(row.sum()) for row in arrays("rm_scores")],
        groups=[str(uid) for uid in data.get("uid").tolist()],
        advantages=arrays("advantages"),
        values=arrays("values") if trainer.use_critic else None,
    )


def _grade(extra: Any) -> Mapping[str, Any]:
    found = extra.get("reward_extra_info") if isinstance(extra, dict) else None
    return found or {}


def report(module: ModuleType) -> None:
    """Add `measures` to the metrics of each step of verl's trainer.

    Works around, in verl 0.9.1: metrics of the responses' text and of single tokens' advantages
    have no extension point.
    No longer needed when: `PPOTrainer` takes functions of a batch that return metrics.
    """
    trainer = module.PPOTrainer
    original = trainer._compute_metrics

    def compute_metrics(self: Any, batch: Any, metrics: Any, *args: Any, **kwargs: Any) -> Any:
        metrics.update(measures(_batch_of(self, module.tq, batch)))
        return original(self, batch, metrics, *args, **kwargs)

    trainer._compute_metrics = compute_metrics
