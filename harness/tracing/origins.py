"""What a row was made from, by which module, and by which formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.metrics.columns import FINAL_TRAINING_STEPS, SPLIT_PREFIX, column_of, split_of
from harness.metrics.streams import METRICS_FILE
from harness.schema import DamagedError, UsageError
from harness.tracing.runs import ROOT, Study, run_directory, shown
from harness.tracing.tables import FINAL, Kind, Row, read_rows

GLOSSARY = ROOT / "docs" / "metrics.md"

MAKERS: dict[Kind, str] = {
    "run": "harness/metrics/tables.py (build_tables), from record.json of the run",
    "step": "harness/metrics/tables.py (build_tables)",
    "final": "harness/metrics/finals.py (final_values)",
    "sample": "harness/metrics/evaluation.py (read_samples), from generations/<step>.jsonl",
    "score": "harness/reports/bundling.py, summed over the samples of the last evaluation",
    "effect": "harness/reports/effects.py (effect_table), harness/stats/intervals.py (paired_t)",
    "verdict": "harness/verdicts.py (judge), by the rule of the ablation file",
    "claim": "harness/claimsheet/ (measuring.py, judging.py), by the rule of the claim file",
    "entry": "harness/, by the command that its table or its page names",
    "comparison": "harness/comparing/ (effects.py, curves.py, costs.py), harness/stats/paired.py",
}
"""Kind of row -> the module that makes it."""

_FEW = 4


class Origin(NamedTuple):
    """Where a row comes from: its runs, and lines that name the rows or files behind it."""

    run_ids: tuple[str, ...]
    lines: tuple[str, ...]


def origin_of(row: Row, study: Study) -> Origin:
    """Return the runs and the rows behind a row."""
    if row.kind == "step":
        return _of_step(row, study)
    if row.kind == "final":
        return _of_final(row)
    if row.kind == "effect":
        return _of_effect(row)
    if row.kind == "verdict":
        return _of_verdict(row)
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
    """Return where the metric of a row is defined, and how; nothing for a row without one."""
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
    if row.kind in ("final", "effect", "verdict", "claim"):
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


def _of_final(row: Row) -> Origin:
    """Name the steps of the window, of the run's last ones."""
    rows, _ = read_rows(row.table)
    metric, run_id = str(row.values["metric"]), str(row.values["run_id"])
    own = rows[(rows["metric"].astype(str) == metric) & (rows["run_id"].astype(str) == run_id)]
    own = own.sort_values("step")
    count = FINAL_TRAINING_STEPS if column_of(metric).source == "training" else 1
    last = own.tail(count)
    mean = float(last["value"].mean(skipna=False))
    lines = (
        f"mean of {len(last)} rows of {shown(row.table)}: {mean:.9g}",
        *(
            f"  {name} = {value:.9g}"
            for name, value in zip(last["row_id"], last["value"], strict=True)
        ),
    )
    return Origin((run_id,), lines)


def _of_effect(row: Row) -> Origin:
    seeds = [int(seed) for seed in str(row.values.get("seeds", "")).split()]
    arms = [str(row.values["arm"]), str(row.values["control"])]
    return _ends(row.table.parent / "steps.parquet", str(row.values["metric"]), arms, seeds)


def _of_verdict(row: Row) -> Origin:
    """Follow the rows of effects.csv, or the values themselves: the rule may turn arms around."""
    differences = list(row.values.get("differences") or ())
    arms = dict.fromkeys(
        str(item[key]) for item in differences for key in ("arm", "minus") if key in item
    )
    seeds = [int(seed) for seed in row.values.get("seeds") or ()]
    steps = row.table.parent / "steps.parquet"
    return _ends(steps, str(row.values["metric"]), list(arms), seeds)


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
        if side in document:
            lines.append(f"{side}: {document[side]['source']}, arm {document[side]['arm']}")
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
    """Name the claim's file, what it refers to, and the values of its metric at the end."""
    claim, metric = str(row.values["id"]), str(row.values.get("metric", ""))
    runs = _names(row.values.get("run_ids"))
    files = sorted((ROOT / "baselines" / "papers").glob(f"*/claims/{claim}_*.yaml"))
    lines = [f"claim and rule: {shown(path)}" for path in files]
    lines += [f"references: {', '.join(_names(row.values.get('references')))}"]
    home = home_of(row)
    if runs and home != row.table:
        ends = (f"{run.rpartition('-')[2]}/{FINAL}/{metric}" for run in runs)
        lines.append(f"rows of {shown(home)}: {', '.join(ends)}")
    return Origin(runs, tuple(lines))


def _names(value: Any) -> tuple[str, ...]:
    """Return names that stand in JSON as a list and in CSV with blanks between."""
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(str(name) for name in value or ())


def _of_entry(row: Row) -> Origin:
    """Return what a row of another table says about its runs and its making, in its own words."""
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


def _ends(steps: Path, metric: str, arms: Sequence[str], seeds: Sequence[int]) -> Origin:
    """Return the values at the end of training of arms and seeds, with their row ids."""
    if not steps.is_file():
        raise DamagedError(f"{steps} is not there, so the rows behind this one cannot be named")
    rows, _ = read_rows(steps)
    own = rows[rows["metric"].astype(str) == metric]
    own = own[own["arm"].astype(str).isin(arms) & own["seed"].isin(seeds)]
    runs, lines = [], []
    for arm in arms:
        for seed in seeds:
            mine = own[(own["arm"].astype(str) == arm) & (own["seed"] == seed)]
            if mine.empty:
                continue
            short = str(mine["row_id"].iloc[0]).split("/")[0]
            name = f"{short}/{FINAL}/{metric}"
            run_id = str(mine["run_id"].iloc[0])
            count = FINAL_TRAINING_STEPS if column_of(metric).source == "training" else 1
            value = mine.sort_values("step").tail(count)["value"].mean(skipna=False)
            runs.append(run_id)
            lines.append(f"{arm}, seed {seed}: {value:.9g}, row {name} of {shown(steps)}")
    return Origin(tuple(runs), tuple(lines))


def _stream(study: Study, run_id: str, name: str) -> str:
    """Return the file of a run's last attempt, or what it is called there."""
    path = run_directory(study, run_id)
    attempts = sorted(path.glob("attempt-*")) if path else []
    return shown(attempts[-1] / name) if attempts else f"runs/{run_id}/attempt-<last>/{name}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
