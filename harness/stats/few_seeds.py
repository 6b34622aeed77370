"""How often bootstraps of few seeds really cover: the sentence beside such an interval."""

from __future__ import annotations

COVERED = {
    "percentile": {
        2: (50.7, 47.0),
        3: (75.0, 68.9),
        4: (79.8, 74.1),
        5: (83.9, 78.6),
        6: (85.6, 80.6),
        8: (88.8, 84.4),
        10: (90.2, 86.4),
        12: (90.7, 87.3),
        16: (91.9, 88.9),
        20: (92.5, 90.3),
        30: (93.3, 91.7),
    },
    "BCa": {
        2: (46.8, 46.0),
        3: (69.2, 63.6),
        4: (79.5, 75.2),
        5: (84.1, 80.2),
        6: (85.6, 82.3),
        8: (88.8, 86.4),
        10: (90.1, 88.2),
        12: (90.8, 88.7),
        16: (91.8, 90.0),
        20: (92.4, 91.3),
        30: (93.2, 92.5),
    },
    "studentised": {
        3: (81.2, 77.9),
        4: (94.4, 92.7),
    },
}
"""Method -> seeds -> coverage of a nominal 95 % interval in per cent, with normal and exponential
noise: from the calibration of docs/statistics.md, to which a test holds these. Up to the first
number of seeds at which it holds for normal noise."""

HOLDS = 93.0
"""Coverage of a nominal 95 % interval, in per cent, from which nothing is said."""


def coverage_note(method: str, seeds: int) -> str:
    """Return what a bootstrap of so many seeds covers, or "" where it about holds.

    Args:
        method: a key of `COVERED`.
        seeds: at least 2; between two numbers of the table the smaller one counts.
    """
    known = max((count for count in COVERED[method] if count <= seeds), default=None)
    if known is None:
        return (
            f"{seeds} seeds are too few for a {method} bootstrap: the t interval is to be trusted"
        )
    normal, exponential = COVERED[method][known]
    if normal >= HOLDS:
        return ""
    return (
        f"a {method} bootstrap of {seeds} seeds is narrower than it says: at nominal 95 % it covers"
        f" {normal:.0f} % with {known} seeds of normal noise and {exponential:.0f} % of"
        " exponential; the t interval of one number per seed is the one to trust"
    )
