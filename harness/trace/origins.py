"""What a row was made from, by which module, and by which formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.metrics.columns import SPLIT_PREFIX, column_of, split_of
from harness.metrics.streams import METRICS_FILE
from harness.paths import ROOT
from harness.schema import UsageError
from harness.trace.ends import Origin, arm_origin, end_text, ends_of, final_origin, start_text
from harness.trace.runs import Study, run_directory, shown
from harness.trace.tables import FINAL, Kind, Row, read_rows

GLOSSARY = ROOT / "docs" / "metrics.md"
PAPERS = ROOT / "baselines" / "papers"

MAKERS: dict[Kind, str] = {
    "run": "harness/metrics/tables.py (build_tables), from record.json of the run",
    "step": "harness/metrics/tables.py (build_tables)",
    "final": "harness/metrics/finals.py (final_values)",
    "arm": "harness/report/ (document.py, detail.py), over the finished runs of the arm",
    "sample": "harness/metrics/evaluation.py (read_samples), from generations/<step>.jsonl",
    "score": "harness/baseline/making.py, summed over the samples of the last evaluation",
    "effect": "harness/report/effects.py, factors.py; harness/stats/intervals.py, factorial.py",
    "claim": "harness/claims/ (measuring.py, judging.py), by the rule of the claim file",
    "entry": "harness/, by the command that its table or its page names",
    "comparison": "harness/compare/ (effects.py, curves.py, costs.py), harness/stats/paired.py",
}
"""Kind of row -> the module that makes it."""

_FEW = 4


def origin_of(row: Row, study: Study) -> Origin:
    """Return the runs and the rows behind a row."""
    if row.kind == "step":
        return _of_step(row, study)
    if row.kind == "final":
        return final_origin(row)
    if row.kind == "arm":
        return arm_origin(row, study)
    if row.kind == "effect":
        return _of_effect(row)
    if row.kind == "comparison":
        return _of_comparison(row)
    if row.kind == "claim":
        return _of_claim(row)
    if row.kind == "entry":
        return _of_entry(row)
    run_id = str(row.values["run_id"])
    if row.kind == "sample":
        stream = _stream(study, run_id, f"generations/{row.values['step']}.jsonl")
        return Origin((run_id,), (f"the row of question and sample in {stream}",))
    if row.kind == "score":
        name = "/".join((*row.row_id.split("/"), "<sample>"))
        return Origin((run_id,), (f"{row.values['samples']} samples, rows {name} of samples",))
    return Origin((run_id,), ())


def formula_of(row: Row) -> list[str]:
    """Return the definition of a row's metric and its place; nothing for a row without one."""
    metric = str(row.values.get("metric", ""))
    if not metric:
        return []
    try:
        column = column_of(metric)
    except UsageError:
        return [f"{metric}: not a metric of this suite, taken over from a log as it was named"]
    lines = [f"{metric} [{column.unit}]: {column.help}"]
    name = split_of(metric)[0]
    for number, text in enumerate(GLOSSARY.read_text().splitlines(), start=1):
        if text.startswith((f"| `{name}` |", f"| `{name}_<split>` |")):
            lines.append(f"  {shown(GLOSSARY)}:{number}")
    if row.kind in ("final", "effect", "claim") or row.values.get("part") == FINAL:
        lines.append(f"  at the end of training: {column.window}")
    if row.values.get("method"):
        lines.append(f"  interval: {row.values['method']}")
    return lines


def _of_step(row: Row, study: Study) -> Origin:
    run_id, step = str(row.values["run_id"]), int(row.values["step"])
    metric = str(row.values["metric"])
    try:
        column = column_of(metric)
    except UsageError:
        return Origin((run_id,), ("a value of a log that was taken over",))
    if column.source == "training":
        stream = _stream(study, run_id, METRICS_FILE)
        return Origin((run_id,), (f"key {column.path} of the line with step {step} in {stream}",))
    split = SPLIT_PREFIX + split_of(metric)[1]
    short = row.row_id.split("/")[0]
    stream = _stream(study, run_id, f"generations/{step}.jsonl")
    lines = [f"field {column.path} of the rows of split {split} in {stream}"]
    samples = row.table.parent / "samples.parquet"
    if samples.is_file():
        ids = read_rows(samples)[0]["row_id"].astype(str)
        own = ids[ids.str.startswith(f"{short}/{step}/{split}/")]
        lines.append(f"{len(own)} rows of {shown(samples)}: {_some(list(own))}")
    return Origin((run_id,), tuple(lines))


def _of_effect(row: Row) -> Origin:
    seeds = [int(seed) for seed in str(row.values.get("seeds", "")).split()]
    arms = str(row.values.get("arms", "")).split()
    arms = arms or [str(row.values["arm"]), str(row.values["control"])]
    return ends_of(row.table.parent / "steps.parquet", str(row.values["metric"]), arms, seeds)


