"""The legacy matcher: on our own cases, and on what the authors' code said where that is at hand.

The observed verdicts of the matcher are not part of the repository. They are read from the
directory that ORZ_CASES names, else from shared/data beside the repository.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings

from harness.graders.verdict import Outcome, Sample
from tests.graders.test_text_rules import ANSWERS

pytest.importorskip("sympy", reason="the legacy matcher reads LaTeX with sympy")

from harness.graders import orz
from harness.graders.latex import LatexError, parse_latex
from harness.graders.pool import Pool
from harness.rewards.graded import reward_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OBSERVED = Path(os.environ.get("ORZ_CASES", ROOT.parent / "shared" / "data"))
MATCHER_CASES = OBSERVED / "orz_matcher_cases.jsonl"
LEAST_AGREEMENT = 0.995


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def is_equal(case: dict) -> bool:
    return orz.matches(orz.unboxed(case["reference"]), orz.unboxed(case["answer"])).is_right


def disagreeing(cases: list[dict], found: list[bool]) -> list[dict]:
    """Cases on which the matcher says something else than is written in them."""
    pairs = zip(cases, found, strict=True)
    return [case for case, is_right in pairs if is_right is not case["equal"]]


def observed() -> list[dict]:
    if not MATCHER_CASES.is_file():
        pytest.skip("the observed verdicts are not here: name their directory in ORZ_CASES")
    return lines_of(MATCHER_CASES)


def test_our_own_cases() -> None:
    cases = lines_of(HERE / "cases.jsonl")
    found = [is_equal(case) for case in cases]
    assert disagreeing(cases, found) == []
    turned = [{**case, "equal": not case["equal"]} for case in cases]
    assert disagreeing(turned, found) == turned


@pytest.mark.engine
def test_observed_verdicts() -> None:
    cases = observed()
    wrong = disagreeing(cases, [is_equal(case) for case in cases])
    assert len(wrong) <= (1 - LEAST_AGREEMENT) * len(cases), wrong


@pytest.mark.engine
def test_observed_responses_earn_what_the_authors_paid() -> None:
    cases = lines_of(ROOT / "tests" / "recorded" / "orz_reward_cases.jsonl")
    paid = [
        int(reward_of(orz.grade(case["response"], case["reference"]), case["finish_reason"]))
        for case in cases
    ]
    assert paid == [case["reward"] for case in cases]


@pytest.mark.engine
@given(ANSWERS)
@settings(deadline=None)
def test_reading_gives_an_expression_or_one_error(text: str) -> None:
    try:
        assert parse_latex(text) is not None
    except LatexError as error:
        assert str(error)


@pytest.mark.engine
@given(ANSWERS, ANSWERS)
@settings(deadline=None)
def test_matching_never_raises_and_has_no_direction(left: str, right: str) -> None:
    assert orz.matches(left, right).outcome is orz.matches(right, left).outcome
    assert orz.matches(left, left).outcome is Outcome.RIGHT


def test_the_reader_stops_where_sympys_own_parser_stops() -> None:
    assert str(parse_latex("3, 5")) == "3"
    assert str(parse_latex("\\frac{x}{2}")) == "x/2"
    for text in ("\\sqrt2", "(1,2)", "", "$5$"):
        with pytest.raises(LatexError):
            parse_latex(text)


def test_reading_leaves_antlr_as_it_was() -> None:
    """Hydra's grammar, in the old form, is read by the same runtime."""
    import antlr4  # type: ignore[import-untyped]
    from omegaconf import OmegaConf

    parse_latex("1")
    assert antlr4.ATNDeserializer.__module__ == "antlr4.atn.ATNDeserializer"
    assert OmegaConf.create({"a": 1, "b": "${a}"}).b == 1


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("", "no box"),
        ("<answer> 4 </answer>", "no box"),
        ("<answer> \\boxed{4", "no box"),
        ("\\boxed{4}", "no box"),
        ("<answer> \\boxed{} </answer>", "empty"),
        ("<answer> \\boxed{\\frac{1}{4} </answer>", "not closed"),
    ],
)
def test_without_an_answer_there_is_no_grade(response: str, reason: str) -> None:
    verdict = orz.grade(response, "4")
    assert verdict.outcome is Outcome.UNGRADABLE
    assert reason in verdict.reason


def test_a_long_repetitive_answer_is_wrong_before_it_is_read() -> None:
    assert orz.matches("2", "1+" * 100 + "1").reason == "long and repetitive"


HOSTILE = {
    "tower": "9^{9^{9^{9}}}",
    "power": "9**9**9",
    "factorials": "((((99!)!)!)!)!",
    "nested": "(" * 3000 + "1" + ")" * 3000,
    "fractions": "\\frac{1}{" * 400 + "x" + "}" * 400,
    "digits": "9" * 1_000_000,
    "letters": "ab" * 500_000,
    "boxes": "\\boxed{" * 20_000,
    "surrogate": "\ud800 \x00",
}


def graded(text: str) -> None:
    samples = [Sample(f"<answer> \\boxed{{{text}}} </answer>", "7"), Sample(text, "7")]
    good = Sample("<answer> \\boxed{7.0} </answer>", "7")
    with Pool("orz") as pool:
        verdicts = pool.grade([*samples, good])
    assert not any(verdict.is_right for verdict in verdicts[:2])
    assert verdicts[2].is_right


@pytest.mark.engine
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_stop_nothing(name: str) -> None:
    graded(HOSTILE[name])
