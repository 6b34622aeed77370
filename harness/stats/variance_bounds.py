"""How large each component of variance may be: an estimate of 0 is never a known 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from harness.stats.variance import VarianceSplit


def upper_bounds(split: VarianceSplit, *, assurance: float = 0.8) -> VarianceSplit:
    """Put every component of a split at its upper confidence bound.

    Components are differences of mean squares; their bounds are those of the modified large-sample
    method, which hold about as promised from 3 seeds on, whether the estimate is 0 or not.

    Args:
        split: of one arm or a difference; its numbers of seeds, questions and samples say how well
            each mean square is known.
        assurance: chance that a component is no larger than its bound, each for itself, in (0, 1).

    Returns:
        The same split with other components; what is NaN stays NaN.

    Raises:
        ValueError: an assurance outside (0, 1).

    Source:
        Ting, Burdick, Graybill, Jeyaratnam and Lu 1990, J. Statist. Comput. Simul. 35:135; Burdick
        and Graybill 1992, Confidence Intervals on Variance Components, section 3.3.
    """
    if not 0.0 < assurance < 1.0:
        raise ValueError(f"assurance must lie between 0 and 1, got {assurance!r}")
    seeds, questions = split.seeds, split.questions
    is_merged = bool(np.isnan(split.training_by_question))
    sampling = float(np.nan_to_num(split.sampling))
    within = 0.0 if is_merged else sampling / split.samples
    rest = sampling if is_merged else float(split.training_by_question) + within
    rest = float(np.nan_to_num(rest))
    cells = seeds * questions - split.missing
    rest_dof = max((seeds - 1) * (questions - 1), 1)
    within_dof = max(round(cells * (split.samples - 1.0)), 1)
    by_seed = (split.training + rest / questions, seeds - 1)
    by_question = (split.question + rest / seeds, questions - 1)
    return replace(
        split,
        training=_above(by_seed, (rest / questions, rest_dof), assurance),
        question=_above(by_question, (rest / seeds, rest_dof), assurance),
        training_by_question=np.nan
        if is_merged
        else _above((rest, rest_dof), (within, within_dof), assurance),
        sampling=sampling * _excess(rest_dof if is_merged else within_dof, assurance)
        if np.isfinite(split.sampling)
        else split.sampling,
    )


def _above(first: tuple[float, int], second: tuple[float, int], assurance: float) -> float:
    """Upper bound of the first expected mean square less the second, at least 0.

    Each is (mean square, degrees of freedom); NaN if the first is not known.
    """
    (large, large_dof), (small, small_dof) = first, second
    if not (np.isfinite(large) and large_dof >= 1):
        return float("nan")
    high = _excess(large_dof, assurance) - 1.0
    if small == 0.0:
        return large * (1.0 + high)
    low = 1.0 - small_dof / float(special.chdtri(small_dof, 1.0 - assurance))
    ratio = float(special.fdtri(large_dof, small_dof, 1.0 - assurance))
    cross = ((1.0 - ratio) ** 2 - (high * ratio) ** 2 - low**2) / ratio
    spread = (high * large) ** 2 + (low * small) ** 2 + cross * large * small
    return max(large - small + float(np.sqrt(max(spread, 0.0))), 0.0)


def _excess(dof: int, assurance: float) -> float:
    """Upper bound of an expected mean square as a multiple of the one seen."""
    return dof / float(special.chdtri(dof, assurance))
