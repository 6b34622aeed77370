"""Chances of a fresh study, against integration, written-out loops and real fresh studies."""

from itertools import combinations

import numpy as np
import pytest
from scipy import integrate, stats

from harness.stats.intervals import mean_interval
from harness.stats.looks import Design, first_crossings
from harness.stats.replication import (
    _drawn_normal,
    replication_chance,
    split_agreement,
)
from tests.stats.threshold_rules import Threshold, rule_of_thresholds

RULE = rule_of_thresholds(
    [
        Threshold("reproduced", "every", "low", "above", 0.0),
        Threshold("contradicted", "every", "high", "below", 0.0),
    ]
)
SEEN = np.array([0.02, 0.11, 0.05, 0.09, 0.06])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_chance_of_excluding_0_again_is_the_integral_over_truths() -> None:
    """P(fresh t > critical), averaged over the spread and mean that the observed seeds leave."""
    seeds, mean, spread = 5, SEEN.mean(), SEEN.std(ddof=1)
    critical = stats.t.ppf(0.975, seeds - 1)

    def given(share: float) -> float:
        sigma = spread * np.sqrt((seeds - 1) / stats.chi2.ppf(share, seeds - 1))

        def at(deviate: float) -> float:
            away = (mean / sigma + deviate / np.sqrt(seeds)) * np.sqrt(seeds)
            return float(stats.nct.sf(critical, seeds - 1, away) * stats.norm.pdf(deviate))

        return float(integrate.quad(at, -6, 6, limit=60)[0])

    points = (np.arange(60) + 0.5) / 60
    known = np.mean([given(share) for share in points])
    found = replication_chance(SEEN, RULE, rng=rng(), studies=40_000)
    assert found.word == "reproduced"
    assert found.chance == pytest.approx(known, abs=4 * found.error + 0.003)
    assert found.error == pytest.approx(np.sqrt(known * (1 - known) / 40_000), rel=0.02)
    other = replication_chance(SEEN + 0.02, RULE, rng=rng(), studies=40_000)
    assert other.chance != pytest.approx(known, abs=0.02)


def test_the_chance_is_how_often_fresh_studies_say_so() -> None:
    """Over truths of all kinds, the mean chance is the share of studies that were replicated."""
    generator, seeds = rng(1), 12
    chances, same = [], []
    for _ in range(400):
        mean = generator.uniform(-2.0, 2.0)
        first, second = generator.normal(mean, 1.0, size=(2, seeds))
        found = replication_chance(first, RULE, rng=generator, studies=400)
        chances.append(found.chance)
        same.append(RULE(second[None, None])[0] == found.word)
    assert np.mean(chances) == pytest.approx(np.mean(same), abs=0.05)
    assert 0.6 < np.mean(same) < 0.95


def test_each_quantity_alone_is_drawn_as_students_t_and_they_hang_together() -> None:
    first = rng(2).normal(size=6)
    quantities = np.stack([first, first + 0.1 * rng(3).normal(size=6), 5.0 - 2.0 * first])
    drawn = _drawn_normal(quantities, rng(4), 20_000)
    for own_BS, value_S in zip(np.moveaxis(drawn, 1, 0), quantities, strict=True):
        scale = value_S.std(ddof=1) * np.sqrt(1.0 + 1.0 / 6.0)
        t = (own_BS[:, 0] - value_S.mean()) / scale
        assert stats.kstest(t[:4000], stats.t(5).cdf).pvalue > 1e-3
        assert stats.kstest(t[:4000] * 1.2, stats.t(5).cdf).pvalue < 1e-3
    # what depends on another exactly keeps doing so
    assert drawn[:, 2] == pytest.approx(5.0 - 2.0 * drawn[:, 0], abs=1e-6)
    apart = (drawn[:, 1] - drawn[:, 0]).std()
    assert apart < 0.5 * drawn[:, 0].std()


def test_a_rule_of_thresholds_says_what_intervals_say() -> None:
    rule = rule_of_thresholds(
        [
            Threshold("same", "every", "low", "above", -0.5),
            Threshold("same", "every", "high", "below", 0.5),
            Threshold("worse", "any", "point", "below", -1.0),
        ],
        level=0.9,
        otherwise="open",
    )
    studies = rng(5).normal(0.0, 0.6, size=(300, 2, 6)) + rng(6).choice([0.0, -1.2], (300, 1, 1))
    studies[0] = 0.25
    said = rule(studies)
    for value_CS, word in zip(studies, said, strict=True):
        own = [mean_interval(value_S, level=0.9) for value_S in value_CS]
        same = all(i.low > -0.5 and i.high < 0.5 for i in own)
        worse = any(i.point < -1.0 for i in own)
        assert word == ("same" if same and not worse else "worse" if worse and not same else "open")
    assert set(said) == {"same", "worse", "open"} and said[0] == "open"


def test_a_rule_that_looks_at_5_and_8_seeds_can_be_asked() -> None:
    def decide(value_BCS: np.ndarray) -> np.ndarray:
        found = first_crossings(value_BCS[:, 0], Design(), above=0.0)
        return np.where(found > 0, "reproduced", "inconclusive")

    found = replication_chance(np.r_[SEEN, SEEN[:3]], decide, rng=rng())
    assert found.word == "reproduced" and 0.6 < found.chance < 1.0
    assert sum(found.words.values()) == pytest.approx(1.0)


def test_what_shows_no_noise_has_no_chance() -> None:
    flat = replication_chance(np.full(5, 0.1) + 1e-17 * np.arange(5), RULE, rng=rng())
    assert np.isnan(flat.chance) and flat.word == "inconclusive" and "agree" in flat.note
    one = replication_chance(np.array([0.1]), RULE, rng=rng())
    assert np.isnan(one.chance) and "one seed" in one.note


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        replication_chance(np.array([0.1, np.nan]), RULE, rng=rng())
    with pytest.raises(ValueError, match="studies"):
        replication_chance(SEEN, RULE, rng=rng(), studies=10)
    with pytest.raises(ValueError, match="thresholds"):
        rule_of_thresholds([])


def test_halves_agree_as_often_as_a_written_out_loop_says() -> None:
    # seeds that differ: some halves see the effect and some do not
    value_CS = np.array([[0.2, 0.21, 0.15, 0.19, 0.22, 0.0, 0.2, 0.1, 0.18, 0.05]])
    word, agree, splits = RULE(value_CS[None])[0], 0, 0
    for first in combinations(range(10), 5):
        if 0 not in first:
            continue
        second = [seed for seed in range(10) if seed not in first]
        said = {str(RULE(value_CS[None][:, :, list(half)])[0]) for half in (first, second)}
        agree, splits = agree + (said == {str(word)}), splits + 1
    assert splits == 126
    assert split_agreement(value_CS, RULE) == pytest.approx(agree / splits)
    assert 0.0 < agree / splits < 1.0


def test_halves_of_one_large_effect_always_agree_and_of_a_mixture_seldom() -> None:
    clear = 1.0 + 0.01 * rng().standard_normal((1, 11))
    assert split_agreement(clear, RULE) == 1.0
    # one outlier makes the word of all seeds, and no half without it says the same
    mixed = np.array([[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.25]])
    assert split_agreement(mixed + 1e-3 * rng().standard_normal(10), RULE) < 0.5


@pytest.mark.parametrize("value_CS", [np.ones((1, 1)), np.ones((1, 13)), np.full((1, 4), np.nan)])
def test_what_cannot_be_halved_is_refused(value_CS: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"can halve 2 to 12 seeds|expected finite values"):
        split_agreement(value_CS, RULE)
