"""What a base model does alone, what it could do if it went on, and whether a short cut exists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from harness.micro.dataset import held_out_rows, problem_of, train_problems
from harness.micro.families import FAMILIES
from harness.micro.hashing import axis_hash
from harness.micro.marking import Marks, mark, thinking
from harness.micro.sampling import Loaded, Response, load, sample
from harness.micro.template import render_prompt

SAMPLES = 256
ATTEMPTS = (1, 2, 4, 8, 12, 16)
SEARCHING = ("search", "orbit", "meet")
DIRECT_STEPS = 60
DIRECT_BATCH = 128
DIRECT_RATE = 3e-4
DIRECT_TEXT = " </think> <answer> \\boxed{"


class Statistics(NamedTuple):
    """Of one family and difficulty; shares in 0..1, NaN where nothing was counted.

    Attributes:
        samples: responses.
        accuracy: by ORZ's rule.
        format: share that is well formed.
        truncated: share that did not end.
        tokens: mean length.
        direct: share without an attempt.
        direct_accuracy: of those.
        attempts: mean number of attempts of the others.
        steps_right: share of the look-ups of all attempts.
        verdicts_right: share of the verdicts.
        reflecting: share of the responses with a word of reflection.
        reflections_per_attempt: words of reflection for each attempt.
    """

    samples: int
    accuracy: float
    format: float
    truncated: float
    tokens: float
    direct: float
    direct_accuracy: float
    attempts: float
    steps_right: float
    verdicts_right: float
    reflecting: float
    reflections_per_attempt: float


class Persistence(NamedTuple):
    """Of a model that is made to go on for so many attempts.

    Attributes:
        attempts: allowed.
        right: share of the responses whose answer is right, whatever their format.
        accuracy: by ORZ's rule, which a malformed answer fails.
        tokens: mean length.
        thinking_tokens: mean length of what stands before the answer.
    """

    attempts: int
    right: float
    accuracy: float
    tokens: float
    thinking_tokens: float


def measure_families(loaded: Loaded, samples: int, seed: int) -> dict[str, Statistics]:
    """Statistics of every family, in distribution (``search``) and harder (``search_hard``)."""
    found = {}
    for name in FAMILIES:
        for split, ending in (("eval_easy", ""), ("eval_hard", "_hard")):
            marks, responses = _marked(loaded, name, split, samples, seed)
            found[name + ending] = summarise(marks, [r.tokens for r in responses])
    return found


def measure_persistence(loaded: Loaded, samples: int, seed: int) -> dict[str, list[Persistence]]:
    """Accuracy and length by the number of attempts that the model is made to make."""
    curves: dict[str, list[Persistence]] = {}
    for name in SEARCHING:
        for attempts in ATTEMPTS:
            marks, responses = _marked(loaded, name, "eval_easy", samples, seed, attempts=attempts)
            thoughts = loaded.tokenizer([thinking(r.text) for r in responses])["input_ids"]
            found = Persistence(
                attempts=attempts,
                right=_mean([m.right_value for m in marks]),
                accuracy=_mean([m.correct for m in marks]),
                tokens=_mean([r.tokens for r in responses]),
                thinking_tokens=_mean([len(thought) for thought in thoughts]),
            )
            curves.setdefault(name, []).append(found)
    return curves


def direct_curve(directory: Path, *, steps: int = DIRECT_STEPS, seed: int = 0) -> list[float]:
    """Reward nothing but direct guesses of x, and return their accuracy at each step.

    REINFORCE with the batch mean as baseline on training questions of the family `search`: what a
    policy could gain by a short cut in as many steps as a study has.
    """
    import torch

    torch.manual_seed(axis_hash("direct", seed) % 2**63)
    model, tokenizer = load(directory)
    optimizer = torch.optim.AdamW(model.parameters(), lr=DIRECT_RATE, weight_decay=0.0)
    problems = cycle(islice(train_problems(seed, "search"), 1024))
    accuracies = []
    for _ in range(steps):
        asked = list(islice(problems, DIRECT_BATCH))
        texts = [render_prompt(problem.text) + DIRECT_TEXT for problem in asked]
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        ).logits[:, -1]
        guesses = torch.distributions.Categorical(logits=logits)
        chosen = guesses.sample()
        written = tokenizer.batch_decode(chosen[:, None])
        rewards = torch.tensor(
            [float(w.strip() == str(p.answer)) for w, p in zip(written, asked, strict=True)]
        )
        loss = -((rewards - rewards.mean()) * guesses.log_prob(chosen)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        accuracies.append(float(rewards.mean()))
    return accuracies


def summarise(marks: Sequence[Marks], tokens: Sequence[int]) -> Statistics:
    """Count marked responses."""
    direct = [m for m in marks if not m.attempts]
    attempts = sum(m.attempts for m in marks)
    return Statistics(
        samples=len(marks),
        accuracy=_mean([m.correct for m in marks]),
        format=_mean([m.well_formed for m in marks]),
        truncated=_mean([not m.finished for m in marks]),
        tokens=_mean(tokens),
        direct=len(direct) / len(marks),
        direct_accuracy=_mean([m.correct for m in direct]),
        attempts=_mean([m.attempts for m in marks if m.attempts]),
        steps_right=_share([m.steps_right for m in marks], [m.steps for m in marks]),
        verdicts_right=_share([m.verdicts_right for m in marks], [m.verdicts for m in marks]),
        reflecting=_mean([m.reflections > 0 for m in marks]),
        reflections_per_attempt=_share([m.reflections for m in marks], [attempts]),
    )


def as_values(found: Statistics | Persistence) -> dict[str, float | None]:
    """The fields by name; None where nothing was counted."""
    return {k: None if math.isnan(v) else v for k, v in found._asdict().items()}


Values = Mapping[str, float | None]


def format_statistics(found: Mapping[str, Values]) -> str:
    """An aligned table, one statistic a line, one family and difficulty a column."""
    lines = [f"{'':24s}" + "".join(f"{name:>12s}" for name in found)]
    for field in Statistics._fields:
        values = [math.nan if one[field] is None else one[field] for one in found.values()]
        digits = 0 if field == "samples" else 1 if field in ("tokens", "attempts") else 3
        lines.append(f"{field:24s}" + "".join(f"{value:12.{digits}f}" for value in values))
    return "\n".join(lines)


def format_persistence(curves: Mapping[str, Sequence[Values]]) -> str:
    """One line per family and number of attempts."""
    names = Persistence._fields
    lines = [f"{'made to go on':16s}" + "".join(f"{name:>16s}" for name in names)]
    for family, curve in curves.items():
        for one in curve:
            values = [f"{one[n]:16.{0 if n == 'attempts' else 3}f}" for n in names]
            lines.append(f"{family:16s}" + "".join(values))
    return "\n".join(lines)


def format_direct(accuracies: Sequence[float]) -> str:
    """The start and the end of the rewarded guesses."""
    last = _mean(accuracies[-10:])
    return (
        f"rewarded guesses: {_mean(accuracies[:10]):.3f} right in the first 10 steps, {last:.3f}"
        f" in the last 10 of {len(accuracies)}"
    )


def _marked(
    loaded: Loaded,
    family: str,
    split: str,
    samples: int,
    seed: int,
    attempts: int = 0,
) -> tuple[list[Marks], list[Response]]:
    rows = held_out_rows(family, split, samples)
    prompts = [row["prompt"][0]["content"] for row in rows]
    responses = sample(loaded, prompts, seed, attempts=attempts)
    marks = [
        mark(problem_of(row), response.text, finished=response.finished)
        for row, response in zip(rows, responses, strict=True)
    ]
    return marks, responses


def _share(parts: Sequence[int], wholes: Sequence[int]) -> float:
    return sum(parts) / sum(wholes) if sum(wholes) else math.nan


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
