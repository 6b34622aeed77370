"""The operating curve of a rule, before any run: how often it says which word at which true effect.

Made-up studies have the noise of stored runs, whole curves of it, and go through the code that
judges real ones. The numbers of each part are then moved to a stated true mean:

    false   one part at its limit, the others far inside: the worst point at which the sentence is
            false; "reproduced" may be said in 5 % there
    true    every part at its limit: the worst point at which it is true; "contradicted" in 5 %
    design  the effect that the file states: "reproduced" must be said in 80 %, at the error rate of
            the first step of Holm's correction for a primary claim

Axis letters: ``R`` made-up studies, ``S`` training seeds, ``T`` steps, ``N`` stored seeds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.claims.deciding import Sample, Word, decide
from harness.claims.judging import DESIGN
from harness.claims.measuring import curves_of
from harness.claims.quantities import Curves, Quantity, values_of
from harness.claims.reading import MOST_PRIMARY, Claim
from harness.claims.rules import ClaimRule, Part
from harness.metrics.tables import Tables
from harness.stats.looks import Design

STUDIES = 4000
"""Made-up studies per point: a share of 5 % then has a standard error of 0.3 points."""

SEEDS = (3, 5, 8, 12)
"""The looks, and 3: fewer than the first look, where a rule must decide nothing."""

MOST_WRONG = 0.05
LEAST_POWER = 0.8
GRID = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
"""True effects of the operating curve: 0 is the limit of each part, 1 the design effect."""

Noise = Literal["normal", "resampled"]
NOISES: tuple[Noise, ...] = ("normal", "resampled")
_FAR = 50.0
"""Standard deviations that are far inside a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """How often each word is said at one true effect.

    Attributes:
        name: "false", "true", "design", or the effect as a share of the way to the design.
        seeds: of the studies.
        noise: how it was drawn.
        reproduced, contradicted: shares of studies, in [0, 1].
    """

    name: str
    seeds: int
    noise: Noise
    reproduced: float
    contradicted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """What was found of one rule.

    Attributes:
        claim: whose rule it is.
        points: the operating curve.
        wrongly_reproduced: at the worst point where the sentence is false, over noises and looks.
        wrongly_contradicted: at the worst point where it is true.
        power: share of "reproduced" at the design effect, by number of seeds, the smaller of the
            two noises; empty for a rule that is untestable here.
        objection: why the rule is refused; "" if it is kept.
    """

    claim: Claim
    points: tuple[Point, ...]
    wrongly_reproduced: float
    wrongly_contradicted: float
    power: Mapping[int, float]
    objection: str


def lint_rule(claim: Claim, rule: ClaimRule, tables: Tables, studies: int = STUDIES) -> Lint:
    """Simulate one rule.

    Args:
        claim: that it belongs to.
        rule: at the scale of the stored runs.
        tables: of the stored runs whose noise is taken: arms that share seeds.
        studies: made-up studies per point.

    Raises:
        UsageError: a metric of the rule is not in the tables.
    """
    points = []
    for noise in NOISES:
        # the claim decides the seed: its figures do not depend on the other claims
        rng = np.random.default_rng([*claim.id.encode(), NOISES.index(noise)])
        values = [made_up(part, tables, noise, studies, rng) for part in rule.parts]
        points += list(_points(claim, rule, values, noise))
    return _found(claim, rule, points, studies)


