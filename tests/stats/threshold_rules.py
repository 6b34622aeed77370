"""A rule made of thresholds on t intervals, plain enough to check the simulations with."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from harness.stats.intervals import rounding
from harness.stats.replication import Decide


class Threshold(NamedTuple):
    """`every` or `any` quantity has its low, high or point above or below a number."""

    word: str
    quantifier: Literal["every", "any"]
    bound: Literal["low", "high", "point"]
    side: Literal["above", "below"]
    value: float


def rule_of_thresholds(
    thresholds: Sequence[Threshold], *, level: float = 0.95, otherwise: str = "inconclusive"
) -> Decide:
    """Return the rule that says a threshold's word where it holds, by t intervals at a level.

    Args:
        thresholds: tried in turn; several with one word must all hold. If the conditions of two
            words hold, or of none, the word is `otherwise`.
        level: two-sided, in (0, 1).
        otherwise: the word where nothing is decided; also where a quantity shows no noise.

    Raises:
        ValueError: no threshold, or a level outside (0, 1).
    """
    if not thresholds or not 0.0 < level < 1.0:
        raise ValueError(f"expected thresholds and a level in (0, 1), got {thresholds!r}, {level}")

    def decide(value_BCS: np.ndarray) -> np.ndarray:
        bounds = _intervals(value_BCS, level)
        words = list(dict.fromkeys(threshold.word for threshold in thresholds))
        holds = {word: np.ones(len(value_BCS), dtype=bool) for word in words}
        for threshold in thresholds:
            holds[threshold.word] &= _holds(threshold, bounds)
        said_B = np.sum(list(holds.values()), axis=0) == 1
        found_B = np.full(len(value_BCS), otherwise, dtype=object)
        for word in words:
            found_B[said_B & holds[word]] = word
        return found_B

    return decide


def _intervals(value_BCS: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """Return point and t bounds, each of shape (studies, quantities); NaN without noise."""
    seeds = value_BCS.shape[2]
    point_BC = value_BCS.mean(axis=2)
    if seeds < 2:
        nothing_BC = np.full(point_BC.shape, np.nan)
        return {"point": point_BC, "low": nothing_BC, "high": nothing_BC}
    is_noise_BC = np.ptp(value_BCS, axis=2) > rounding(np.abs(value_BCS).max(axis=2))
    half_BC = value_BCS.std(axis=2, ddof=1) * special.stdtrit(seeds - 1, (1.0 + level) / 2.0)
    half_BC = np.where(is_noise_BC, half_BC / np.sqrt(seeds), np.nan)
    return {"point": point_BC, "low": point_BC - half_BC, "high": point_BC + half_BC}


def _holds(threshold: Threshold, bounds: Mapping[str, np.ndarray]) -> np.ndarray:
    value_BC = bounds[threshold.bound]
    met_BC = value_BC > threshold.value if threshold.side == "above" else value_BC < threshold.value
    return np.asarray(met_BC.all(axis=1) if threshold.quantifier == "every" else met_BC.any(axis=1))
