"""Simulation studies of looks at 5, 8 and 12 seeds: how often they err, and what they find.

Axis letters: ``R`` data sets, ``S`` training seeds, ``C`` claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from calibration import Row, generator
from scipy import special

from harness.stats.look_p_values import p_at_looks, sequential_p
from harness.stats.looks import Design, first_crossings
from harness.stats.multiplicity import holm

MORE = 16
"""Data sets per figure, in those of other studies: rates of 0.3 % need many, and many are cheap."""

FAMILY = 8
DESIGNS = {1: Design(), FAMILY: Design().for_step(FAMILY)}
"""Claims that are open -> the design of each of them."""

EFFECTS = (0.9, 1.2, 1.6, 2.0, 3.0)
"""True differences, in standard deviations of a difference."""

MARGIN = 3.0
"""Half-width of equivalence, in standard deviations of a difference."""


def _bounded(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Accuracies over 128 answers, 0.95 minus 0.67, centred."""
    arms = [rng.binomial(128, rng.beta(a, b, shape)) / 128 for a, b in ((60, 3), (20, 10))]
    return arms[0] - arms[1] - (60 / 63 - 20 / 30)


def _lattice(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Differences of two accuracies over 16 answers: few distinct values, many ties."""
    arms = [rng.binomial(16, 0.9, shape) / 16 for _ in range(2)]
    return arms[0] - arms[1]


NOISE: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1.0,
    "exponential, turned": lambda rng, shape: 1.0 - rng.exponential(size=shape),
    "bounded": _bounded,
    "lattice": _lattice,
}
"""Differences by seed of mean 0; `_noise` gives them a standard deviation of 1."""


def errors(world: str, repeats: int) -> list[Row]:
    """Measure the rate at which a design finds "above 0" at any look where the truth is 0.

    Beside it the same with an ordinary t test at each look, and equivalence at the margin.
    """
    noise_RS = _noise("looks, errors", world, repeats)
    rows = []
    for claims, design in DESIGNS.items():
        found = {
            "looks": first_crossings(noise_RS, design, above=0.0) > 0,
            "plain t at each look": _plain(noise_RS, design),
            "looks, equivalence": first_crossings(
                noise_RS + MARGIN, design, above=-MARGIN, below=MARGIN
            )
            > 0,
        }
        rows += [
            Row("looks, errors", f"{world}, {_family(claims)}", *rest, repeats)
            for rest in [
                (name, design.seeds[-1], design.alpha, float(found_R.mean()))
                for name, found_R in found.items()
            ]
        ]
    return rows


def powers(world: str, repeats: int) -> list[Row]:
    """Measure the share of studies in which a true difference has been found by each look."""
    noise_RS = _noise("looks, power", world, repeats)
    rows = []
    for claims, design in DESIGNS.items():
        for effect in EFFECTS:
            first_R = first_crossings(noise_RS + effect, design, above=0.0)
            name = f"{world}, {_family(claims)}"
            rows += [
                Row("looks, power", name, f"{effect:g}", seeds, design.alpha, by, repeats)
                for seeds in design.seeds
                for by in [float(((first_R > 0) & (first_R <= seeds)).mean())]
            ]
    return rows


def families(repeats: int) -> list[Row]:
    """Measure the rate at which Holm over whole sequences finds any of eight untrue claims.

    The claims share one control, so that they hang together; what is found at any look counts.
    """
    rng = generator("looks, family", "normal", FAMILY)
    design, wrong = Design(), 0
    for _ in range(repeats):
        treat_CS = rng.normal(size=(FAMILY, design.seeds[-1]))
        difference_CS = treat_CS - rng.normal(size=design.seeds[-1])
        p_CL = [p_at_looks(row_S, design, above=0.0) for row_S in difference_CS]
        p_C = np.array([sequential_p(p_L, design) for p_L in p_CL])
        wrong += bool((holm(p_C) <= design.alpha).any())
    rest = ("Holm", design.seeds[-1], design.alpha, wrong / repeats, repeats)
    return [Row("looks, family", "8 claims, one control, none true", *rest)]


def all_looks(repeats: int) -> Iterator[Row]:
    """Yield the figures of every kind of noise."""
    for world in NOISE:
        yield from errors(world, MORE * repeats)
    for world in NOISE:
        yield from powers(world, MORE * repeats)
    yield from families(repeats)


def _family(claims: int) -> str:
    return "one claim" if claims == 1 else f"first of {claims}"


def _noise(study: str, world: str, repeats: int) -> np.ndarray:
    """Return differences of mean 0 and standard deviation 1, shape (repeats, seeds)."""
    rng = generator(study, world, DESIGNS[1].seeds[-1])
    noise_RS = NOISE[world](rng, (repeats, DESIGNS[1].seeds[-1]))
    return np.asarray(noise_RS / NOISE[world](np.random.default_rng(0), (100_000, 4)).std())


def _plain(noise_RS: np.ndarray, design: Design) -> np.ndarray:
    """Tell, per study, whether a t test at the design's whole alpha finds something at any look."""
    found_R = np.zeros(len(noise_RS), dtype=bool)
    for seeds in design.seeds:
        part_RS = noise_RS[:, :seeds]
        error_R = part_RS.std(axis=1, ddof=1) / np.sqrt(seeds)
        critical = special.stdtrit(seeds - 1, 1.0 - design.alpha)
        # without any spread nothing is found
        found_R |= (error_R > 1e-12) & (part_RS.mean(axis=1) > critical * error_R)
    return found_R
