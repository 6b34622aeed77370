"""Figures of the paper: its own points, and ours below them or, where they compare, among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.claims.layout import reach
from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs, Study, missing_study
from paper.layout import FigureSpec, OursSpec, PanelSpec
from paper.product import Product, claims_of
from paper.series import (
    DERIVED,
    INTERVAL,
    axis_label,
    is_sparse,
    level,
    metric_label,
    of_arms,
    published,
    to_frame,
)

LEVELS_TABLE = "v1_table2"
MOST_SHOWN = 8
"""Arms up to which single seeds are drawn; more would hide the means."""

_SEEDS = "Thin lines: single seeds."


def make_figure(spec: FigureSpec, inputs: Inputs) -> Product:
    """Return one figure of the paper, drawn from the source."""
    blocks = blocks_of(spec, inputs)
    caption = _caption(spec, inputs, blocks)
    series = [(_panel_name(b, p), p.series) for b in blocks for p in b.plots]
    references = _sources(blocks, ("published", "raw", "level"))
    return Product(
        id=spec.id,
        place=spec.place,
        title=spec.title,
        caption=caption,
        numbers=to_frame(series),
        figure=draw(f"{spec.place}: {spec.title}", blocks, caption),
        references=references,
        runs=_runs(spec.ours, inputs, _sources(blocks, ("mean",))),
        claims=claims_of(inputs, spec.curves, spec.claims),
        gaps=[*_gaps(blocks), *(spec.lacks if inputs.draws_paper else ())],
    )


def blocks_of(spec: FigureSpec, inputs: Inputs) -> list[Block]:
    """Return the blocks of a figure of the paper: published panels, and ours per study."""
    above = _published(spec, inputs) if inputs.draws_paper else []
    blocks: list[Block] = []
    if spec.ours is not None and inputs.draws_ours:
        above, blocks = _with_ours(spec.ours, inputs, above)
    elif not inputs.draws_paper:
        blocks = [Block(header="Ours", gap="no run of ours belongs to this figure")]
    if above:
        blocks = [Block(header=_header(spec, inputs), plots=above, columns=spec.columns), *blocks]
    return blocks


def _published(spec: FigureSpec, inputs: Inputs) -> list[Plot]:
    return [_published_plot(panel, inputs) for panel in spec.panels]


def _published_plot(panel: PanelSpec, inputs: Inputs) -> Plot:
    curves, table = inputs.paper.curves, inputs.paper.tables[LEVELS_TABLE]
    return Plot(
        title=panel.title,
        label=panel.label,
        x_label=panel.x_label,
        series=[
            *(published(curves[name], arm, is_raw=True) for arm, name in panel.faint.items()),
            *(published(curves[name], arm) for arm, name in panel.lines.items()),
            *(level(table, row, column) for row, column in panel.levels.items()),
        ],
        gap=panel.gap,
        x_scale=panel.x_scale,
        x_linear_to=panel.x_linear_to,
        x_ticks=panel.x_ticks,
        x_range=panel.x_range,
        y_range=panel.y_range,
        has_markers=panel.markers,
    )


def _with_ours(
    ours: OursSpec, inputs: Inputs, above: Sequence[Plot]
) -> tuple[list[Plot], list[Block]]:
    """Return the published panels, with ours in them where units and scale compare, and blocks."""
    studies = inputs.of_ablation(ours.ablation)
    plots = list(above)
    blocks = []
    for study in studies:
        arms = _arms(ours, study, is_named=inputs.is_named)
        own = [_own_plot(study, metric, arms) for metric in ours.metrics]
        if above and study.scale in ours.scales:
            for metric, plot in zip(ours.metrics, own, strict=True):
                if metric in ours.beside:
                    place = ours.beside[metric]
                    plots[place] = _merged(plots[place], plot, study)
        blocks.append(
            Block(header=_own_header(study), plots=own, columns=ours.columns, arms=study.arms)
        )
    if not studies:
        gap = missing_study(ours.ablation, inputs)
        blocks = [Block(header="Ours: nothing to draw yet", gap=gap)]
    return plots, blocks


def _arms(ours: OursSpec, study: Study, *, is_named: bool) -> Sequence[str]:
    """Return the arms to draw; a named study that has none of the figure's shows its own."""
    wanted = [arm for arm in ours.arms if arm in study.arms]
    return study.arms if is_named and not wanted else wanted


