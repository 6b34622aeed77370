"""The later sections of a report: answers, config differences, runs, cost, health, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.metrics.columns import EVALUATION, TRAINING, column_of, split_of
from harness.report.results import Results
from harness.report.sections import Code, Items, Paragraph, Section
from harness.text import NOTHING, Cell, Row, Table, duration, number, numeric, value_text

PHASES = tuple(column.name for column in TRAINING if column.path.startswith("timing_s/"))

LEAST_REFERENCE = 0.2
"""Of the measured divergence, that a frozen reference shows; the measure reads few responses."""

COUNTS: Mapping[str, str] = {
    "torn_lines": "torn last line(s) dropped",
    "steps_missing": "training step(s) without metrics",
    "rows_missing": "evaluation row(s) missing",
    "rows_unscored": "evaluation row(s) without our reward's fields",
}
"""Column of `runs.parquet` -> what it counts."""


def answers_section(results: Results) -> Section:
    """Return the outcomes of the last evaluation, per split and arm."""
    splits = [split_of(m)[1] for m in results.metrics if m.startswith("accuracy_")]
    columns = [column for column in EVALUATION if column.name not in ("accuracy", "samples")]
    # runs of earlier code lack the metrics that came later
    recorded = set(results.finals.dropna(subset=["value"])["metric"])
    shown = [c for c in columns if any(f"{c.name}_{split}" in recorded for split in splits)]
    rows: list[Row] = []
    for split in splits:
        for arm in results.arms:
            values = [
                numeric(_mean_final(results, arm, f"{column.name}_{split}"), column.unit)
                for column in shown
            ]
            rows.append([split, arm, *values])
    heads = ["split", "arm", *(f"{c.name} [{c.unit}]" for c in shown)]
    note = (
        "Means over finished seeds. Wrong, unparsable and truncated are three different things;"
        " the rest are correct. Source: `steps.parquet`, rows `<arm>/final/<column>_<split>`."
    )
    return Section(
        title="Answers at the last evaluation",
        slug="answers",
        place="results",
        blocks=[Table(heads, rows, "<<" + ">" * len(shown)), Paragraph(note)] if rows else [],
    )


def differences_section(results: Results) -> Section:
    """Return every config key that is not the same in all arms."""
    rows: list[Row] = [
        [f"`{key}`", *(_config_cell(values.get(arm)) for arm in results.arms)]
        for key, values in results.study.differences
    ]
    same = Paragraph("None: the arms have the same config.")
    note = "Everything else is the same, seeds included. Source: `spec.yaml` of the runs."
    return Section(
        title="Differences between the arms' configs",
        slug="differences",
        blocks=[Table(["key", *results.arms], rows) if rows else same, Paragraph(note)],
    )


def runs_section(results: Results) -> Section:
    """Return one row per cell, failed and pending ones with their reason."""
    heads = ["run", "status", "attempts", "last step", "time", "rows found / expected", "reason"]
    rows = [_run_row(run) for run in results.tables.runs.to_dict("records")]
    note = (
        "Only runs that are done enter means and differences. Rows are samples of evaluations."
        " Source: `runs.parquet`; the runs are in `runs/<run>/` (not committed)."
    )
    return Section(
        title="Runs", slug="runs", blocks=[Table(heads, rows, "<<>>>><"), Paragraph(note)]
    )


def cost_section(results: Results) -> Section:
    """Return the mean seconds of a step and of its phases, per arm."""
    steps = results.tables.steps
    phases = [name for name in PHASES if (steps["metric"] == name).any()]
    rows: list[Row] = [
        [arm, *(numeric(_mean_later(results, arm, name), "s") for name in phases)]
        for arm in results.arms
    ]
    note = (
        "Mean over steps after the first of finished runs; evaluation counts where it happens only."
        " Source: `steps.parquet`, rows `<arm>/mean/<column>_time`."
    )
    heads = ["arm", *(name.removesuffix("_time") for name in phases)]
    return Section(
        title="Where the time goes [s per step]",
        slug="time",
        blocks=[Table(heads, rows), Paragraph(note)] if phases else [],
    )


def health_section(results: Results) -> Section:
    """Return the faults of the records, and the gap between rollout and training."""
    runs = results.tables.runs
    notes = [
        *(_count_note(runs, column, words) for column, words in COUNTS.items()),
        _unknown_note(runs),
        _agreement_note(results),
        _reference_note(results),
    ]
    counts = ", ".join(f"`{name}`" for name in COUNTS)
    source = f"Source of the counts: `runs.parquet`, columns {counts}, each run in its own row."
    return Section(
        title="Health", slug="health", blocks=[Items([*filter(None, notes)]), Paragraph(source)]
    )


def _reference_note(results: Results) -> str:
    """Name the runs whose reference policy seems not to be the model that training started from.

    The divergence that veRL's loss reports is from its reference; `kl_to_base` is measured apart
    from it. A reference that moves with the policy leaves the first near 0.
    """
    steps = results.tables.steps
    steps = steps[steps["metric"].isin(["kl_loss", "kl_to_base"])]
    means = steps.astype({"run_id": str, "metric": str}).pivot_table(
        index="run_id", columns="metric", values="value"
    )
    if not {"kl_loss", "kl_to_base"} <= set(means.columns):
        return ""
    moving = means.index[means["kl_loss"] < LEAST_REFERENCE * means["kl_to_base"]]
    runs = ", ".join(f"`{run}`" for run in moving)
    return (
        f"The divergence in the loss is under {LEAST_REFERENCE:.0%} of the measured one from the"
        f" base model in {runs}: is the reference policy frozen?"
        if runs
        else "The reference policy did not move with the policy: the divergence in the loss is at"
        f" least {LEAST_REFERENCE:.0%} of the measured one from the base model in every run."
    )


def provenance_section(results: Results) -> Section:
    """Return code, versions, hardware and the command that makes the results again."""
    machines = results.study.machines
    started = results.tables.runs[results.tables.runs["attempts"] > 0]
    rows = [
        ["commit", _distinct(started["commit"])],
        ["work tree differs", _distinct(started["dirty"])],
        ["Python", _distinct(_at(machine, "python") for machine in machines)],
        ["machine", _distinct(_machine(machine) for machine in machines)],
        *(
            [name, _distinct(_at(machine, "versions", name) for machine in machines)]
            for name in _packages(machines)
        ),
    ]
    return Section(
        title="Provenance",
        slug="provenance",
        blocks=[
            Table(["what", "value"], rows, "<<"),
            Paragraph("Source: `record.json` of the runs. To make this again:"),
            Code(results.study.command),
        ],
    )


def _mean_final(results: Results, arm: str, metric: str) -> float:
    finals = results.finals
    mine = finals[(finals["metric"] == metric) & (finals["arm"] == arm)]
    return float(mine["value"].mean())


def _config_cell(value: object) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(value_text(value), value)
    return Cell(value_text(value))


def _run_row(run: Mapping[Any, Any]) -> Row:
    return [
        f"`{run['run_id']}`",
        str(run["status"]),
        numeric(run["attempts"], "rows"),
        Cell(f"{number(run['last_step'], 'rows')} of {run['steps']}", run["last_step"]),
        Cell(duration(run["wall_s"]), run["wall_s"]),
        Cell(f"{run['rows_found']} / {number(run['rows_expected'], 'rows')}", run["rows_found"]),
        str(run["reason"]) or NOTHING,
    ]


def _count_note(runs: pd.DataFrame, column: str, words: str) -> str:
    # rows of cells that never started are not missing, the cell is
    counted = runs[(runs["attempts"] > 0) & (runs[column].fillna(0) != 0)]
    if counted.empty:
        # said even so: a line that is left out could mean that nobody looked
        return f"0 {words}."
    where = ", ".join(
        f"{number(row[column], 'rows')} in `{row['run_id']}` ({row['status']})"
        for row in counted.to_dict("records")
    )
    return f"{number(counted[column].sum(), 'rows')} {words}: {where}."


def _unknown_note(runs: pd.DataFrame) -> str:
    if runs["rows_expected"].isna().any():
        return "The specs do not say how many evaluation rows there must be: none can be missed."
    return ""


def _agreement_note(results: Results) -> str:
    """Return the mean difference between the two engines' probabilities, and the largest."""
    name = "rollout_probs_diff"
    rows = results.tables.steps[results.tables.steps["metric"] == name].dropna(subset=["value"])
    if rows.empty:
        return "Probabilities of rollout and training were not compared."
    worst = rows.sort_values("value").iloc[-1]
    means = ", ".join(f"{arm} {_mean_later(results, arm, name):.2g}" for arm in results.arms)
    return (
        f"{column_of(name).help.rstrip('.')}: mean over steps after the first of finished runs:"
        f" {means}; at most {worst['value']:.2g} (`{worst['run_id']}`, step {worst['step']})."
        f" Source: `steps.parquet`, rows `<arm>/mean/{name}` and `{worst['row_id']}`."
    )


