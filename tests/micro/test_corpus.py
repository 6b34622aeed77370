"""The synthetic corpus."""

import random
from collections import Counter

import pytest

from harness.micro.corpus import (
    FINAL_MIX,
    LONG_MIX,
    MALFORMATIONS,
    SHORT_MIX,
    Mix,
    draw_document,
    write_response,
    write_steps,
)
from harness.micro.grade import judge
from harness.micro.task import Problem, part_of

PROBLEM = Problem((7, 5, 3), (1, -1))


def test_well_formed_responses_are_correct_in_every_style() -> None:
    expected = {
        "direct": " </think> <answer> \\boxed{9} </answer>",
        "worked": " 7+5=12,-3=9 </think> <answer> \\boxed{9} </answer>",
    }
    for style, text in expected.items():
        assert write_response(PROBLEM, style, "well_formed", random.Random(0)) == (text, True)
    slip, finished = write_response(PROBLEM, "slip", "well_formed", random.Random(0))
    judgement = judge(slip, 9, finished=finished)
    assert judgement.style == "slip"
    assert judgement.correct


def test_a_slip_is_wrong_once_and_then_corrected() -> None:
    for seed in range(20):
        wrong, right = write_steps(PROBLEM, slip=True, rng=random.Random(seed)).split(",wait,")
        assert wrong not in "7+5=12,-3=9"
        assert "7+5=12,-3=9".endswith(right)


def test_a_slip_stays_below_one_hundred_at_every_total() -> None:
    problem = Problem((9, *[9] * 8), (1,) * 8)
    for seed in range(30):
        written = write_steps(problem, slip=True, rng=random.Random(seed))
        assert all(int(step.split("=")[1]) <= 99 for step in written.split(",") if "=" in step)


@pytest.mark.parametrize("style", ["direct", "worked", "slip"])
@pytest.mark.parametrize("kind", MALFORMATIONS)
def test_every_malformation_breaks_the_format_or_the_box(style: str, kind: str) -> None:
    text, finished = write_response(PROBLEM, style, kind, random.Random(1))
    judgement = judge(text, 9, finished=finished)
    assert not (judgement.well_formed and judgement.correct)


def test_documents_are_deterministic_and_differ_between_seeds() -> None:
    def draw(seed: int) -> list[str]:
        documents = (draw_document(FINAL_MIX, seed, 0, i) for i in range(200))
        return [d.prompt + d.response for d in documents]

    assert draw(0) == draw(0)
    assert len(set(draw(0)) & set(draw(1))) <= 1


def test_corpus_never_shows_a_problem_of_another_part() -> None:
    for index in range(500):
        prompt = draw_document(FINAL_MIX, "parts", index).prompt
        problem = prompt.split("problem:\n")[1].split("\n")[0]
        assert part_of(problem) == "pretrain"


@pytest.mark.parametrize("mix", [SHORT_MIX, LONG_MIX, FINAL_MIX])
def test_shares_of_a_mix_sum_to_one_and_are_met(mix: Mix) -> None:
    assert sum(mix.styles.values()) == pytest.approx(1)
    documents = [draw_document(mix, "shares", i) for i in range(2000)]
    styles = Counter(judge(d.response, 0, finished=True).style for d in documents)
    for style, share in mix.styles.items():
        assert styles[style] / 2000 == pytest.approx(share, abs=0.04)