def made_up(
    part: Part, tables: Tables, noise: Noise, studies: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw what a part measures in studies around a mean of 0, shape (studies, seeds).

    Each arm has the mean curve of the stored control and noise of a stored arm, the same stored
    seeds in all arms of a study, so that arms stay as correlated as they are.
    """
    stored = list(dict.fromkeys(tables.runs["arm"].astype(str)))
    curves, seeds = curves_of(tables, part.quantity.metric, stored)
    shape = (studies, max(SEEDS))
    weight_RSN = _weights(noise, (*shape, len(seeds)), rng)
    if part.quantity.measure == "share_below":
        # its metric may be undefined at some steps of some seeds: no curves can be added up there
        return np.asarray(weight_RSN @ _rest(part.quantity, curves, stored))
    mean_T = curves.value[stored[0]].mean(axis=0)
    value = {}
    for place, arm in enumerate(part.quantity.arms):
        own = curves.value[stored[place % len(stored)]]
        rest_NT = own - own.mean(axis=0)
        # more arms than are stored: the noise of one that was used, in other seeds
        turned = np.roll(rest_NT, place // len(stored), axis=0)
        value[arm] = mean_T + weight_RSN @ turned
    drawn = Curves(step_T=curves.step_T, value=value, end=curves.end, start=curves.start)
    value_RS = values_of(part.quantity, drawn)
    return np.asarray(value_RS - value_RS.mean())


def _rest(quantity: Quantity, curves: Curves, stored: Sequence[str]) -> np.ndarray:
    """Return a quantity of the stored seeds less its mean over them, shape (seeds,)."""
    arms = {arm: stored[place % len(stored)] for place, arm in enumerate(quantity.arms)}
    drawn = replace(curves, value={arm: curves.value[own] for arm, own in arms.items()})
    value_N = values_of(quantity, drawn)
    return np.asarray(value_N - value_N.mean())


def _weights(noise: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw what each made-up seed takes of each stored one, so that variances are unbiased.

    Source:
        Silverman and Young 1987, Biometrika 74:469 (the smoothed bootstrap, its variance kept).
    """
    stored = shape[-1]
    normal = rng.standard_normal(shape) / math.sqrt(stored - 1)
    if noise == "normal":
        return np.asarray(normal)
    picked = rng.integers(stored, size=shape[:-1])
    resampled = np.eye(stored)[picked] * math.sqrt(stored / (stored - 1))
    # smoothed: of a few stored seeds alone a study would often draw the same one again and again
    smooth = 1.06 * stored ** (-1 / 5)
    return np.asarray((resampled + smooth * normal) / math.sqrt(1 + smooth**2))


def _points(
    claim: Claim, rule: ClaimRule, values: Sequence[np.ndarray], noise: Noise
) -> list[Point]:
    spreads = [float(value.std()) for value in values]
    design: Sequence[float] = _design_means(rule, spreads)
    corrected = DESIGN.for_step(MOST_PRIMARY) if claim.role == "primary" else DESIGN
    far = [
        _inside(part, spread * _FAR, design[at])
        for at, (part, spread) in enumerate(zip(rule.parts, spreads, strict=True))
    ]
    found = []
    for seeds in SEEDS:
        at = [value[:, :seeds] for value in values]
        for place, part in enumerate(rule.parts):
            for limit in _limits(part):
                moved = [limit if i == place else far[i] for i in range(len(far))]
                found.append(_point("false", rule, at, moved, DESIGN, noise))
        for limits in itertools.product(*(_limits(part) for part in rule.parts)):
            found.append(_point("true", rule, at, limits, DESIGN, noise))
        if rule.design:
            found.append(_point("design", rule, at, design, corrected, noise))
        for share in GRID:
            mean = [
                _limits(part)[0] + share * (goal - _limits(part)[0])
                for part, goal in zip(rule.parts, design, strict=True)
            ]
            found.append(_point(f"{share:g}", rule, at, mean, DESIGN, noise))
    return found


def _point(
    name: str,
    rule: ClaimRule,
    value: Sequence[np.ndarray],
    mean: Sequence[float],
    design: Design,
    noise: Noise,
) -> Point:
    samples = [Sample(v + m, 1.0) for v, m in zip(value, mean, strict=True)]
    # a control that responds: without one nothing that rests on absence is ever said
    control = [
        Sample(value[0] / max(float(value[0].std()), 1e-12) + _inside(part, _FAR, None), 1.0)
        for part in rule.control
    ]
    words = decide(rule, samples, control, design).word_R
    return Point(
        name=name,
        seeds=value[0].shape[1],
        noise=noise,
        reproduced=float((words == str(Word.REPRODUCED)).mean()),
        contradicted=float((words == str(Word.CONTRADICTED)).mean()),
    )


def _found(claim: Claim, rule: ClaimRule, points: Sequence[Point], studies: int) -> Lint:
    wrongly_true = max(p.reproduced for p in points if p.name == "false")
    wrongly_false = max(p.contradicted for p in points if p.name == "true")
    power = {
        seeds: min(p.reproduced for p in points if p.name == "design" and p.seeds == seeds)
        for seeds in SEEDS
        if rule.design and not rule.untestable
    }
    return Lint(
        claim=claim,
        points=tuple(points),
        wrongly_reproduced=wrongly_true,
        wrongly_contradicted=wrongly_false,
        power=power,
        objection=_objection(wrongly_true, wrongly_false, power, studies),
    )


def _objection(
    wrongly_true: float, wrongly_false: float, power: Mapping[int, float], studies: int
) -> str:
    # two standard errors: a rule exactly at the limit is not refused for the draw of its studies
    allowed = MOST_WRONG + 2 * math.sqrt(MOST_WRONG * (1 - MOST_WRONG) / studies)
    if wrongly_true > allowed:
        return f"says reproduced in {wrongly_true:.1%} where its sentence is false"
    if wrongly_false > allowed:
        return f"says contradicted in {wrongly_false:.1%} where its sentence is true"
    if power and max(power.values()) < LEAST_POWER:
        return f"finds its design effect in {max(power.values()):.0%} of studies"
    return ""


def _limits(part: Part) -> list[float]:
    return [limit for limit in part.limits if math.isfinite(limit)]


def _inside(part: Part, distance: float, goal: float | None) -> float:
    """Return a mean far inside the limits of a part; between two limits there is no far."""
    low, high = part.limits
    if math.isfinite(low) and math.isfinite(high):
        return (low + high) / 2 if goal is None else goal
    return low + distance if math.isfinite(low) else high - distance


def _design_means(rule: ClaimRule, spreads: Sequence[float]) -> list[float]:
    """Return the design effects as they are measured; without them two spreads inside."""
    if rule.design:
        pairs = zip(rule.parts, rule.design, strict=True)
        return [math.log(value) if part.quantity.ratio else value for part, value in pairs]
    return [
        _inside(part, 2 * spread, None) for part, spread in zip(rule.parts, spreads, strict=True)
    ]
