import math

import numpy as np
import pytest

from harness.plan.lengths import Lengths, growth
from harness.references.entries import Curve, Source


@pytest.mark.parametrize("mean", [50.0, 1500.0, 4000.0, 7000.0])
def test_moments_are_those_of_the_cut_law(mean: float) -> None:
    lengths = Lengths(mean, 8192)
    ages = np.linspace(0, 8192, 200_001)
    survival = np.exp(-lengths.rate * ages)
    assert np.trapezoid(survival, ages) == pytest.approx(mean, rel=1e-4)
    assert np.trapezoid(2 * ages * survival, ages) == pytest.approx(lengths.second_moment, rel=1e-4)
    assert lengths.truncated == pytest.approx(survival[-1])


def test_one_response_takes_the_mean_and_many_take_the_longest() -> None:
    lengths = Lengths(1000.0, 8192)
    assert lengths.any_active(1) == pytest.approx(1000, rel=2e-3)
    assert lengths.any_active(64) == pytest.approx(
        1000 * sum(1 / k for k in range(1, 65)), rel=0.02
    )
    assert lengths.any_active(1e6) == pytest.approx(8192, rel=1e-3)


def test_a_mean_at_the_limit_is_almost_all_truncated() -> None:
    lengths = Lengths(9000.0, 8192)
    assert lengths.truncated > 0.9
    assert math.isfinite(lengths.second_moment)


def curve(points: dict[float, float]) -> Curve:
    return Curve(
        name="c",
        model="m",
        arm="a",
        metric="response length",
        unit="tokens",
        protocol="p",
        source=Source(paper="p", place="f", page=None),
        how_read="by hand",
        reading_error="none",
        seeds=1,
        steps=tuple(points),
        values=tuple(points.values()),
        traps=(),
    )


def test_growth_follows_the_curve_and_then_stays_at_its_end() -> None:
    grown = growth(curve({0: 100.0, 10: 200.0, 40: 500.0, 50: 700.0}), 60, 8192)
    assert grown[:11].tolist() == [100.0 + 10 * step for step in range(11)]
    # the mean of the points of the last 20 steps
    assert grown[55] == 600.0


def test_growth_is_cut_at_the_longest_response() -> None:
    assert growth(curve({0: 100.0, 10: 2000.0}), 30, 1000).max() == 980.0
