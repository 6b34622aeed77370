"""Asking what is not answered yet, question by question."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.evaluate.engine import Engine, Request, Response
from harness.evaluate.folder import append_question, read_responses
from harness.evaluate.plan import Plan, sample_seed
from harness.schema import DamagedError

EVERY_S = 10.0
"""Seconds between two lines of progress."""

Key = tuple[str, str]
"""(benchmark, question id)."""


def missing_requests(plan: Plan, done: Mapping[Key, object]) -> list[Request]:
    """Return a request per sample of every question that is not done."""
    return [
        Request(
            benchmark=subset.benchmark.name,
            question=question.id,
            sample=sample,
            prompt=question.prompt,
            seed=sample_seed(plan.seed, subset.benchmark.name, question.id, sample),
        )
        for subset in plan.sets
        for question in subset.questions
        if (subset.benchmark.name, question.id) not in done
        for sample in range(plan.protocol.samples)
    ]


def sample_all(
    out: Path, plan: Plan, make_engine: Callable[[], Engine], say: Callable[[str], None]
) -> dict[Key, list[Response]]:
    """Ask every question that the directory does not have yet, and return all responses.

    Args:
        out: directory of the evaluation.
        plan: what is asked.
        make_engine: starts the engine; not called if nothing is missing.
        say: takes a line of progress.

    Raises:
        DamagedError: the engine left a question without all its samples.
    """
    done = read_responses(out, plan)
    requests = missing_requests(plan, done)
    if done:
        say(f"{len(done)} questions are answered already, {len(requests)} responses are missing")
    if not requests:
        return done
    engine = make_engine()
    try:
        _ask(engine, requests, out, plan, done, say)
    finally:
        close = getattr(engine, "close", None)
        if close is not None:
            close()
    left = len({(request.benchmark, request.question) for request in requests} - done.keys())
    if left:
        raise DamagedError(
            f"the engine ended and left {left} questions without all their samples: run the same"
            " command again"
        )
    return done


def _ask(
    engine: Engine,
    requests: list[Request],
    out: Path,
    plan: Plan,
    done: dict[Key, list[Response]],
    say: Callable[[str], None],
) -> None:
    open_: dict[Key, dict[int, Response]] = {}
    total, begun, said = len(requests), time.monotonic(), time.monotonic()
    for number, (request, response) in enumerate(engine.answer(requests), start=1):
        key = (request.benchmark, request.question)
        got = open_.setdefault(key, {})
        got[request.sample] = response
        if len(got) == plan.protocol.samples:
            done[key] = [got[sample] for sample in range(plan.protocol.samples)]
            append_question(out, *key, done[key])
            del open_[key]
        if time.monotonic() - said > EVERY_S or number == total:
            said = time.monotonic()
            say(f"{number} of {total} responses, {len(done)} questions, {said - begun:.0f} s")
