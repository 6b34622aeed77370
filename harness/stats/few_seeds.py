"""How often bootstraps of few seeds really cover: the sentence beside such an interval."""

from __future__ import annotations

COVERED = {
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
}
"""Seeds -> coverage of a nominal 95 % interval in per cent, with normal and exponential noise: from
the calibration of docs/statistics.md, to which a test holds these. Up to the first number of seeds
at which it holds for normal noise."""

HOLDS = 93.0
"""Coverage of a nominal 95 % interval, in per cent, from which nothing is said."""


def coverage_note(seeds: int) -> str:
    """Return what a percentile bootstrap of so many seeds covers, or "" where it about holds.

    Args:
        seeds: at least 2; between two numbers of the table the smaller one counts.
    """
    known = max(count for count in COVERED if count <= seeds)
    normal, exponential = COVERED[known]
    if normal >= HOLDS:
        return ""
    return (
        f"a percentile bootstrap of {seeds} seeds is narrower than it says: at nominal 95 % it"
        f" covers {normal:.0f} % with {known} seeds of normal noise and {exponential:.0f} % of"
        " exponential; the t interval of one number per seed is the one to trust"
    )