def _own_plot(study: Study, metric: str, arms: Sequence[str]) -> Plot:
    label, unit = metric_label(metric)
    title = label
    if metric.startswith(DERIVED):
        title = f"correct with reflection ({metric.removeprefix(DERIVED)})"
    series = of_arms(study, metric, arms, seeds_shown=len(arms) <= MOST_SHOWN)
    gap = ""
    if not series:
        gap = f"{study.name} has no finished run with {metric}"
        gap += "" if unit else ", which is no metric of ours (docs/metrics.md)"
    return Plot(
        title=title[:1].upper() + title[1:],
        label=axis_label(label),
        series=series,
        gap=gap,
        has_markers=is_sparse(metric),
    )


def _merged(plot: Plot, own: Plot, study: Study) -> Plot:
    means = [
        replace(one, label=f"ours ({study.scale}): {one.label}")
        for one in own.series
        if one.role == "mean"
    ]
    return replace(plot, series=[*plot.series, *means])


def _header(spec: FigureSpec, inputs: Inputs) -> str:
    versions = {inputs.paper.curves[name].source.paper for name in spec.curves}
    if not versions:
        return "Published: words only"
    return f"Published: {'; '.join(sorted(versions))}, one training run per curve"


def _own_header(study: Study) -> str:
    about = reach(study.scale) if study.scale else "an imported log"
    return f"Ours: {study.title}; {about}"


def _caption(spec: FigureSpec, inputs: Inputs, blocks: Sequence[Block]) -> str:
    parts = []
    if inputs.draws_paper and spec.curves:
        parts.append("Published: the authors' points joined by straight lines, n = 1, no interval.")
    roles = {one.role for block in blocks for plot in block.plots for one in plot.series}
    if "mean" in roles:
        parts.append(f"Ours: mean over seeds (n in the legend). {INTERVAL}")
        parts += [_SEEDS] if "seed" in roles else []
        parts += _uneven(blocks)
        if inputs.draws_paper:
            parts.append("Compare shapes, not heights, unless both are in one panel.")
    if inputs.draws_paper and spec.lacks:
        parts.append("\nNotes: " + "; ".join(spec.lacks) + ".")
    return " ".join(parts)


def _uneven(blocks: Sequence[Block]) -> list[str]:
    """Say which arms end at different steps, or have different numbers of seeds."""
    for block in blocks:
        for plot in block.plots:
            ends = {one.arm: one.x[-1] for one in plot.series if one.role == "mean"}
            if len(set(ends.values())) > 1:
                each = ", ".join(f"{arm} {end:g}" for arm, end in ends.items())
                return [f"Arms end at different steps: {each}."]
    return []


def _panel_name(block: Block, plot: Plot) -> str:
    side = "published" if block.header.startswith("Published") else "ours"
    is_only = [other.title for other in block.plots].count(plot.title) == 1
    return f"{side}: {plot.title}" if is_only else f"{side}: {plot.title}, {plot.label}"


def _sources(blocks: Sequence[Block], roles: Sequence[str]) -> list[str]:
    found = [
        name
        for block in blocks
        for plot in block.plots
        for one in plot.series
        if one.role in roles
        for name in one.sources
    ]
    return list(dict.fromkeys(found))


def _runs(
    ours: OursSpec | None, inputs: Inputs, drawn: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    if ours is None:
        return {}
    studies = inputs.of_ablation(ours.ablation)
    by_study = {study.name: [run for run in study.runs if run in drawn] for study in studies}
    return {name: runs for name, runs in by_study.items() if runs}


def _gaps(blocks: Sequence[Block]) -> list[str]:
    found = [block.gap for block in blocks if block.gap]
    found += [f"{p.title}: {p.gap}" for block in blocks for p in block.plots if p.gap]
    return found
