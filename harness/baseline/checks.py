"""Whether a bundle that matches its hashes also makes sense: hashes can be made again by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from harness.metrics.columns import column_of
from harness.schema import DamagedError, UsageError
from harness.store.bundle import CURVES, MANIFEST, SCORES, Bundle, read_bundle

CURVE_COLUMNS = {"row_id", "run_id", "arm", "seed", "step", "metric", "value"}
SCORE_COLUMNS = {"row_id", "run_id", "arm", "seed", "split", "question_id", "samples", "correct"}
KEYS = {"name", "title", "stored", "arms", "seeds", "metrics", "protocol", "cells", "versions"}


def verify_bundle(directory: Path, name: str = "") -> Bundle:
    """Read a bundle, check every byte and every statement of its manifest against the rows.

    Args:
        directory: of the bundle.
        name: that it must have; "" takes any.

    Raises:
        DamagedError: a file is missing, foreign or changed, or the rows contradict the manifest.
    """
    extra = sorted({path.name for path in directory.iterdir()} - {MANIFEST, CURVES, SCORES})
    if extra:
        raise DamagedError(
            f"{directory} holds {', '.join(extra)}, which its manifest does not know: take it away"
        )
    bundle = read_bundle(directory)
    if name and bundle.name != name:
        raise DamagedError(
            f"{directory} says that it is {bundle.name}, it stands where {name} belongs: was it"
            " moved or copied by hand?"
        )
    for objection in _objections(bundle):
        raise DamagedError(
            f"{directory}: {objection}; the hashes fit, so the bundle was written wrong or made"
            " again by hand: restore it from git"
        )
    return bundle


def _objections(bundle: Bundle) -> Iterator[str]:
    missing = KEYS - set(bundle.manifest)
    if missing:
        yield f"the manifest lacks {', '.join(sorted(missing))}"
        return
    for table, name, columns in (
        (bundle.curves, CURVES, CURVE_COLUMNS),
        (bundle.scores, SCORES, SCORE_COLUMNS),
    ):
        if set(table.columns) != columns:
            yield f"{name} has the columns {', '.join(table.columns)}"
            return
        yield from _run_objections(bundle, table, name)
    yield from _curve_objections(bundle.curves)
    yield from _score_objections(bundle.scores)


def _run_objections(bundle: Bundle, table: pd.DataFrame, name: str) -> Iterator[str]:
    """Compare run, arm and seed of each row with the cells."""
    cells = bundle.manifest["cells"]
    known = {(c["run_id"], c["arm"], int(c["seed"])) for c in cells if c["status"] == "done"}
    pairs = [(arm, seed) for _, arm, seed in known]
    if len(set(pairs)) != len(pairs):
        yield "two finished cells have the same arm and seed"
    found = table[["run_id", "arm", "seed"]].drop_duplicates().astype({"run_id": str, "arm": str})
    rows = {(row["run_id"], row["arm"], int(row["seed"])) for row in found.to_dict("records")}
    foreign = sorted(str(row) for row in rows - known)
    if foreign:
        yield f"{name} has rows of {foreign[0]}, which is no finished cell of the manifest"
    if name == CURVES and known - rows:
        yield f"{name} has no row of {min(str(row) for row in known - rows)}"
    if not table["row_id"].is_unique:
        yield f"{name} has two rows of the same row_id"
    stated = (set(bundle.manifest["arms"]), set(bundle.manifest["seeds"]))
    if {c["arm"] for c in cells} - stated[0] or {c["seed"] for c in cells} - stated[1]:
        yield "a cell has an arm or a seed that the manifest does not list"


def _curve_objections(curves: pd.DataFrame) -> Iterator[str]:
    twice = curves.duplicated(["run_id", "step", "metric"])
    if twice.any():
        row = curves[twice].iloc[0]
        yield f"{CURVES} states {row['metric']} of {row['run_id']} at step {row['step']} twice"
    if (curves["step"] < 0).any():
        yield f"{CURVES} has a negative step"
    if np.isinf(curves["value"].to_numpy(dtype=float)).any():
        yield f"{CURVES} has an infinite value"
    for metric in sorted(set(curves["metric"].astype(str))):
        try:
            unit = column_of(metric).unit
        except UsageError:
            yield f"{CURVES} has a metric {metric!r} that the suite does not know"
            continue
        values = curves.loc[curves["metric"].astype(str) == metric, "value"].dropna()
        if unit == "fraction" and not values.between(-1e-9, 1 + 1e-9).all():
            yield f"{CURVES} has {metric} outside 0 to 1, which is a fraction"


def _score_objections(scores: pd.DataFrame) -> Iterator[str]:
    if scores.duplicated(["run_id", "split", "question_id"]).any():
        yield f"{SCORES} has a question of a run twice"
    correct, samples = scores["correct"].astype(int), scores["samples"].astype(int)
    if ((correct < 0) | (correct > samples)).any():
        yield f"{SCORES} has more correct samples than samples"
