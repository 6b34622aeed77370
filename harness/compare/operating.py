"""What a gate lets through: its operating curve, by the noise of the runs that it judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.compare.effects import Effect
from harness.compare.pairing import Pairing
from harness.compare.sides import Side
from harness.stats.gating import gate_chances, spread_interval
from harness.stats.intervals import are_equal
from harness.text import number

LOSSES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""True losses of the table, in margins."""

SKEWED = 11
"""Per cent of gates that pass a loss of one margin if differences are exponential to the bad side:
the worst of scripts/calibration_gate.py, at 3, 5 and 10 seeds."""

_SURE = 0.8
_MOST = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How often a gate gives each answer at a true loss (in margins); shares in [0, 1]."""

    margins: float
    passes: float
    untold: float
    worse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingCurve:
    """How often a gate with this noise, margin and number of seeds gives each answer.

    Attributes:
        metric / unit / margin / level: of the gate.
        seeds: (candidate's, baseline's) that are compared.
        spread: standard deviation that it is made for, in the unit: of the paired differences, or
            of the baseline's seeds.
        spread_range: 95 % interval of the spread, for normal seeds.
        basis: where the spread is from, in words.
        chances: one for each of `LOSSES`.
        caught: true loss in margins that is called worse in 80 of 100; NaN beyond 100 margins.
    """

    metric: str
    unit: str
    margin: float
    level: float
    seeds: tuple[int, int]
    spread: float
    spread_range: tuple[float, float]
    basis: str
    chances: tuple[Chance, ...]
    caught: float

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads and rows, for a page or a terminal."""
        rows = [
            [
                f"{item.margins:g} ({number(item.margins * self.margin, self.unit)})",
                *(_percent(share) for share in (item.passes, item.untold, item.worse)),
            ]
            for item in self.chances
        ]
        return ["true loss [margins]", "passes", "cannot tell", "worse"], rows

    @property
    def sentence(self) -> str:
        """What the table says, and what it is made from."""
        at = {item.margins: item for item in self.chances}
        low, high = (number(end, self.unit) for end in self.spread_range)
        caught = (
            f"a loss of {self.caught:.1f} margins is called worse in {100 * _SURE:g} %"
            if np.isfinite(self.caught)
            else f"no loss is called worse in {100 * _SURE:g} %"
        )
        seeds = " and ".join(str(n) for n in dict.fromkeys(self.seeds))
        return (
            f"Of the judged metric, {self.metric}: a true loss of one margin passes in"
            f" {_percent(at[1.0].passes)}, no loss passes in {_percent(at[0.0].passes)}; {caught}."
            f" For normal noise with {seeds} seeds and a standard deviation of"
            f" {number(self.spread, self.unit)} [{low}, {high}], {self.basis}; where few runs fall"
            f" far below the rest, a loss of one margin passes in up to {SKEWED:g} %."
        )


def operating_curve(
    candidate: Side, baseline: Side, pairing: Pairing, effect: Effect
) -> OperatingCurve | None:
    """Operating curve of a gate; None without a margin, two seeds, or any noise.

    Paired, the noise is that of the differences by seed: what a seed does to both cancels. Else, or
    if all differences are equal, each side is taken to have the noise of the baseline's seeds.

    Args:
        candidate: what is judged.
        baseline: what it is judged by.
        pairing: how the seeds go together.
        effect: of the judged metric.
    """
    margin, end = effect.difference.margin, effect.end
    if margin is None or end is None:
        return None
    mine_S, other_S = (
        _values(side, effect.metric, end, seeds)
        for side, seeds in zip((candidate, baseline), pairing.seeds, strict=True)
    )
    noise = _noise(mine_S, other_S, pairing.is_paired)
    if noise is None:
        return None
    spread, error, dof, basis = noise
    tested = len(mine_S) + len(other_S) - 2 if basis is not _PAIRED else dof
    level, is_two_sided = effect.difference.level, effect.better == "neither"

    def chances(losses: Sequence[float]) -> list[Chance]:
        found = gate_chances(
            np.array(losses) * margin,
            error=error,
            dof=tested,
            margin=margin,
            level=level,
            is_two_sided=is_two_sided,
        )
        shares = np.array(found).T.tolist()
        return [
            Chance(margins=m, passes=p, untold=u, worse=w)
            for m, (p, u, w) in zip(losses, shares, strict=True)
        ]

    grid = np.linspace(0.0, _MOST, 2001).tolist()
    caught = (item.margins for item in chances(grid) if item.worse >= _SURE)
    return OperatingCurve(
        metric=effect.metric,
        unit=effect.unit,
        margin=margin,
        level=level,
        seeds=(len(mine_S), len(other_S)),
        spread=spread,
        spread_range=spread_interval(spread, dof),
        basis=basis,
        chances=tuple(chances(LOSSES)),
        caught=next(caught, np.nan),
    )


_PAIRED = "that of the differences by seed, estimated from them"
_UNPAIRED = "that of the baseline's seeds, estimated from them and taken for both sides"


def _noise(
    mine_S: np.ndarray, other_S: np.ndarray, is_paired: bool
) -> tuple[float, float, float, str] | None:
    """Return spread, standard error of the difference, freedom of the spread, and its basis."""
    if is_paired:
        is_pair_S = np.isfinite(mine_S) & np.isfinite(other_S)
        difference_S = (mine_S - other_S)[is_pair_S]
        if difference_S.size > 1 and not are_equal(difference_S, 1.0):
            spread = float(difference_S.std(ddof=1))
            count = difference_S.size
            return spread, spread / count**0.5, count - 1.0, _PAIRED
    stored_S = other_S[np.isfinite(other_S)]
    count = int(np.isfinite(mine_S).sum())
    if stored_S.size < 2 or count < 1 or are_equal(stored_S, 1.0):
        return None
    spread = float(stored_S.std(ddof=1))
    error = spread * (1.0 / count + 1.0 / stored_S.size) ** 0.5
    return spread, error, stored_S.size - 1.0, _UNPAIRED


def _values(side: Side, metric: str, end: int, seeds: Sequence[int]) -> np.ndarray:
    """Value at the end per seed, NaN where there is none."""
    rows = side.ends(metric, end)
    of_seed = dict(zip(rows["seed"].astype(int), rows["value"].astype(float), strict=True))
    return np.array([of_seed.get(seed, np.nan) for seed in seeds])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
