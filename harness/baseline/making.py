"""Makes a baseline of a study: once, whole, and only of runs whose code is known."""

from __future__ import annotations

import re
import shlex
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.baseline.writing import write_version
from harness.metrics.columns import SPLIT_PREFIX
from harness.provenance import now
from harness.report.results import Results
from harness.schema import SCHEMA_VERSION, UsageError
from harness.store.bundle import Bundle, read_manifest, versions
from harness.store.contents import RIGHT

LICENCE = "Apache-2.0"
_CELL = ("cell_id", "run_id", "arm", "seed", "status", "reason", "attempts", "started")
_LAUNCH = ("commit", "dirty", "registered", "judge")
"""What a run recorded at its launch; tables of older runs lack some of it."""


def store_bundle(results: Results, folder: Path, *, because: str = "") -> Path:
    """Store a study as the next version and return its directory.

    Args:
        results: of the whole study, every run done.
        folder: `baselines/runs/<scale>/<ablation>`.
        because: why a study is stored that would be refused otherwise; it stays in the manifest.

    Raises:
        UsageError: the same runs are stored already; or, without `because`, the study is partial,
            a run is not done, or the code that made it is not a known and clean commit.
    """
    objections = _objections(results)
    if objections and not because:
        raise UsageError(
            f"this study is not stored as a baseline, since {objections[0]}: correct it, or say why"
            " it shall be stored all the same by because=<reason>"
        )
    # by their ids, which name the work: the same runs under another version would be a double
    cells = sorted(results.tables.runs["cell_id"].astype(str))
    for version in versions(folder):
        stored = read_manifest(folder / f"v{version}")
        if sorted(cell["cell_id"] for cell in stored["cells"]) == cells:
            raise UsageError(f"{folder / f'v{version}'} holds these runs already: nothing to do")
    description = {
        **_description(results, ""),
        "because": because,
        "objections": objections,
    }
    return write_version(folder, description, _curves(results), _question_scores(results))


def bundle_of(results: Results, name: str) -> Bundle:
    """Return results as a bundle that is stored nowhere, for comparisons.

    Args:
        results: of a request, whole or partial; runs that are not done stay out of the rows.
        name: what outputs call it.
    """
    return Bundle(
        name=name,
        manifest=_description(results, name),
        curves=_curves(results),
        scores=_question_scores(results),
    )


def _objections(results: Results) -> list[str]:
    """Return the reasons why a study should not become a reference."""
    found = []
    if results.is_too_little:
        found.append(f"it is only {results.study.label} of the study")
    runs = results.tables.runs
    left = runs[~runs["is_included"].astype(bool)]
    found += [f"run {row.run_id} is {row.status}" for row in left.itertuples()]
    for row in runs.itertuples():
        if not re.fullmatch(r"[0-9a-f]{40}", str(row.commit)):
            found.append(f"the commit that made run {row.run_id} is unknown ({row.commit})")
        elif row.dirty != "no":
            found.append(f"run {row.run_id} was made by code that differs from its commit")
    return found


def _curves(results: Results) -> pd.DataFrame:
    curves = results.tables.steps
    return curves[curves["run_id"].isin(set(results.done["run_id"]))].reset_index(drop=True)


def _description(results: Results, name: str) -> dict[str, Any]:
    """Return the part of the manifest that says what was run, how and on what."""
    study, runs = results.study, results.tables.runs
    machine = study.machines[0] if study.machines else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "title": results.document["title"],
        "stored": now(),
        "command": _anywhere(study.command),
        "licence": LICENCE,
        "citation": "CITATION.cff",
        "commits": sorted(set(runs["commit"].astype(str))),
        "is_dirty": bool((runs["dirty"] != "no").any()),
        "arms": list(results.arms),
        "control": results.arms[0],
        "seeds": list(results.seeds),
        "metrics": list(results.metrics),
        "protocol": study.protocol,
        "cells": [_cell(row) for row in runs.to_dict("records")],
        "versions": machine.get("versions", {}),
        "python": machine.get("python", "absent"),
        "hardware": machine.get("hardware", {}),
    }


def _anywhere(command: str) -> str:
    """Return a command without the place of its results, which is of one machine."""
    words = shlex.split(command)
    return shlex.join(word for word in words if not word.startswith("results_dir="))


def _cell(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    launch = {key: row[key] for key in _LAUNCH if key in row}
    return {**{key: row[key] for key in _CELL}, **launch}


def _question_scores(results: Results) -> pd.DataFrame:
    """Return the last evaluation per run and question: counts of its samples, and each of them."""
    samples, steps = results.tables.samples, results.study.steps
    last = samples[samples["run_id"].isin(set(results.done["run_id"])) & (samples["step"] == steps)]
    last = last[last["split"].astype(str).str.startswith(SPLIT_PREFIX)]
    keys = ["run_id", "arm", "seed", "split", "question_id"]
    grouped = last.groupby(keys, observed=True, sort=True)
    frame = grouped["correct"].agg(samples="size", correct="sum").reset_index()
    asked = results.study.protocol["evaluation"]["samples"] or 0
    mark_QK = np.full((len(frame), asked), "-")
    # a table may hold numbers that nobody asked for: the counts then tell
    is_asked = last["sample"].between(0, asked - 1)
    places = grouped.ngroup()[is_asked], last.loc[is_asked, "sample"]
    mark_QK[places] = np.where(last.loc[is_asked, "correct"], "1", "0")
    frame[RIGHT] = ["".join(mark_K) for mark_K in mark_QK]
    short = dict(zip(results.done["run_id"], results.done["row_id"], strict=True))
    ids = [
        f"{short[str(row.run_id)]}/{steps}/{row.split}/{row.question_id}"
        for row in frame.itertuples()
    ]
    frame.insert(0, "row_id", ids)
    return frame.astype({"samples": "int16", "correct": "int16", "row_id": "str", RIGHT: "str"})