def _of_comparison(row: Row) -> Origin:
    """Name the values that a comparison's number was made from, of both sides."""
    document = row.document
    runs = [
        str(run_id)
        for side in ("candidate", "baseline")
        for run_id in document.get(side, {}).get("run_ids", ())
    ]
    made = [str(name) for name in row.values.get("made_from") or ()]
    lines = [f"{len(made)} values at the end of training: {', '.join(made)}"] if made else []
    for side in ("candidate", "baseline"):
        said = document.get(side, {})
        if "arm" in said:
            lines.append(f"{side}: {said['source']}, arm {said['arm']}")
        elif said:
            # one model, which its evaluation names
            lines.append(f"{side}: {said['name']}")
    if document.get("command"):
        lines.append(f"made by: {document['command']}")
    if document.get("warning"):
        lines.append(f"WARNING: {document['warning']}")
    return Origin(tuple(runs), tuple(lines))


def home_of(row: Row) -> Path:
    """Return the table beside which a row's runs are described: its own, but for a claim.

    For a row of a redrawn figure it is that of the study which the figure's document names.
    """
    place = str(row.values.get("place", ""))
    if row.kind == "entry":
        studies = (ROOT / "results" / study / "steps.parquet" for study, _ in _figure_runs(row))
        return next((path for path in studies if path.is_file()), row.table)
    if row.kind != "claim" or not place:
        return row.table
    study, _, version = place.partition("@")
    homes = (
        Path(place, "steps.parquet"),
        ROOT / place / "steps.parquet",
        ROOT / "baselines" / "runs" / study / version / "curves.parquet",
    )
    return next((path for path in homes if path.is_file()), row.table)


def _of_claim(row: Row) -> Origin:
    """Name the claim's file, what it refers to, and the values that its parts were made from."""
    claim = str(row.values["id"])
    runs = _names(row.values.get("run_ids"))
    files = sorted(PAPERS.glob(f"*/claims/{claim}_*.yaml"))
    lines = [f"claim and rule: {shown(path)}" for path in files]
    named = ", ".join(_names(row.values.get("references")))
    lines += [f"references: {named} ({shown(PAPERS)}/*/tables.yaml, curves/)"] if named else []
    home = home_of(row)
    if runs and home != row.table:
        lines += [f"of {shown(home)}:", *_claim_values(row, home, runs)]
    return Origin(runs, tuple(lines))


def _claim_values(row: Row, home: Path, runs: Sequence[str]) -> list[str]:
    """Return the values that each part of the rule takes from each run: its ends, or its curve."""
    rows, _ = read_rows(home)
    arm_of = dict(zip(rows["run_id"].astype(str), rows["arm"].astype(str), strict=True))
    found = []
    for part in row.values.get("differences") or [row.values]:
        name, metric = str(part.get("quantity_name", "")), str(part.get("metric", ""))
        mine = [run for run in runs if arm_of.get(run) in _names(part.get("arms"))]
        found.append(f"  {name}")
        found += [f"    {run}: {_taken(name, rows, run, metric)}" for run in mine]
    return found


def _taken(name: str, rows: pd.DataFrame, run: str, metric: str) -> str:
    """Return the values that a quantity takes from one run, by the quantity's name."""
    parts = []
    # the names are those of harness/claims/quantities.py
    if "end of training" in name:
        parts.append(f"end {end_text(rows, run, metric)}")
    is_change = name.endswith("the start")
    if "mean of steps" in name or not (parts or is_change):
        parts.append(f"the curve, rows {run.rpartition('-')[2]}/<step>/{metric}")
    # what is taken off, or divided by, stands behind what it is taken off from
    if is_change:
        parts.append(f"start {start_text(rows, run, metric)}")
    return "; ".join(parts)


def _names(value: Any) -> tuple[str, ...]:
    """Return names that stand in JSON as a list and in CSV with blanks between."""
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(str(name) for name in value or ())


def _of_entry(row: Row) -> Origin:
    """Return the runs and the making of a row of another table, as the row states them."""
    named = row.values.get("run_ids") or row.values.get("runs") or row.values.get("run_id") or ()
    runs = _names(named) or tuple(run for _, run in _figure_runs(row))
    lines = [
        f"{key}: {row.values[key]}"
        for key in ("made_from", "source", "reference", "command")
        if row.values.get(key)
    ]
    if row.document.get("command"):
        lines.append(f"made by: {row.document['command']}")
    return Origin(runs, tuple(lines))


def _figure_runs(row: Row) -> list[tuple[str, str]]:
    """Return (study, run id) of the runs among a figure row's sources."""
    stored = row.document.get("runs")
    sources = set(_names(row.values.get("source")))
    if not isinstance(stored, Mapping):
        return []
    return [(str(study), run) for study, runs in stored.items() for run in runs if run in sources]


def _stream(study: Study, run_id: str, name: str) -> str:
    """Return the file of a run's last attempt, or what it is called there."""
    path = run_directory(study, run_id)
    attempts = sorted(path.glob("attempt-*"), key=_number) if path else []
    return shown(attempts[-1] / name) if attempts else f"runs/{run_id}/attempt-<last>/{name}"


def _number(attempt: Path) -> int:
    # as text, attempt-10 would come before attempt-9
    return int(attempt.name.rpartition("-")[2])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
