"""Measuring a model: counting, and a real sample."""

import math
import random
from pathlib import Path

import pytest

from harness.micro import probe
from harness.micro.families import FAMILIES
from harness.micro.marking import mark
from harness.micro.measure import as_values, direct_curve, format_statistics, summarise
from harness.micro.models import model_dir
from harness.micro.probe import main
from harness.micro.sampling import load, sample
from harness.micro.template import render_prompt

PROBLEM = FAMILIES["chain"].draw(4, random.Random(0))
GUESS = mark(PROBLEM, " </think> <answer> \\boxed{ 3} </answer>", finished=True)
CUT = mark(PROBLEM, " </think> <answer>", finished=False)


def test_statistics_count_shares_and_means() -> None:
    found = summarise([GUESS, GUESS, GUESS, CUT], [12, 12, 12, 80])
    assert (found.samples, found.format, found.truncated, found.tokens) == (4, 0.75, 0.25, 29)
    assert (found.accuracy, found.direct, found.direct_accuracy) == (0.0, 1.0, 0.0)


def test_what_never_occurs_has_no_share() -> None:
    found = summarise([GUESS], [12])
    assert math.isnan(found.steps_right)
    assert as_values(found)["steps_right"] is None
    assert "nan" in format_statistics({"chain": as_values(found)})


def test_a_directory_without_a_model_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"model={tmp_path}"]) == 2
    assert "holds no model" in capsys.readouterr().err


def test_the_command_says_which_demands_do_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    families = {"search": as_values(summarise([GUESS], [12]))}

    def told(direct: float) -> str:
        found = {"families": families, "persistence": {}, "direct": [direct] * 10}
        monkeypatch.setattr(probe, "probe", lambda *_, **__: found)
        assert main(["model=micro_0_8m"]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    assert told(0.1).startswith("demands that do not hold: thinking longer pays")
    assert "no short cut" not in told(0.1)
    assert "no short cut" in told(0.9)


@pytest.mark.engine
def test_a_model_made_to_go_on_makes_that_many_attempts_and_samples_repeat() -> None:
    loaded = load(model_dir())
    problems = [FAMILIES["search"].draw(3, random.Random(i)) for i in range(32)]
    prompts = [render_prompt(problem.text) for problem in problems]
    first = sample(loaded, prompts, 0, attempts=6)
    assert first == sample(loaded, prompts, 0, attempts=6)
    made = [
        mark(problem, response.text, finished=True).attempts
        for problem, response in zip(problems, first, strict=True)
        if " yes" not in response.text
    ]
    assert len(made) > 10
    assert sum(attempts == 6 for attempts in made) >= 0.9 * len(made)
    alone = sample(loaded, prompts, 0)
    assert sum(r.tokens for r in alone) < sum(r.tokens for r in first)


@pytest.mark.engine
def test_rewarded_guesses_are_measured_at_every_step() -> None:
    curve = direct_curve(model_dir(), steps=2)
    assert len(curve) == 2
    assert all(0.0 <= accuracy < 0.35 for accuracy in curve)
