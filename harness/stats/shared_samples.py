"""What two arms' samples share when request by request their sampling seeds are the same.

Axis letters: ``S`` training seeds, ``Q`` questions, ``K`` samples of a question.
"""

from __future__ import annotations

import numpy as np

from harness.stats.intervals import rounding


def sampling_correlation(treat_SQK: np.ndarray, control_SQK: np.ndarray) -> float:
    """Correlation of aligned samples within a seed and question.

    Args:
        treat_SQK: scores, shape (seeds, questions, samples); NaN is a sample that is not there.
        control_SQK: same shape, sample by sample the same sampling seeds.

    Returns:
        Pooled over the cells, in [-1, 1]; NaN if an arm does not vary within any cell.
    """
    is_pair_SQK = ~(np.isnan(treat_SQK) | np.isnan(control_SQK))
    count_SQ = np.maximum(is_pair_SQK.sum(axis=2), 1)
    apart = []
    for arm_SQK in (treat_SQK, control_SQK):
        there_SQK = np.where(is_pair_SQK, arm_SQK, 0.0)
        mean_SQ = there_SQK.sum(axis=2) / count_SQ
        apart.append(np.where(is_pair_SQK, arm_SQK - mean_SQ[:, :, None], 0.0))
    both, squares = float((apart[0] * apart[1]).sum()), [float((a**2).sum()) for a in apart]
    floor = float(rounding(max(np.abs(np.nan_to_num(a)).max() for a in (treat_SQK, control_SQK))))
    if min(squares) <= floor**2 * is_pair_SQK.sum():
        return float("nan")
    return both / float(np.sqrt(squares[0] * squares[1]))
