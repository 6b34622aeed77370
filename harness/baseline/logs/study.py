"""Logs as one bundle: marked as imported, with null for what no log states, and without scores."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.baseline.logs.curves import THREADS, curves_of
from harness.baseline.logs.log import Log, joined, key_codes, ordered_blocks
from harness.baseline.logs.mapping import Mapping
from harness.metrics.columns import column_of
from harness.provenance import now
from harness.schema import SCHEMA_VERSION, DamagedError, content_hash
from harness.store.bundle import Bundle, sha256

SCORE_TYPES = {
    "row_id": "str",
    "run_id": "category",
    "arm": "category",
    "seed": "int64",
    "split": "category",
    "question_id": "category",
    "samples": "int16",
    "correct": "int16",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the caller says about where logs come from; "" is not stated."""

    title: str = ""
    licence: str = ""
    citation: str = ""


def bundle_of_logs(
    logs: Sequence[Log], mapping: Mapping, name: str, origin: Origin = Origin()
) -> Bundle:
    """Return logs as one bundle that is stored nowhere.

    Args:
        logs: checked, at least one.
        mapping: that they were read with.
        name: of the bundle.
        origin: title, licence and citation.

    Raises:
        DamagedError: two logs have a number for the same arm, seed, step and metric.
    """
    rows = joined([log.rows for log in logs])
    keys = [key_codes(rows[key]) for key in ("arm", "seed", "metric")]
    block_B = ordered_blocks(keys, rows["step"].to_numpy())
    if block_B is None:
        _check_replicates(rows, logs)
    with ThreadPoolExecutor(THREADS) as pool:
        sums = pool.map(sha256, [log.path for log in logs])
        hashes = {str(log.path): found for log, found in zip(logs, sums, strict=True)}
    cells, cell_R = _cells(rows, content_hash(sorted(hashes.values())))
    curves = curves_of(rows, cells, cell_R, block_B)
    manifest = {
        **_description(curves, cells, name, origin),
        "imported": {
            "files": [
                {"name": log.path.name, "format": log.format, "sha256": hashes[str(log.path)]}
                for log in logs
            ],
            "mapping": mapping.document,
            "notes": list(
                dict.fromkeys([*(note for log in logs for note in log.notes), *_short(cells)])
            ),
            "unmapped": list(dict.fromkeys(name for log in logs for name in log.unmapped)),
        },
    }
    scores = pd.DataFrame(columns=list(SCORE_TYPES)).astype(SCORE_TYPES)
    return Bundle(name=name, manifest=manifest, curves=curves, scores=scores)


def _short(cells: Sequence[MappingType[str, Any]]) -> list[str]:
    """Return a note for each run that ends before the longest of its arm."""
    most: dict[str, int] = {}
    for cell in cells:
        most[cell["arm"]] = max(cell["last_step"], most.get(cell["arm"], 0))
    return [
        f"{cell['arm']}, seed {cell['seed']}, ends at step {cell['last_step']} of"
        f" {most[cell['arm']]}: it has no value at the end of training"
        for cell in cells
        if cell["last_step"] < most[cell["arm"]]
    ]


def _check_replicates(rows: pd.DataFrame, logs: Sequence[Log]) -> None:
    keys = ["arm", "seed", "step", "metric"]
    twice = rows[rows.duplicated(keys)]
    if len(twice):
        row = twice.iloc[0]
        raise DamagedError(
            f"{len(logs)} logs state step {row['step']} of {row['metric']} of arm {row['arm']},"
            f" seed {row['seed']} more than once: are these two runs? Give each its seed, seed="
        )


def _cells(rows: pd.DataFrame, source: str) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return one finished cell per arm and seed, in their order, and which one each row is of."""
    grouped = rows.groupby(["arm", "seed"], sort=False, observed=True)
    ends = grouped["step"].max().reset_index().astype({"arm": str})
    order = ends.sort_values(["arm", "seed"]).index.to_numpy()
    cells = []
    for arm, seed, last in ends.loc[order].itertuples(index=False):
        # of the content of the logs: the same log imported twice has the same ids
        cell_id = content_hash({"imported": source, "arm": arm, "seed": int(seed)})
        cells.append(
            {
                "cell_id": cell_id,
                "run_id": f"{arm}-s{seed}-{cell_id[:8]}",
                "arm": arm,
                "seed": int(seed),
                "status": "done",
                "reason": "",
                "attempts": None,
                "started": None,
                "last_step": int(last),
            }
        )
    return cells, np.argsort(order)[grouped.ngroup().to_numpy()]


def _description(
    curves: pd.DataFrame, cells: Sequence[MappingType[str, Any]], name: str, origin: Origin
) -> dict[str, Any]:
    arms = list(dict.fromkeys(cell["arm"] for cell in cells))
    metrics = list(curves["metric"].cat.categories)
    evaluated = [metric for metric in metrics if column_of(metric).source == "evaluation"]
    at = sorted(set(curves.loc[curves["metric"].isin(evaluated), "step"].astype(int)))
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "title": origin.title or name,
        "stored": now(),
        "licence": origin.licence or None,
        "citation": origin.citation or None,
        "commits": [],
        "is_dirty": None,
        "arms": arms,
        "control": None,
        "seeds": sorted({cell["seed"] for cell in cells}),
        "metrics": metrics,
        "protocol": {
            "steps": max(cell["last_step"] for cell in cells),
            "evaluation": {"steps": at, "questions": None, "samples": None},
            "data": None,
            "model": None,
            "arms": {arm: {"hash": None, "config": {}} for arm in arms},
        },
        "cells": list(cells),
        "versions": {},
        "python": None,
        "hardware": {},
        "because": "",
        "objections": [],
    }
