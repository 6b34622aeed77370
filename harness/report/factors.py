"""factors.csv: what each factor of a full design does, alone and in pairs, at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.columns import column_of, label_of
from harness.plots import EffectPanel
from harness.report.effects import nested_values, shared_seeds
from harness.report.results import Results
from harness.report.sections import Paragraph, Picture, Section
from harness.stats.factorial import factorial_effects, is_full
from harness.text import Cell, Row, Table, interval, numeric

FACTORS = "factors"
"""Stem of the table and of its figure."""

LEVEL = 0.95

COLUMNS = (
    *("row_id", "metric", "unit", "window", "effect", "estimate", "low", "high", "level"),
    *("n_seeds", "seeds", "arms"),
)


def factor_table(results: Results) -> pd.DataFrame:
    """Return one row per metric and effect: main effects, then two-way interactions.

    Only runs of seeds that every arm has finished enter.

    Returns:
        Columns `COLUMNS`; no row where the arms are not a full design of factors with two levels.
    """
    design = _design(results)
    if design is None:
        return pd.DataFrame(columns=list(COLUMNS))
    names, level_AF = design
    values = nested_values(results.finals)
    rows = []
    for metric in results.metrics:
        by_arm = values.get(metric, {})
        seeds = shared_seeds(by_arm, results.arms)
        value_SA = np.array([[by_arm[arm][seed] for arm in results.arms] for seed in seeds])
        value_SA = value_SA.reshape(len(seeds), len(results.arms))
        column = column_of(metric)
        for key, found in factorial_effects(value_SA, level_AF, level=LEVEL).items():
            effect = " x ".join(names[place] for place in key)
            rows.append(
                {
                    "row_id": f"{metric}:{effect}",
                    "metric": metric,
                    "unit": column.unit,
                    "window": column.window,
                    "effect": effect,
                    "estimate": found.point,
                    "low": found.low,
                    "high": found.high,
                    "level": LEVEL,
                    "n_seeds": len(seeds),
                    "seeds": " ".join(map(str, seeds)),
                    "arms": " ".join(results.arms),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def factors_section(results: Results) -> Section:
    """Return the effects of the factors with their figure; empty for any other design."""
    table = factor_table(results)
    rows = [_row(row) for row in table.to_dict("records")]
    note = Paragraph(
        "A factor's effect: mean of the arms with its second level minus mean of those with its"
        " first, so every effect uses every run. A pair: the effect of the one where the other has"
        " its second level, minus where it has its first; 0 if neither changes what the other does."
        f" Interval: t over seeds, {LEVEL:.0%} each, not corrected for their number: of"
        f" {len(rows)}, some {max(1, round(len(rows) * (1 - LEVEL)))} leave out 0 by chance."
        f" Source: `{FACTORS}.csv`."
    )
    heads = ["metric", "effect", "unit", "estimate", f"{LEVEL:.0%} interval", "n"]
    picture = Picture("Effects of the factors", f"figures/{FACTORS}.svg")
    return Section(
        title="Factors, alone and in pairs",
        slug=FACTORS,
        place="results",
        blocks=[picture, Table(heads, rows, "<<<>>>"), note] if rows else [],
    )


def effect_panels(results: Results) -> list[EffectPanel]:
    """Return what the figure shows: one panel per metric, one row per effect."""
    table = factor_table(results)
    return [
        EffectPanel(
            rows=own[["effect", "estimate", "low", "high"]],
            label=label_of(str(metric)),
            unit=column_of(str(metric)).unit,
        )
        for metric, own in table.groupby("metric", sort=False)
    ]


def _row(row: Mapping[Any, Any]) -> Row:
    unit = str(row["unit"])
    return [
        str(row["metric"]),
        str(row["effect"]),
        unit,
        numeric(row["estimate"], unit, sign=True),
        Cell(interval(row["low"], row["high"], unit), row["low"]),
        numeric(row["n_seeds"], "rows"),
    ]


def _design(results: Results) -> tuple[list[str], np.ndarray] | None:
    """Return what each factor's effect is called, and 0 or 1 of each arm and factor."""
    arms = [dict(part.split("=", 1) for part in arm.split(",")) for arm in results.arms]
    levels = {
        factor: list(dict.fromkeys(arm[factor] for arm in arms))
        for arm in arms[:1]
        for factor in arm
    }
    if any(len(two) != 2 for two in levels.values()):
        return None
    level_AF = np.array([[two.index(arm[f]) for f, two in levels.items()] for arm in arms])
    if not is_full(level_AF):
        return None
    return [f"{factor}={two[1]}" for factor, two in levels.items()], level_AF
