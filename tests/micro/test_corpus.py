"""The synthetic corpus."""

import random
from statistics import mean

import pytest

from harness.micro.corpus import (
    FINAL_MIX,
    MALFORMATIONS,
    PATIENT_MIX,
    SIMPLE_MIX,
    Habits,
    Mix,
    draw_document,
    finish,
    write_attempts,
    write_response,
)
from harness.micro.families import FAMILIES, Problem
from harness.micro.families.circle import MODULUS
from harness.micro.marking import mark
from harness.micro.split import part_of

NEVER = Habits(direct=0.0, gives_up=0.0, reflects=0.0, malformed=0.0)
PROBLEM = FAMILIES["search"].draw(3, random.Random(0))


def problem_of(prompt: str) -> str:
    return prompt.split("problem:\n")[1].split("\n")[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_an_author_who_never_gives_up_is_right(name: str) -> None:
    rng = random.Random(name)
    for _ in range(20):
        problem = FAMILIES[name].draw(FAMILIES[name].levels[0], rng)
        found = mark(problem, write_response(problem, NEVER, rng), finished=True)
        assert found.correct and found.well_formed
        assert found.steps == found.steps_right > 0
        assert found.verdicts == found.verdicts_right


def test_an_author_who_gives_up_at_once_makes_one_attempt() -> None:
    habits = NEVER._replace(gives_up=1.0)
    marks = [
        mark(PROBLEM, write_response(PROBLEM, habits, random.Random(i)), finished=True)
        for i in range(200)
    ]
    assert {m.attempts for m in marks} == {1}
    # the trial is right in one of 17, and so is the guess after it
    assert mean(m.correct for m in marks) == pytest.approx(2 / MODULUS, abs=0.07)


def test_a_recheck_writes_the_attempt_again_and_counts_as_right() -> None:
    habits = NEVER._replace(reflects=1.0)
    work, answer = write_attempts(PROBLEM, habits, random.Random(3))
    assert answer == PROBLEM.answer
    found = mark(PROBLEM, finish(work, answer, "well_formed", random.Random(0)), finished=True)
    assert found.reflections >= MODULUS / 4
    assert found.steps == found.steps_right


@pytest.mark.parametrize("work", ["", " 4 12 0 9 no"])
@pytest.mark.parametrize("kind", MALFORMATIONS)
def test_every_malformation_breaks_the_format_or_the_box(work: str, kind: str) -> None:
    text = finish(work, PROBLEM.answer, kind, random.Random(1))
    found = mark(PROBLEM, text, finished=True)
    assert not (found.well_formed and found.correct)


def test_documents_are_deterministic_and_differ_between_seeds() -> None:
    def draw(seed: int) -> list[str]:
        documents = (draw_document(FINAL_MIX, seed, 0, i) for i in range(200))
        return [d.prompt + d.response for d in documents]

    assert draw(0) == draw(0)
    assert len(set(draw(0)) & set(draw(1))) <= 1


@pytest.mark.parametrize("mix", [SIMPLE_MIX, PATIENT_MIX, FINAL_MIX])
def test_corpus_never_shows_a_problem_of_another_part(mix: Mix) -> None:
    for index in range(300):
        assert part_of(problem_of(draw_document(mix, "parts", index).prompt)) == "pretrain"


def test_the_last_phase_has_its_habits() -> None:
    documents = [draw_document(FINAL_MIX, "habits", i) for i in range(2000)]
    searches = [d for d in documents if "find x:" in d.prompt]
    assert len(searches) / 2000 == pytest.approx(1 / 3, abs=0.04)
    dummy: Problem = PROBLEM
    marks = [mark(dummy, d.response, finished=True) for d in searches]
    assert mean(m.attempts == 0 for m in marks) == pytest.approx(0.42, abs=0.05)
    assert mean(m.well_formed for m in marks) == pytest.approx(0.70, abs=0.07)
    assert 1.0 < mean(m.attempts for m in marks if m.attempts) < 3.5
