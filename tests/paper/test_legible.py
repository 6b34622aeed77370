"""Figures can be read: no word is cut off at an edge, lies over a panel, or over another word."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from harness.metrics.tables import Tables
from paper.catalogue import catalogue
from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs
from paper.style import house_style

NEAR = 1.5
"""Pixels by which boxes may touch, at 100 per inch."""


def problems(figure: Figure) -> list[str]:
    """Sentences on words that are cut off or lie over something."""
    with house_style():
        figure.draw_without_rendering()
        words = list(_words(figure))
        found = [f"{text!r} is cut off" for text, box in words if not _inside(box, figure.bbox)]
        panels = [(axes, axes.get_window_extent()) for axes in figure.axes]
        for axes, _ in panels:
            label = axes.yaxis.label.get_window_extent()
            found += [
                f"{axes.get_ylabel()!r} lies over another panel"
                for other, box in panels
                if axes.get_ylabel() and other is not axes and _overlap(label, box)
            ]
        found += [
            f"{a!r} lies over {b!r}" for (a, x), (b, y) in combinations(words, 2) if _overlap(x, y)
        ]
    return found


def _words(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Yield titles, labels, notes and entries of legends, with their boxes; ticks are left out."""
    artists: list[Text] = list(figure.texts)
    for axes in figure.axes:
        artists += [axes.xaxis.label, axes.yaxis.label, *_titles(axes)]
    for legend in [*figure.legends, *(legend for a in figure.axes if (legend := a.get_legend()))]:
        artists += legend.get_texts()
    for artist in artists:
        if artist.get_text().strip():
            yield artist.get_text(), artist.get_window_extent()


def _titles(axes: Axes) -> list[Text]:
    return [
        one
        for one in axes.get_children()
        if isinstance(one, Text) and one.get_text() == axes.get_title(loc="left")
    ]


def _inside(box: Bbox, outer: Bbox) -> bool:
    return bool(
        box.x0 >= outer.x0 - NEAR
        and box.x1 <= outer.x1 + NEAR
        and box.y0 >= outer.y0 - NEAR
        and box.y1 <= outer.y1 + NEAR
    )


def _overlap(one: Bbox, other: Bbox) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return bool(wide > NEAR and high > NEAR)


FIGURES = [name for name, item in catalogue().items() if item.kind == "figure"]
AT_ONCE = ("fig4", "fig13", "v2fig4", "v2fig7", "own1", "own2", "own3", "own5")
"""What is looked at in every run of the tests: each kind of figure, and those with most words."""


@pytest.mark.parametrize(
    "name",
    [name if name in AT_ONCE else pytest.param(name, marks=pytest.mark.slow) for name in FIGURES],
)
def test_every_word_of_a_figure_can_be_read(name: str, both: Inputs) -> None:
    figure = catalogue()[name].make(both).figure
    assert figure is not None
    assert problems(figure) == []


@pytest.mark.parametrize("name", ["own1", "own2"])
def test_verdicts_can_be_read(name: str, judged: Inputs) -> None:
    figure = catalogue()[name].make(judged).figure
    assert figure is not None
    assert problems(figure) == []


def test_words_that_are_cut_off_or_lie_over_each_other_would_be_noticed() -> None:
    panel = Plot(title="t", label="y", gap="g")
    assert problems(draw("title", [Block(header="h", plots=[panel])], "c")) == []
    assert any(
        "is cut off" in text
        for text in problems(draw("title " * 60, [Block(header="h", plots=[panel])], "c"))
    )
    wide = Plot(title="a title " * 9, label="y", gap="g")
    assert any(
        "lies over" in text
        for text in problems(draw("", [Block(header="h", plots=[wide, wide])], ""))
    )


def test_thirty_arms_and_arms_that_agree_can_be_read(both: Inputs) -> None:
    study = both.of_ablation("kl_penalty")[0]
    control = study.arms[0]
    arms = [f"x={place}" for place in range(30)]

    def repeated(rows: pd.DataFrame) -> pd.DataFrame:
        own = rows[rows["arm"].astype(str) == control]
        named = (own.assign(arm=arm, run_id=own["run_id"].astype(str) + arm) for arm in arms)
        return pd.concat(list(named), ignore_index=True)

    tables = Tables(**{n: repeated(getattr(study.tables, n)) for n in ("runs", "steps", "samples")})
    many = replace(both, studies=(replace(study, tables=tables, arms=tuple(arms)),), is_named=True)
    for name in ("own4", "own5"):
        figure = catalogue()[name].make(many).figure
        assert figure is not None
        assert problems(figure) == [], name
