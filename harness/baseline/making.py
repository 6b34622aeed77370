"""Makes a baseline of a study: once, whole, and only of runs whose code is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.baseline.writing import write_version
from harness.metrics.columns import SPLIT_PREFIX
from harness.metrics.evaluation import evaluation_plan
from harness.metrics.streams import RunFiles
from harness.metrics.tables import protocol_hash, protocol_items
from harness.provenance import now
from harness.report.results import Results
from harness.schema import SCHEMA_VERSION, UsageError
from harness.store.bundle import Bundle, read_manifest, versions

LICENCE = "Apache-2.0"


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
    cells = sorted(run.record.cell_id for run in results.runs)
    for version in versions(folder):
        stored = read_manifest(folder / f"v{version}")
        if sorted(cell["cell_id"] for cell in stored["cells"]) == cells:
            raise UsageError(f"{folder / f'v{version}'} holds these runs already: nothing to do")
    done = {run.run_id for run in results.runs if run.is_done}
    description = {
        **_description(results, ""),
        "because": because,
        "objections": objections,
    }
    return write_version(
        folder, description, _curves(results, done), _question_scores(results, done)
    )


def bundle_of(results: Results, name: str) -> Bundle:
    """Return results as a bundle that is stored nowhere, for comparisons.

    Args:
        results: of a request, whole or partial; runs that are not done stay out of the rows.
        name: what outputs call it.
    """
    done = {run.run_id for run in results.runs if run.is_done}
    return Bundle(
        name=name,
        manifest=_description(results, name),
        curves=_curves(results, done),
        scores=_question_scores(results, done),
    )


def _objections(results: Results) -> list[str]:
    """Return why a study should not become a reference."""
    found = []
    if results.is_too_little:
        found.append(f"it is only {results.asked.label} of the study")
    found += [f"run {run.run_id} is {run.record.status}" for run in results.runs if not run.is_done]
    for run in results.runs:
        code = run.record.provenance.get("code", {})
        commit = str(code.get("commit", "absent"))
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            found.append(f"the commit that made run {run.run_id} is unknown ({commit})")
        elif code.get("dirty") != "no":
            found.append(f"run {run.run_id} was made by code that differs from its commit")
    return found


def _curves(results: Results, done: set[str]) -> pd.DataFrame:
    curves = results.tables.steps
    return curves[curves["run_id"].isin(done)].reset_index(drop=True)


def _description(results: Results, name: str) -> dict[str, Any]:
    """Return the part of the manifest that says what was run, how and on what."""
    first = results.runs[0]
    record = first.record.provenance
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "title": results.asked.document["title"],
        "stored": now(),
        "command": results.asked.command,
        "licence": LICENCE,
        "citation": "CITATION.cff",
        "commits": sorted({str(_code(run).get("commit", "absent")) for run in results.runs}),
        "is_dirty": any(_code(run).get("dirty") != "no" for run in results.runs),
        "arms": list(results.arms),
        "control": results.arms[0],
        "seeds": list(results.seeds),
        "metrics": list(results.metrics),
        "protocol": _protocol(results),
        "cells": [_cell(run) for run in results.runs],
        "versions": record.get("versions", {}),
        "python": record.get("python", "absent"),
        "hardware": record.get("hardware", {}),
    }


def _protocol(results: Results) -> dict[str, Any]:
    first = results.runs[0]
    plan = evaluation_plan(first.spec)
    by_arm = {run.record.arm: run.spec for run in reversed(results.runs)}
    return {
        "steps": first.steps,
        "evaluation": {
            "steps": list(plan.steps),
            "questions": dict(plan.questions),
            "samples": plan.samples,
        },
        "data": first.spec["inputs"]["data"],
        "model": first.spec["inputs"]["model"],
        "arms": {
            arm: {"hash": protocol_hash(by_arm[arm]), "config": protocol_items(by_arm[arm])}
            for arm in results.arms
        },
    }


def _cell(run: RunFiles) -> dict[str, Any]:
    record = run.record
    return {
        "cell_id": record.cell_id,
        "run_id": run.run_id,
        "arm": record.arm,
        "seed": record.seed,
        "status": str(record.status),
        "reason": record.reason,
        "attempts": len(record.attempts),
        "started": record.attempts[0].started if record.attempts else "",
    }


def _question_scores(results: Results, done: set[str]) -> pd.DataFrame:
    """Return correct and found samples per run and question of the last evaluation."""
    samples = results.tables.samples
    last = samples[samples["run_id"].isin(done) & (samples["step"] == results.steps)]
    last = last[last["split"].astype(str).str.startswith(SPLIT_PREFIX)]
    keys = ["run_id", "arm", "seed", "split", "question_id"]
    grouped = last.groupby(keys, observed=True, sort=True)["correct"]
    frame = grouped.agg(samples="size", correct="sum").reset_index()
    short = {run.run_id: run.short_id for run in results.runs}
    ids = [
        f"{short[str(row.run_id)]}/{results.steps}/{row.split}/{row.question_id}"
        for row in frame.itertuples()
    ]
    frame.insert(0, "row_id", ids)
    return frame.astype({"samples": "int16", "correct": "int16", "row_id": "str"})


def _code(run: RunFiles) -> Mapping[str, Any]:
    code: Mapping[str, Any] = run.record.provenance.get("code", {})
    return code
