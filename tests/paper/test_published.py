"""Figures of the paper hold its points, all of them, and ours beside them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from harness.plots import COLOURS
from harness.report.results import arm_order
from harness.spec.ablation import load_ablation
from harness.spec.choices import ablation_files
from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs
from paper.layout import read_families, read_figures
from paper.product import claims_of
from paper.published import make_figure
from paper.series import of_arms
from paper.series import published as published_series
from paper.style import look_at, look_of


def drawn(figure: Figure) -> dict[str, Any]:
    """Curve name -> points of the artist that shows it."""
    found = {}
    for axes in figure.axes:
        for line in axes.lines:
            gid = str(line.get_gid())
            role, _, rest = gid.partition(":")
            if role in ("published", "raw"):
                found[rest.rpartition(":")[0]] = np.array(line.get_xydata())
    return found


def wrong_points(figure: Figure, inputs: Inputs, names: tuple[str, ...]) -> list[str]:
    """Names of curves that are not drawn, or with other points than the reference."""
    artists = drawn(figure)
    wrong = []
    for name in names:
        curve = inputs.paper.curves[name]
        expected = np.column_stack([curve.steps, curve.values])
        if name not in artists or not np.array_equal(artists[name], expected):
            wrong.append(name)
    return wrong


def test_every_point_of_every_curve_is_drawn(published: Inputs) -> None:
    seen: set[str] = set()
    for spec in read_figures().values():
        product = make_figure(spec, published)
        assert product.figure is not None
        assert wrong_points(product.figure, published, spec.curves) == [], spec.id
        # the table is what the artists hold
        rows = product.numbers
        assert set(rows["source"]) - {"v1_table2"} == set(spec.curves)
        seen |= set(spec.curves)
    assert seen == set(published.paper.curves)


def test_a_point_that_moved_or_is_missing_would_be_noticed(published: Inputs) -> None:
    spec = read_figures()["fig4"]
    figure = make_figure(spec, published).figure
    assert figure is not None
    name = spec.curves[0]
    curve = published.paper.curves[name]
    for values in ((curve.values[0] + 1e-6, *curve.values[1:]), curve.values[::-1]):
        curves = {**published.paper.curves, name: replace(curve, values=values)}
        changed = replace(published, paper=replace(published.paper, curves=curves))
        assert wrong_points(figure, changed, spec.curves) == [name]
    figure.axes[0].lines[0].remove()
    assert wrong_points(figure, published, spec.curves) == [name]


def test_levels_are_the_numbers_of_the_table(published: Inputs) -> None:
    numbers = make_figure(read_figures()["fig1"], published).numbers
    levels = numbers[numbers["role"] == "level"]
    assert sorted(levels["y"]) == sorted([47.0, 50.0, 33.5, 91.6, 90.6, 55.0, 54.5])


def test_an_axis_cuts_off_no_point(published: Inputs) -> None:
    spec = read_figures()["fig1"]
    figure = make_figure(spec, published).figure
    assert figure is not None
    low, high = figure.axes[0].get_xlim()
    assert low < 0 and high > 1200


def test_ours_are_means_of_the_stored_runs_with_their_intervals(both: Inputs) -> None:
    product = make_figure(read_figures()["fig8"], both)
    rows = product.numbers
    mine = rows[(rows["role"] == "mean") & (rows["arm"] == "kl=loss") & (rows["x"] == 40)]
    mine = mine[mine["panel"].str.contains("Accuracy \\(easy\\)")]
    (study,) = both.of_ablation("kl_penalty")
    steps = study.tables.steps
    is_last = (steps["metric"] == "accuracy_easy") & (steps["step"] == 40)
    values = steps.loc[is_last & (steps["arm"] == "kl=loss"), "value"]

    assert mine["y"].item() == pytest.approx(values.mean())
    assert mine["n"].item() == len(values)
    # t quantile of 4 degrees of freedom
    half = 2.7764451 * values.std() / np.sqrt(len(values))
    assert mine["high"].item() - mine["y"].item() == pytest.approx(half)
    assert set(product.runs) == {study.name}


def test_what_was_not_run_is_named_with_the_command(both: Inputs) -> None:
    product = make_figure(read_figures()["fig11"], both)
    (gap, *_) = product.gaps
    assert "python -m harness.run ablation=curriculum_language" in gap
    assert set(product.numbers["role"]) == {"published"}


def test_micro_runs_have_panels_of_their_own_and_a_run_of_the_same_scale_has_not(
    both: Inputs,
) -> None:
    spec = read_figures()["fig8"]
    (study,) = both.of_ablation("kl_penalty")
    for scale, expected in (("micro", 3), ("orz_7b", 6)):
        inputs = replace(both, studies=(replace(study, scale=scale),))
        # verdicts are of no interest here
        figure = make_figure(spec, inputs).figure
        assert figure is not None
        lines = [x for x in figure.axes[1].lines if x.get_gid() is not None]
        assert len(lines) == expected


OURS = {spec.ours.ablation for spec in read_figures().values() if spec.ours is not None}


@pytest.mark.parametrize("name", sorted(OURS & set(ablation_files())))
def test_an_arm_looks_as_in_the_reports_of_its_ablation(name: str) -> None:
    document = load_ablation(name)
    factors = document["factors"]
    arms = {f"{factor}={level}" for factor in factors for level in factors[factor]}
    order = arm_order(document, arms)
    for place, arm in enumerate(order):
        assert look_of(arm, order) == look_at(place), arm


def test_the_recipe_is_black_and_no_two_of_a_family_are_alike() -> None:
    for family in read_families():
        assert look_of(family[0]).colour == COLOURS[0]
        assert len({look_of(arm) for arm in family}) == len(family)


def test_thirty_arms_can_be_told_apart() -> None:
    arms = [f"x={place}" for place in range(30)]
    assert len({str(look_of(arm, arms)) for arm in arms}) == 30


def rows(arms: int, steps: dict[int, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "run_id": f"x={arm}-s{seed}",
                "arm": f"x={arm}",
                "seed": seed,
                "step": step,
                "metric": "reward",
                "value": arm + step + seed / 10,
            }
            for arm in range(arms)
            for seed in (1, 2)
            for step in range(1, steps.get(arm, 3) + 1)
        ]
    )


def invented(both: Inputs, arms: int, steps: dict[int, int]) -> Any:
    (study,) = both.of_ablation("kl_penalty")
    frame = rows(arms, steps)
    names = frame[["run_id", "arm", "seed"]].drop_duplicates()
    runs = names.assign(is_included=True, status="done", steps=3)
    tables = replace(study.tables, steps=frame, runs=runs)
    return replace(study, tables=tables, arms=tuple(dict.fromkeys(frame["arm"])))


def test_thirty_arms_arms_of_other_lengths_and_a_single_point_are_drawn(both: Inputs) -> None:
    study = invented(both, 30, {0: 1, 1: 5})
    inputs = replace(both, studies=(study,), is_named=True, source="invented")
    product = make_figure(read_figures()["fig2"], inputs)

    means = product.numbers[product.numbers["role"] == "mean"]
    assert means.groupby("arm").size().to_dict() == {
        **dict.fromkeys(study.arms, 3),
        "x=0": 1,
        "x=1": 5,
    }
    assert "Arms end at different steps: x=0 1, x=1 5" in product.caption
    assert any("response_length" in gap for gap in product.gaps)
    assert product.figure is not None
    (single,) = [
        line
        for axes in product.figure.axes
        for line in axes.lines
        if str(line.get_gid()).startswith("mean:x=0-")
    ]
    assert single.get_marker() not in ("None", None, "")


def test_a_published_curve_with_one_point_is_seen(published: Inputs) -> None:
    curve = published.paper.curves["fig4_thinking_format_ratio_ORZ-7B"]
    short = replace(curve, steps=curve.steps[:1], values=curve.values[:1])
    plot = Plot(title="t", label="y", series=[published_series(short, "7B")])
    figure = draw("t", [Block(header="Published", plots=[plot])], "caption")
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_one_seed_has_no_interval(both: Inputs) -> None:
    study = invented(both, 1, {})
    steps = study.tables.steps
    one = replace(study, tables=replace(study.tables, steps=steps[steps["seed"] == 1]))
    (mean,) = of_arms(one, "reward", one.arms, seeds_shown=True)
    assert np.isnan(mean.low).all() and mean.label == "x=0 (n=1)"


def test_a_figure_belongs_to_the_claims_of_its_curves(both: Inputs) -> None:
    assert make_figure(read_figures()["fig8"], both).claims == ["f07a", "f07b", "f07c"]
    assert claims_of(both, [], ["f20"]) == ["f20"]


def test_every_claim_with_a_curve_stands_under_a_figure(both: Inputs) -> None:
    from paper.tabulate import read_tables

    shown = {name for spec in read_figures().values() for name in spec.curves}
    shown |= {spec.table for spec in read_tables().values()}
    named = {claim for spec in read_figures().values() for claim in spec.claims}
    for claim in both.claims:
        assert claim.id in named or claim.words_only or shown & set(claim.references), claim.id
