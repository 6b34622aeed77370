"""Whether a rule is older than the numbers that it judges."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import pandas as pd

from harness.claims.reading import Claim


class Kind(StrEnum):
    """How much a verdict is worth as a test of something said beforehand."""

    TIMESTAMPED = "confirmatory (timestamped)"
    BY_HISTORY = "confirmatory (by this repository's history)"
    EXPLORATORY = "exploratory"
    NOT_CHECKED = "not checked"


class Standing(NamedTuple):
    """What is known of it, and why; no reason is needed where it is confirmatory."""

    kind: Kind
    reason: str = ""


def standing_of(claim: Claim, scale: str, runs: pd.DataFrame) -> Standing:
    """Return the standing of a rule over the runs that it judges."""
    return Standing(Kind.EXPLORATORY, "the runs hold no hash of the rule")
