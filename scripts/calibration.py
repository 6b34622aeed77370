"""Simulation studies: do intervals cover and tests err as often as they say?

Every study calls the functions of `harness.stats` on many made-up data sets whose truth is known.
Axis letters: ``R`` repeats, ``S`` training seeds, ``T`` steps, ``B`` bootstrap draws.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

from harness.stats.bands import band_paired
from harness.stats.intervals import rounding
from harness.stats.multiplicity import holm
from harness.stats.paired import compare_paired, compare_unpaired
from harness.stats.permutation import permutation_paired
from harness.stats.seed_bootstrap import bootstrap_bounds
from harness.stats.sequential import monitor_bounded, monitor_normal

SEEDS = (3, 5, 10)
LEVEL, ALPHA = 0.95, 0.05
WIDE = 0.98
"""Level of a t interval that makes up for skew in one arm."""

LOOKS = 64
"""Seeds after each of which the sequential monitors are looked at."""

CLAIMS = 5
STEPS = 40
DRAWS = 1000


class Row(NamedTuple):
    """One figure: how often an interval covered, or a test erred."""

    study: str
    world: str
    method: str
    seeds: int
    nominal: float
    found: float
    repeats: int


class Arms(NamedTuple):
    """Scores of two arms, shape (repeats, seeds) each, and the true difference of their means."""

    treat_RS: np.ndarray
    control_RS: np.ndarray
    truth: float


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """Two independent normal arms."""
    return Arms(rng.normal(0.3, 1.0, shape), rng.normal(0.0, 1.0, shape), 0.3)


def correlated(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """Normal arms of different spread that share most of what a seed does (correlation 0.9)."""
    shared = rng.normal(size=shape)
    apart = [rng.normal(size=shape) * np.sqrt(1.0 - 0.9**2) for _ in range(2)]
    return Arms(1.5 * (0.9 * shared + apart[0]), shared, 0.0)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """Independent exponential arms, the control with twice the spread."""
    return Arms(rng.exponential(1.0, shape), rng.exponential(2.0, shape), -1.0)


def skewed_correlated(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """Exponential seed noise in both arms, half as much again in treat, and own normal noise."""
    shared = rng.exponential(1.0, shape)
    own = [rng.normal(0.0, 0.3, shape) for _ in range(2)]
    return Arms(1.5 * shared + own[0], shared + own[1], 0.5)


def bounded(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """Accuracies over 128 answers: treat near the ceiling (0.95), control at 0.67."""
    arms = [rng.binomial(128, rng.beta(a, b, shape)) / 128 for a, b in ((60, 3), (20, 10))]
    return Arms(arms[0], arms[1], 60 / 63 - 20 / 30)


def bounded_correlated(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """Accuracies over 128 answers to the same questions: what a seed does is in both arms."""
    shared = rng.beta(20, 5, shape)
    share = 0.5 + 0.5 * shared
    arms = [rng.binomial(128, p) / 128 for p in (share, shared)]
    return Arms(arms[0], arms[1], 0.5 - 0.5 * 0.8)


def one_arm_skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Arms:
    """The worst case: treat exponential, the control all but without noise."""
    return Arms(rng.exponential(1.0, shape), rng.normal(0.0, 0.1, shape), 1.0)


WORLDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Arms]] = {
    "normal": normal,
    "normal, correlated arms": correlated,
    "skewed": skewed,
    "skewed, correlated arms": skewed_correlated,
    "bounded": bounded,
    "bounded, correlated arms": bounded_correlated,
    "one arm skewed": one_arm_skewed,
}
"""Name -> maker of scores, in the order of the tables."""


def coverage(world: str, seeds: int, repeats: int) -> list[Row]:
    """Measure the coverage of nominal 95 % intervals of a difference."""
    arms = WORLDS[world](generator("coverage", world, seeds), (repeats, seeds))
    pairs = list(zip(arms.treat_RS, arms.control_RS, strict=True))
    found = {
        name: np.array([compare(t, c, level=LEVEL).interval[1:] for t, c in pairs]).T
        for name, compare in (("paired t", compare_paired), ("Welch t", compare_unpaired))
    }
    wide = [compare_paired(t, c, level=WIDE).interval[1:] for t, c in pairs]
    found[f"paired t at level {WIDE:g}"] = np.array(wide).T
    if "correlated" in world:
        # the test for arms that share nothing is not meant for arms that do
        del found["Welch t"]
    rng = generator("bootstrap", world, seeds)
    apart_RS = arms.treat_RS - arms.control_RS
    bounds = bootstrap_bounds(apart_RS, rng, draws=DRAWS, level=LEVEL)
    found |= {f"{method} bootstrap": ends for method, ends in bounds.items()}
    return [
        Row("coverage", world, name, seeds, LEVEL, share(low, high, arms.truth), repeats)
        for name, (low, high) in found.items()
    ]


def false_positives(world: str, seeds: int, repeats: int) -> list[Row]:
    """Measure the error rate of one-sided tests at 5 %.

    Treat is shifted so that the true difference is 0 (superiority, permutation), or 3 standard
    deviations of the differences, which is the margin (equivalence).
    """
    arms = WORLDS[world](generator("false positives", world, seeds), (repeats, seeds))
    null_RS = arms.treat_RS - arms.truth
    margin = 3.0 * float((null_RS - arms.control_RS).std())
    p_values: dict[str, list[float]] = {name: [] for name in TESTS}
    for treat_S, control_S in zip(null_RS, arms.control_RS, strict=True):
        p_values["superiority"].append(compare_paired(treat_S, control_S).p_superior)
        p_values["inferiority"].append(compare_paired(treat_S, control_S).p_inferior)
        p_values["superiority, Welch"].append(compare_unpaired(treat_S, control_S).p_superior)
        at_margin = compare_paired(treat_S + margin, control_S, margin=margin)
        p_values["equivalence at the margin"].append(at_margin.p_equivalent)
        p_values["permutation"].append(permutation_paired(treat_S, control_S).p_superior)
    if "correlated" in world:
        del p_values["superiority, Welch"]
    return [
        Row("false positives", world, name, seeds, ALPHA, _rejected(np.array(p)), repeats)
        for name, p in p_values.items()
    ]


TESTS = (
    "superiority",
    "inferiority",
    "superiority, Welch",
    "equivalence at the margin",
    "permutation",
)


def family(seeds: int, repeats: int) -> list[Row]:
    """Measure the rate at which any of four untrue claims is found beside a true one.

    Five arms share one control, so that the claims hang together.
    """
    world = "5 arms, one control, one true claim"
    rng = generator("family", world, seeds)
    control_RS = rng.normal(size=(repeats, seeds))
    treat_RCS = rng.normal(size=(repeats, CLAIMS, seeds))
    treat_RCS[:, 0] += 2.0
    wrong = {"Holm": 0, "uncorrected": 0}
    for treat_CS, control_S in zip(treat_RCS, control_RS, strict=True):
        p_C = np.array([compare_paired(t, control_S).p_superior for t in treat_CS])
        wrong["Holm"] += bool((holm(p_C)[1:] <= ALPHA).any())
        wrong["uncorrected"] += bool((p_C[1:] <= ALPHA).any())
    return [
        Row("any false finding", world, name, seeds, ALPHA, count / repeats, repeats)
        for name, count in wrong.items()
    ]


def bands(correlation: float, seeds: int, repeats: int) -> list[Row]:
    """Measure the rate at which a 95 % band, and 40 single intervals, miss the true curve."""
    world = f"40 steps, correlation {correlation:g} from step to step"
    rng = generator("bands", world, seeds)
    curve_RST = rng.normal(size=(repeats, seeds, STEPS))
    for step in range(1, STEPS):
        fresh = np.sqrt(1.0 - correlation**2) * curve_RST[:, :, step]
        curve_RST[:, :, step] = correlation * curve_RST[:, :, step - 1] + fresh
    wrong = {"band": 0, "intervals step by step": 0}
    for curve_ST in curve_RST:
        band = band_paired(curve_ST, np.zeros_like(curve_ST), level=LEVEL)
        alone_T = (band.high_T - band.point_T) / band.widening
        wrong["band"] += bool((band.above_T | band.below_T).any())
        wrong["intervals step by step"] += bool((np.abs(band.point_T) > alone_T).any())
    return [
        Row("any false finding", world, name, seeds, ALPHA, count / repeats, repeats)
        for name, count in wrong.items()
    ]


STREAMS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.normal(0.0, 0.1, shape),
    "Laplace": lambda rng, shape: rng.laplace(0.0, 0.07, shape),
    "uniform": lambda rng, shape: rng.uniform(-0.5, 0.5, shape),
    "skewness 1": lambda rng, shape: rng.beta(1.0, 4.0, shape) - 0.2,
    "exponential": lambda rng, shape: rng.exponential(0.05, shape) - 0.05,
    "rare jumps": lambda rng, shape: np.where(rng.random(shape) < 0.1, 0.9, -0.1),
}
"""Differences of mean 0 inside ±1, shape (repeats, looks)."""

STRICT = 0.995
"""Level of the normal monitor that makes up for exponential noise."""


def looking(world: str, repeats: int) -> list[Row]:
    """Measure the rate at which monitors and ordinary intervals exclude 0 in any of 64 looks."""
    rng = generator("looking", world, LOOKS)
    stream_RS = np.clip(STREAMS[world](rng, (repeats, LOOKS)), -1.0, 1.0)
    p_RS = np.array([monitor_normal(stream_S).p_S for stream_S in stream_RS])
    # three candidates are enough: the p values do not depend on them
    bounded_RS = np.array([monitor_bounded(stream_S, candidates=3).p_S for stream_S in stream_RS])
    count_S = np.arange(1, LOOKS + 1)
    mean_RS = stream_RS.cumsum(axis=1) / count_S
    square_RS = (stream_RS**2).cumsum(axis=1) - count_S * mean_RS**2
    # from 3 seeds on, as with the monitor
    is_noise_RS = square_RS[:, 2:] > rounding(1.0)
    error_RS = np.sqrt(np.where(is_noise_RS, square_RS[:, 2:], 1.0) / (count_S * (count_S - 1))[2:])
    ordinary_RS = 2.0 * special.stdtr(count_S[2:] - 1, -np.abs(mean_RS[:, 2:]) / error_RS)
    wrong = {
        "normal mixture monitor": p_RS <= ALPHA,
        f"normal mixture monitor at level {STRICT:g}": p_RS <= 1.0 - STRICT,
        "bounded monitor": bounded_RS <= ALPHA,
        "paired t at every look": is_noise_RS & (ordinary_RS <= ALPHA),
    }
    return [
        Row("64 looks", world, name, LOOKS, ALPHA, float(found_RS.any(axis=1).mean()), repeats)
        for name, found_RS in wrong.items()
    ]


def all_rows(repeats: int) -> Iterator[Row]:
    """Yield the figures of every study, with as many repeats of each data set."""
    for world in WORLDS:
        for seeds in SEEDS:
            yield from coverage(world, seeds, repeats)
    for world in WORLDS:
        for seeds in SEEDS:
            yield from false_positives(world, seeds, repeats)
    for seeds in SEEDS:
        yield from family(seeds, repeats)
        for correlation in (0.0, 0.9, 0.99):
            yield from bands(correlation, seeds, repeats)
    for world in STREAMS:
        yield from looking(world, repeats)


def generator(study: str, world: str, seeds: int) -> np.random.Generator:
    """Return the generator of one study: its figures do not depend on which others were run."""
    # not hash(): of a text it differs from process to process
    return np.random.default_rng([zlib.crc32(f"{study}/{world}".encode()), seeds])


def share(low_R: np.ndarray, high_R: np.ndarray, truth: float) -> float:
    """Return the share of intervals that hold the truth; one without bounds does not count."""
    is_there_R = np.isfinite(low_R)
    return float(((low_R <= truth) & (truth <= high_R))[is_there_R].mean())


def _rejected(p_R: np.ndarray) -> float:
    """Return the share of tests at or below alpha; one that is undefined finds nothing."""
    return float((p_R <= ALPHA).mean())
