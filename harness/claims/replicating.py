"""How often would a fresh study of the same size say the same word?"""

from __future__ import annotations

import math

import numpy as np

from harness.claims.deciding import Sample, Word, decide
from harness.claims.judging import DESIGN, ClaimVerdict, Numbers, shared_values
from harness.claims.rules import ClaimRule
from harness.stats.replication import replication_chance

STUDIES = 1000
"""Fresh studies: a share near one half has a standard error of 0.016."""


def replication_of(rule: ClaimRule, numbers: Numbers, verdict: ClaimVerdict) -> float:
    """Simulate the share of fresh studies with the same word, in [0, 1]; NaN without a look.

    Args:
        rule: the rule.
        numbers: what it was judged on.
        verdict: what it said of them.
    """
    if not verdict.seeds_at_look or verdict.word is Word.NOT_RUN:
        return math.nan
    measured = (*numbers.parts, *numbers.control)
    seeds, value_SC = shared_values(measured, rule.exploratory_seeds)
    if not seeds:
        return math.nan

    def words(value_BCS: np.ndarray) -> np.ndarray:
        samples = [Sample(value_BCS[:, at], item.size) for at, item in enumerate(measured)]
        split = len(numbers.parts)
        return decide(rule, samples[:split], samples[split:], DESIGN).word_R

    # the study decides the seed of its own simulation: the same numbers, the same share
    rng = np.random.default_rng([int(abs(x) * 1e6) for x in value_SC.mean(axis=0)])
    return replication_chance(value_SC.T, words, rng=rng, studies=STUDIES).chance
