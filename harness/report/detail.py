"""The later sections of a report: answers, config differences, runs, cost, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.metrics.columns import EVALUATION, TRAINING, split_of
from harness.report.results import Results
from harness.report.sections import Code, Paragraph, Section
from harness.text import NOTHING, Cell, Row, Table, duration, number, numeric, value_text

PHASES = tuple(column.name for column in TRAINING if column.path.startswith("timing_s/"))


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
        [arm, *(numeric(mean_later(results, arm, name), "s") for name in phases)]
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


def mean_later(results: Results, arm: str, metric: str) -> float:
    """Return the mean of a metric over the steps of an arm's finished runs, without the first."""
    steps, runs = results.tables.steps, results.tables.runs
    done = runs.loc[runs["is_included"].astype(bool), "run_id"]
    mine = steps[(steps["arm"].astype(str) == arm) & (steps["metric"].astype(str) == metric)]
    # the first step warms up compilers and caches
    mine = mine[mine["run_id"].isin(done) & (mine["step"] > 1)]
    return float(mine["value"].mean())
