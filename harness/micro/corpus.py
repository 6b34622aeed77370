r"""The synthetic corpus: how an untrained "author" answers, in several styles and with bad format.

A response continues the prompt after ``<think>``. Styles: ``direct`` (the answer at once),
``worked`` (running totals, ``7+5=12,-3=9``) and ``slip`` (a wrong total, noticed and corrected
with ``wait,``). Any of them may be malformed. The last phase of pre-training sets the shares that
the base model shows.
"""

import random
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from harness.micro.hashing import axis_rng
from harness.micro.task import Problem, draw_problem, part_of
from harness.micro.template import render_prompt

T = TypeVar("T")

RAMBLE_TOKENS = 100
SLIP_OFFSETS = (-10, -2, -1, 1, 2, 10)


class Mix(NamedTuple):
    """Shares of one phase; each mapping's values are relative weights."""

    styles: Mapping[str, float]
    operations: Mapping[int, float]
    malformed_direct: float
    malformed_worked: float


SHORT_MIX = Mix(
    styles={"direct": 0.05, "worked": 0.90, "slip": 0.05},
    operations={1: 1, 2: 2, 3: 2, 4: 2},
    malformed_direct=0.05,
    malformed_worked=0.02,
)
LONG_MIX = Mix(
    styles={"direct": 0.10, "worked": 0.78, "slip": 0.12},
    operations={2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 1, 8: 1},
    malformed_direct=0.05,
    malformed_worked=0.02,
)
FINAL_MIX = Mix(
    styles={"direct": 0.70, "worked": 0.22, "slip": 0.08},
    operations={4: 2, 5: 2, 6: 2, 7: 0.7, 8: 0.7},
    malformed_direct=0.38,
    malformed_worked=0.10,
)
MALFORMATIONS = {
    "no_think_close": 5,
    "no_boxed": 4,
    "no_answer_tags": 3,
    "unclosed_answer": 3,
    "wrong_order": 2,
    "breaks_off": 2,
    "rambles": 1,
}


class Document(NamedTuple):
    """One training text: the prompt, the response and whether the response ends (eos)."""

    prompt: str
    response: str
    finished: bool


def draw_document(mix: Mix, *axes: str | int) -> Document:
    """Draw one document from the generator of the axes; problems come from the pretrain part."""
    rng = axis_rng("document", *axes)
    operations = _choose(rng, mix.operations)
    problem = draw_problem(operations, rng)
    # Chains of one or two operations are too few to be split by hash; no other set has them.
    while operations > 2 and part_of(problem.text) != "pretrain":
        problem = draw_problem(operations, rng)
    style = _choose(rng, mix.styles)
    malformed = mix.malformed_direct if style == "direct" else mix.malformed_worked
    kind = _choose(rng, MALFORMATIONS) if rng.random() < malformed else "well_formed"
    response, finished = write_response(problem, style, kind, rng)
    return Document(render_prompt(problem.text), response, finished)


def write_response(problem: Problem, style: str, kind: str, rng: random.Random) -> tuple[str, bool]:
    """Write a response in a style (see the module) with a malformation or ``well_formed``.

    Returns:
        The text after ``<think>`` and whether it ends; a rambling text does not.
    """
    work = "" if style == "direct" else " " + write_steps(problem, slip=style == "slip", rng=rng)
    boxed = f"\\boxed{{{problem.answer}}}"
    if kind == "breaks_off":
        return work[: rng.randint(1, len(work))] if work else " </think>", True
    if kind == "rambles":
        last = f"{problem.steps[-1]}={problem.answer},"
        return (f"{work}," if work else " ") + last * (RAMBLE_TOKENS // len(last)), False
    tails = {
        "well_formed": f" </think> <answer> {boxed} </answer>",
        "no_think_close": f" <answer> {boxed} </answer>",
        "no_boxed": f" </think> <answer> {problem.answer} </answer>",
        "no_answer_tags": f" </think> {boxed}",
        "unclosed_answer": f" </think> <answer> {boxed}",
        "wrong_order": f" <answer> {boxed} </answer> </think>",
    }
    return work + tails[kind], True


def write_steps(problem: Problem, *, slip: bool, rng: random.Random) -> str:
    """Write the running totals, with one wrong total and its correction if `slip`."""
    slip_at = rng.randrange(len(problem.signs)) if slip else -1
    written = []
    for position, (step, total) in enumerate(zip(problem.steps, problem.totals, strict=True)):
        left = f"{problem.operands[0]}{step}" if position == 0 else step
        if position == slip_at:
            wrong = [total + o for o in SLIP_OFFSETS if 0 <= total + o <= 99]
            written.append(f"{left}={rng.choice(wrong)}")
            left = f"wait,{left}"
        written.append(f"{left}={total}")
    return ",".join(written)


def _choose(rng: random.Random, weights: Mapping[T, float]) -> T:
    return rng.choices(list(weights), weights=list(weights.values()))[0]
