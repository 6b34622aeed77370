from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from harness.plots import COLOURS, Panel, curve_figure, overview_figure, save_figure

ARMS = ("kl=none", "kl=loss")


def panel(seeds: int = 3, arms: tuple[str, ...] = ARMS, shift: float = 0.0) -> Panel:
    rng = np.random.default_rng(0)
    rows = [
        {"arm": arm, "seed": seed, "step": step, "value": step * 0.1 + rng.random() + shift}
        for arm in arms
        for seed in range(seeds)
        for step in range(5)
    ]
    columns = ["arm", "seed", "step", "value"]
    return Panel(rows=pd.DataFrame(rows, columns=columns), label="accuracy", unit="fraction")


def written(tmp_path: Path, name: str, made: Panel) -> list[bytes]:
    return [
        path.read_bytes() for path in save_figure(curve_figure(made, ARMS, "t"), tmp_path / name)
    ]


def caption(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def test_the_same_rows_are_the_same_bytes_and_others_are_not(tmp_path: Path) -> None:
    first, again = written(tmp_path, "a", panel()), written(tmp_path, "b", panel())
    other = written(tmp_path, "c", panel(shift=0.1))

    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_lines_band_units_and_counts_are_there() -> None:
    (axes,) = curve_figure(panel(), ARMS, "t").axes

    assert axes.get_ylabel() == "accuracy [fraction]"
    assert axes.get_xlabel() == "training step"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["kl=none (n=3)", "kl=loss (n=3)"]
    assert len(axes.collections) == 2
    assert len(axes.lines) == 2 * (3 + 1)


def test_more_arms_than_two_have_no_bands_that_hide_one_another() -> None:
    arms = (*ARMS, "kl=reward")
    figure = curve_figure(panel(arms=arms), arms, "t")
    assert len(figure.axes[0].collections) == 0
    assert "Band" not in caption(figure) and "Line: mean over seeds" in caption(figure)


def test_differences_stand_beside_and_below_with_their_intervals() -> None:
    ends = pd.DataFrame({"arm": [ARMS[1]], "estimate": [-0.5], "low": [-0.75], "high": [0.25]})
    made = replace(panel(), ends=ends)
    for figure in (curve_figure(made, ARMS, "t"), overview_figure([made], ARMS, "t", "")):
        curves, differences = figure.axes
        assert curves.get_xlabel() == "training step"
        assert differences.get_xlabel() == "difference [fraction]"
        drawn = [list(line.get_xdata()) for line in differences.lines]
        assert [-0.75, 0.25] in drawn and [-0.5] in drawn
        assert differences.lines[-1].get_color() == COLOURS[1]
        assert "Differences: an arm minus the first one" in caption(figure)


def test_an_arm_keeps_its_colour_when_another_is_missing() -> None:
    (axes,) = curve_figure(panel(arms=ARMS[1:]), ARMS, "t").axes

    assert {line.get_color() for line in axes.lines} == {COLOURS[1]}


def test_one_seed_has_no_band_and_the_caption_says_so() -> None:
    figure = curve_figure(panel(seeds=1), ARMS, "t", "Too little for any verdict.")

    assert len(figure.axes[0].collections) == 0
    assert "no band" in caption(figure)
    assert "Too little" in caption(figure)
    assert "Band: lowest to highest seed" in caption(curve_figure(panel(), ARMS, "t"))


def test_without_a_finished_run_the_figure_says_so() -> None:
    (axes,) = overview_figure([panel(seeds=0)], ARMS, "t", "").axes

    assert [text.get_text() for text in axes.texts] == ["no finished run"]


@pytest.mark.parametrize("count", [1, 3])
def test_the_overview_has_a_panel_per_metric(count: Any, tmp_path: Path) -> None:
    figure = overview_figure([panel()] * count, ARMS, "t", "")

    assert len(figure.axes) == count
    assert [path.suffix for path in save_figure(figure, tmp_path / "o")] == [".svg", ".png"]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("arms", [2, 5, 16])
def test_the_legend_of_the_overview_stands_within_the_figure(arms: int, count: int) -> None:
    names = tuple(f"algorithm=a_long_name_{number}" for number in range(arms))
    figure = overview_figure([panel(arms=names)] * count, names, "t", "")
    figure.canvas.draw()

    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1
    assert legend.y0 >= figure.axes[0].get_window_extent().y1


def test_undefined_values_are_left_out() -> None:
    made = panel(seeds=1)
    made.rows.loc[0, "value"] = np.nan
    (axes,) = curve_figure(made, ARMS, "t").axes

    assert [len(line.get_xdata()) for line in axes.lines] == [4, 4, 5, 5]
