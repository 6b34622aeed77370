r"""The synthetic corpus: how an untrained "author" answers, who can try but seldom goes on.

A response continues the prompt after ``<think>``. The author guesses at once or attempts the
problem, and after an attempt that fails gives up and guesses, or goes on, now and then with a word
of reflection. Any answer may be malformed. The last phase of pre-training sets the habits that the
base model shows.
"""

import random
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from harness.micro.families import FAMILIES, Problem
from harness.micro.hashing import axis_rng
from harness.micro.split import part_of
from harness.micro.template import render_prompt

T = TypeVar("T")

REFLECTION = {" wait,": 4, " retry,": 2, " recheck,": 2, " alternatively,": 1, " however,": 1}
AGAIN = " recheck,"
"""The word after which the last attempt is written once more."""
MALFORMATIONS = {
    "no_think_close": 5,
    "no_boxed": 4,
    "no_answer_tags": 3,
    "unclosed_answer": 3,
    "wrong_order": 2,
    "breaks_off": 2,
}


class Habits(NamedTuple):
    """Chances of one phase, each in 0..1.

    Attributes:
        direct: to answer at once.
        gives_up: after each attempt that fails.
        reflects: to write a word of reflection before going on.
        malformed: to break the format.
    """

    direct: float
    gives_up: float
    reflects: float
    malformed: float


class Mix(NamedTuple):
    """One phase of pre-training.

    Attributes:
        families: their relative weights.
        habits: of the author.
        levels: difficulties by family, where not all that the family has.
    """

    families: Mapping[str, float]
    habits: Habits
    levels: Mapping[str, tuple[int, ...]]


SHARES = {"search": 4, "orbit": 3, "chain": 3, "meet": 2}
PATIENT = Habits(direct=0.05, gives_up=0.04, reflects=0.08, malformed=0.05)
# problems that no other set has: one or two look-ups in a row, on which they are learned fastest
SIMPLE = {"search": (1, 2), "orbit": tuple(range(1, 8)), "chain": (1, 2, 3, 4), "meet": (4,)}
SIMPLE_MIX = Mix(SHARES, PATIENT, SIMPLE)
PATIENT_MIX = Mix(SHARES, PATIENT, {})
FINAL_MIX = Mix(SHARES, Habits(direct=0.42, gives_up=0.30, reflects=0.08, malformed=0.30), {})


class Document(NamedTuple):
    """One training text: the prompt and the response."""

    prompt: str
    response: str


def draw_document(mix: Mix, *axes: str | int) -> Document:
    """Draw one document from the generator of the axes; problems come from the pretrain part."""
    rng = axis_rng("document", *axes)
    family = FAMILIES[_choose(rng, mix.families)]
    levels = mix.levels.get(family.name, (*family.levels, *family.hard_levels))
    while True:
        problem = family.draw(rng.choice(levels), rng)
        if part_of(problem.text) == "pretrain":
            break
    return Document(render_prompt(problem.text), write_response(problem, mix.habits, rng))


def write_response(problem: Problem, habits: Habits, rng: random.Random) -> str:
    """Write a response: the text after ``<think>``."""
    work, answer = "", None
    if rng.random() >= habits.direct:
        work, answer = write_attempts(problem, habits, rng)
    if answer is None:
        answer = FAMILIES[problem.family].guess(problem, rng)
    kind = _choose(rng, MALFORMATIONS) if rng.random() < habits.malformed else "well_formed"
    return finish(work, answer, kind, rng)


def write_attempts(problem: Problem, habits: Habits, rng: random.Random) -> tuple[str, int | None]:
    """Write attempts until one solves the problem or the author gives up.

    Returns:
        The text, and the answer or None.
    """
    work = ""
    single = problem.family == "chain"
    for attempt in FAMILIES[problem.family].attempts(problem, rng):
        if attempt.solves:
            ending = "" if single else f" yes {problem.answer}"
            return work + attempt.text + ending, problem.answer
        work += f"{attempt.text} no"
        if rng.random() < habits.gives_up:
            return work, None
        if rng.random() < habits.reflects:
            word = _choose(rng, REFLECTION)
            work += f"{word}{attempt.text} no" if word == AGAIN else word
    raise ValueError(f"no attempt solves {problem.text!r}")


def finish(work: str, answer: int, kind: str, rng: random.Random) -> str:
    """Close the thinking and answer, in the right form or with a malformation."""
    boxed = f"\\boxed{{ {answer}}}"
    if kind == "breaks_off":
        # at a word's end, as a model stops, not inside a number
        words = work.split(" ")[1:]
        kept = words[: rng.randint(1, len(words))] if words else ["</think>"]
        return "".join(f" {word}" for word in kept)
    tails = {
        "well_formed": f" </think> <answer> {boxed} </answer>",
        "no_think_close": f" <answer> {boxed} </answer>",
        "no_boxed": f" </think> <answer> {answer} </answer>",
        "no_answer_tags": f" </think> {boxed}",
        "unclosed_answer": f" </think> <answer> {boxed}",
        "wrong_order": f" <answer> {boxed} </answer> </think>",
    }
    return work + tails[kind]


def _choose(rng: random.Random, weights: Mapping[T, float]) -> T:
    return rng.choices(list(weights), weights=list(weights.values()))[0]
