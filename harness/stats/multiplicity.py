"""Many claims of one ablation: how small a p value must be when several are looked at.

Axis letters: ``C`` claims of one family.
"""

from __future__ import annotations

import numpy as np


def holm(p_C: np.ndarray) -> np.ndarray:
    """Adjust p values by Holm's step-down method.

    A claim whose adjusted p is at most alpha may be called found; the chance of even one false
    finding in the family is then at most alpha, however the claims depend on each other.

    A claim that could not be tested (NaN) stays NaN and still counts in the size of the family:
    the family is what was declared, not what happened to finish.

    Args:
        p_C: p value per claim, in [0, 1] or NaN, shape (claims,).

    Returns:
        Adjusted p values in [0, 1], shape (claims,), in the order of the input.

    Raises:
        ValueError: not one axis, or a value outside [0, 1].

    Source:
        Holm 1979, Scand. J. Statist. 6:65.
    """
    p_C = np.asarray(p_C, dtype=float)
    is_there_C = ~np.isnan(p_C)
    there = p_C[is_there_C]
    if p_C.ndim != 1 or ((there < 0.0) | (there > 1.0)).any():
        raise ValueError(f"expected p values in [0, 1] of shape (claims,), got {p_C!r}")
    order = np.argsort(there, kind="stable")
    factor = p_C.size - np.arange(there.size)
    stepped = np.minimum(np.maximum.accumulate(there[order] * factor), 1.0)
    back = np.empty_like(stepped)
    back[order] = stepped
    adjusted_C = np.full(p_C.shape, np.nan)
    adjusted_C[is_there_C] = back
    return adjusted_C
