"""How often would a fresh study of the same size say the same word?

Fresh studies are drawn from what this one leaves open: its means and spreads are known only as well
as its seeds know them (Student's t with the usual reference prior), and a fresh study adds noise of
its own. Parts that share seeds keep their correlation.

Axis letters: ``R`` fresh studies, ``S`` training seeds, ``P`` parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.claims.deciding import Sample, Word, decide
from harness.claims.judging import DESIGN, ClaimVerdict, Numbers, shared_values
from harness.claims.rules import ClaimRule

STUDIES = 1000
"""Fresh studies: a share near one half has a standard error of 0.016."""


def replication_of(rule: ClaimRule, numbers: Numbers, verdict: ClaimVerdict) -> float:
    """Return the share of fresh studies with the same word, in [0, 1]; NaN without a look.

    Args:
        rule: the rule.
        numbers: what it was judged on.
        verdict: what it said of them.
    """
    if not verdict.seeds_at_look or verdict.word is Word.NOT_RUN:
        return math.nan
    names = (*numbers.parts, *numbers.control)
    seeds, value_SP = shared_values(names, rule.exploratory_seeds)
    if len(seeds) < 2 or (np.ptp(value_SP, axis=0) == 0).any():
        return math.nan
    # the study decides the seed of its own simulation: the same numbers, the same share
    rng = np.random.default_rng([int(abs(x) * 1e6) for x in value_SP.mean(axis=0)])
    fresh = fresh_studies(value_SP, STUDIES, rng)
    samples = [Sample(fresh[:, :, place], item.size) for place, item in enumerate(names)]
    split = len(numbers.parts)
    words = decide(rule, samples[:split], samples[split:], DESIGN).word_R
    return float((words == str(verdict.word)).mean())


def fresh_studies(value_SP: np.ndarray, studies: int, rng: np.random.Generator) -> np.ndarray:
    """Return fresh studies, shape (studies, seeds, parts), from the posterior predictive.

    Args:
        value_SP: what was measured, shape (seeds, parts), at least two seeds.
        studies: how many.
        rng: owned by the caller.

    Source:
        Gelman et al., Bayesian Data Analysis, 3rd ed., section 3.2 and 3.6; the degrees of freedom
        are those of each part alone, since there are too few seeds for an inverse Wishart.
    """
    seeds, parts = value_SP.shape
    mean_P, spread_P = value_SP.mean(axis=0), value_SP.std(axis=0, ddof=1)
    root_PP = _root(np.atleast_2d(np.corrcoef(value_SP, rowvar=False)))
    scale_R = np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, size=studies))
    centre = _normal(rng, (studies, 1, parts), root_PP) / math.sqrt(seeds)
    noise = _normal(rng, (studies, seeds, parts), root_PP)
    return np.asarray(mean_P + spread_P * scale_R[:, None, None] * (centre + noise))


def _normal(rng: np.random.Generator, shape: Sequence[int], root_PP: np.ndarray) -> np.ndarray:
    return np.asarray(rng.standard_normal(tuple(shape)) @ root_PP.T)


def _root(correlation_PP: np.ndarray) -> np.ndarray:
    """Return a square root; with few seeds the matrix may have no Cholesky factor."""
    values, vectors = np.linalg.eigh(correlation_PP)
    return np.asarray(vectors * np.sqrt(np.clip(values, 0.0, None)))
