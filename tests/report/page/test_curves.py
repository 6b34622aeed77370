import numpy as np
import pandas as pd
import pytest

from harness.report.page.curves import (
    MOST_POINTS,
    all_curves,
    arm_styles,
    kept_points,
    smoothing_window,
)

ARMS = ("kl=none", "kl=loss")


def is_faithful(value_N: np.ndarray, kept: np.ndarray, most: int) -> bool:
    """Whether thinning kept the ends, the order, the extremes, and at least one point of a gap."""
    shown = value_N[kept]
    return bool(
        kept.size <= most
        and (np.diff(kept) > 0).all()
        and (kept[0], kept[-1]) == (0, value_N.size - 1)
        and np.nanmin(shown) == np.nanmin(value_N)
        and np.nanmax(shown) == np.nanmax(value_N)
        and np.isnan(shown).any() == np.isnan(value_N).any()
    )


def spiky(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    value_N = rng.normal(size=count)
    value_N[rng.integers(count)] = 50.0
    value_N[rng.integers(count)] = -50.0
    return value_N


@pytest.mark.parametrize("count", [1, 5, 299, 300, 301, 302, 600, 1000, 12_345])
@pytest.mark.parametrize("has_gap", [False, True])
def test_thinning_keeps_ends_extremes_and_gaps(count: int, has_gap: bool) -> None:
    for seed in range(5):
        value_N = spiky(count, seed)
        if has_gap and count > 10:
            value_N[count // 2 : count // 2 + 3] = np.nan
        assert is_faithful(value_N, kept_points(value_N), MOST_POINTS)


def test_every_stretch_keeps_its_own_extremes() -> None:
    value_N = np.zeros(3000)
    spikes = np.arange(40, 3000, 60)
    value_N[spikes] = np.arange(1, spikes.size + 1)

    assert set(spikes) <= set(kept_points(value_N))


def test_taking_every_tenth_point_would_be_noticed() -> None:
    value_N = spiky(3000, seed=0)
    every_tenth = np.unique(np.append(np.arange(0, 3000, 10), 2999))[:MOST_POINTS]

    assert not is_faithful(value_N, every_tenth, MOST_POINTS)


def test_a_curve_without_any_value_is_thinned_all_the_same() -> None:
    kept = kept_points(np.full(5000, np.nan))
    assert kept.size <= MOST_POINTS
    assert (kept[0], kept[-1]) == (0, 4999)


def frame(values: dict[tuple[str, int], list[float]], metric: str = "reward") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"arm": arm, "seed": seed, "step": step, "metric": metric, "value": value}
            for (arm, seed), row in values.items()
            for step, value in enumerate(row, start=1)
        ],
        columns=["arm", "seed", "step", "metric", "value"],
    )


def test_mean_and_band_are_over_seeds() -> None:
    rows = frame({("kl=none", 1): [0.0, 1.0], ("kl=none", 2): [1.0, 4.0], ("kl=loss", 1): [2, 2]})
    found = all_curves(rows, ARMS, ["reward"])[0]
    none, loss = found["arms"]

    assert (none["x"], none["mean"], none["low"], none["high"]) == (
        [1, 2],
        [0.5, 2.5],
        [0.0, 1.0],
        [1.0, 4.0],
    )
    assert none["n"] == 2
    assert [seed["y"] for seed in none["seeds"]] == [[0.0, 1.0], [1.0, 4.0]]
    assert loss["n"] == 1
    assert found["gap"] == ""
    assert (found["unit"], found["label"], found["marked"]) == ("1", "training reward", False)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "No finished run has a value"),
        ({("kl=none", 1): [np.nan, np.nan], ("kl=loss", 1): [np.inf]}, "All 3 values"),
        ({("kl=none", 1): [1.0, np.nan], ("kl=loss", 1): [1.0]}, "1 of 3 values are undefined"),
        ({("kl=none", 1): [1.0]}, "No value in: kl=loss"),
        (
            {("kl=none", 1): [1.0, 2.0], ("kl=none", 2): [1.0], ("kl=loss", 1): [1.0]},
            "a mean may be of fewer: kl=none",
        ),
    ],
)
def test_what_is_missing_is_said(values: dict[tuple[str, int], list[float]], said: str) -> None:
    found = all_curves(frame(values), ARMS, ["reward"])[0]

    assert said in found["gap"]
    assert len(found["arms"]) == 2


def test_a_long_curve_is_thinned_with_its_band_and_smoothed_from_all_points() -> None:
    rng = np.random.default_rng(0)
    values = {("kl=none", seed): list(rng.normal(size=2000)) for seed in (1, 2)}
    found = all_curves(frame(values), ARMS, ["reward"])[0]
    curve = found["arms"][0]
    table = np.array([values["kl=none", seed] for seed in (1, 2)])

    for name in ("mean", "low", "high"):
        assert len(curve[name]) == len(curve["x"]) <= MOST_POINTS
    assert min(curve["low"]) == pytest.approx(table.min(), rel=1e-4)
    assert max(curve["high"]) == pytest.approx(table.max(), rel=1e-4)
    assert all(len(seed["y"]) <= MOST_POINTS for seed in curve["seeds"])

    window = found["window"]
    mean_N = table.mean(axis=0)
    place = [(x, y) for x, y in zip(curve["smoothX"], curve["smooth"], strict=True) if y][20]
    middle = place[0] - 1
    wanted = mean_N[middle - window // 2 : middle + window // 2 + 1].mean()
    assert place[1] == pytest.approx(wanted, rel=1e-3)
    assert curve["smooth"][0] is None


def test_a_short_curve_is_not_smoothed_and_a_window_is_odd() -> None:
    assert smoothing_window(5) == 0
    assert [smoothing_window(count) for count in (20, 40, 1000)] == [3, 5, 101]


def test_single_seeds_are_left_out_when_there_are_too_many_points() -> None:
    rows = frame({("kl=none", seed): [1.0] * 50 for seed in range(4)})
    both = pd.concat([rows, rows.assign(metric="entropy")])
    first, second = all_curves(both, ARMS, ["reward", "entropy"], most_seed_points=250)

    assert (first["hasSeeds"], second["hasSeeds"]) == (True, False)
    assert (len(first["arms"][0]["seeds"]), second["arms"][0]["seeds"]) == (4, [])
    assert first["arms"][0]["mean"] == second["arms"][0]["mean"]


def test_thirty_arms_have_different_looks_and_the_first_ones_are_drawn() -> None:
    styles = arm_styles([f"arm={place}" for place in range(30)])

    assert len({(style["colour"], style["dash"]) for style in styles}) == 30
    assert sum(style["shown"] for style in styles) == 10