def _distinct(values: Any) -> str:
    """Return the one value that all runs share, or all of them."""
    found = list(dict.fromkeys(str(value) for value in values))
    return " | ".join(found) if found else NOTHING


def _at(record: Mapping[str, Any], *keys: str) -> Any:
    value: Any = record
    for key in keys:
        value = value.get(key, NOTHING) if isinstance(value, Mapping) else NOTHING
    return value


def _machine(record: Mapping[str, Any]) -> str:
    hardware = record.get("hardware", {})
    memory = hardware.get("memory_bytes") or math.nan
    gib = number(memory / 2**30, "rows")
    accelerators = ", ".join(hardware.get("accelerators") or []) or "no accelerator"
    processor, cores = hardware.get("processor", NOTHING), hardware.get("cores", NOTHING)
    return f"{processor}, {cores} cores, {gib} GiB, {accelerators}"


def _packages(records: Sequence[Mapping[str, Any]]) -> list[str]:
    names: dict[str, None] = {}
    for record in records:
        names |= dict.fromkeys(
            name for name, version in record.get("versions", {}).items() if version != "absent"
        )
    return list(names)


def _mean_later(results: Results, arm: str, metric: str) -> float:
    """Return the mean of a metric over the steps of an arm's finished runs, without the first."""
    steps, runs = results.tables.steps, results.tables.runs
    done = runs.loc[runs["is_included"].astype(bool), "run_id"]
    mine = steps[(steps["arm"].astype(str) == arm) & (steps["metric"].astype(str) == metric)]
    # the first step warms up compilers and caches
    mine = mine[mine["run_id"].isin(done) & (mine["step"] > 1)]
    return float(mine["value"].mean())
