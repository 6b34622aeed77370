"""The chances of a gate's answers, against the gate itself on made-up studies."""

import numpy as np
import pytest

from harness.compare.effects import Effect
from harness.compare.gate import judge
from harness.schema import ExitCode
from harness.stats.gating import gate_chances, spread_interval
from harness.stats.paired import compare_paired

MARGIN = 0.03


def answers(
    loss: float, spread: float, seeds: int, better: str, studies: int = 3000
) -> list[float]:
    """Shares of studies of normal differences that pass, cannot be told, and are worse."""
    rng = np.random.default_rng([seeds, round(1000 * loss), round(1000 * spread)])
    counts = dict.fromkeys((ExitCode.OK, ExitCode.CANNOT_TELL, ExitCode.WORSE), 0)
    for difference_S in rng.normal(-loss, spread, (studies, seeds)):
        difference = compare_paired(difference_S, np.zeros(seeds), margin=MARGIN)
        effect = Effect(
            metric="accuracy_easy",
            unit="fraction",
            better=better,
            end=40,
            candidate=0.0,
            baseline=0.0,
            seeds=((), ()),
            rows=(),
            difference=difference,
        )
        counts[judge(effect, is_same=False).code] += 1
    return [count / studies for count in counts.values()]


@pytest.mark.parametrize("better", ["higher", "neither"])
@pytest.mark.parametrize(
    ("loss", "spread", "seeds"),
    [
        (0.0, 0.02, 5),
        (0.03, 0.02, 5),
        (0.06, 0.02, 5),
        (0.0, 0.01, 3),
        (0.015, 0.03, 10),
    ],
)
def test_chances_are_those_of_the_gate(loss: float, spread: float, seeds: int, better: str) -> None:
    found = answers(loss, spread, seeds, better)
    stated = gate_chances(
        np.array([loss]),
        error=spread / seeds**0.5,
        dof=seeds - 1,
        margin=MARGIN,
        is_two_sided=better == "neither",
    )
    assert [float(share[0]) for share in stated] == pytest.approx(found, abs=0.03)
    wrong = gate_chances(
        np.array([loss]), error=3.0 * spread / seeds**0.5, dof=seeds - 1, margin=MARGIN
    )
    assert [float(share[0]) for share in wrong] != pytest.approx(found, abs=0.03)


@pytest.mark.parametrize("dof", [2.0, 4.0, 9.0, 30.0])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_a_loss_of_the_margin_passes_as_often_as_the_level_says(dof: float, level: float) -> None:
    at = gate_chances(np.array([MARGIN]), error=0.01, dof=dof, margin=MARGIN, level=level)
    assert float(at.passes_L[0]) == pytest.approx((1.0 - level) / 2.0, abs=3e-4)
    assert float(at.passes_L[0]) != pytest.approx((1.0 - level), abs=3e-4)


def test_more_loss_passes_less_and_the_three_sum_to_one() -> None:
    loss_L = np.linspace(-0.1, 0.2, 31)
    found = gate_chances(loss_L, error=0.01, dof=4.0, margin=MARGIN)
    assert (np.diff(found.passes_L) <= 1e-12).all() and (np.diff(found.worse_L) >= -1e-12).all()
    assert np.array(found).sum(axis=0) == pytest.approx(np.ones(31))
    assert found.passes_L[0] > 0.999 and found.worse_L[-1] > 0.999


@pytest.mark.parametrize(
    "wrong", [{"error": 0.0}, {"dof": 0.0}, {"level": 1.0}, {"margin": 0.0}, {"error": np.nan}]
)
def test_numbers_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    good = {"error": 0.01, "dof": 4.0, "margin": MARGIN, "level": 0.95}
    gate_chances(np.array([0.0]), **good)
    with pytest.raises(ValueError):
        gate_chances(np.array([0.0]), **{**good, **wrong})


def test_the_interval_of_a_spread_covers_as_often_as_it_says() -> None:
    spreads = np.random.default_rng(5).normal(0.0, 2.0, (4000, 5)).std(axis=1, ddof=1)
    covered = [low < 2.0 < high for low, high in (spread_interval(s, 4.0) for s in spreads)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)
    narrow = [low < 2.0 < high for low, high in (spread_interval(s, 40.0) for s in spreads)]
    assert np.mean(narrow) < 0.8
