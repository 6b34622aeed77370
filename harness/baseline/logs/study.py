"""Logs as one bundle: marked as imported, with null for what no log states, and without scores."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.baseline.logs.curves import blocks_of, curves_of
from harness.baseline.logs.log import KEYS, Log, joined
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.resuming import join_attempts, told
from harness.metrics.blocks import THREADS
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
        DamagedError: two logs have a number for the same arm, seed, step and metric, and none
            continues the other.
    """
    parts = [log.rows for log in logs]
    blocks = blocks_of(parts)
    resumed: list[str] = []
    if blocks is None:
        rows, resumed = _in_order(logs)
        parts = [rows]
        blocks = blocks_of(parts)
        assert blocks is not None
    with ThreadPoolExecutor(THREADS) as pool:
        sums = pool.map(sha256, [log.path for log in logs])
        hashes = {str(log.path): found for log, found in zip(logs, sums, strict=True)}
    cells = _cells(blocks, content_hash(sorted(hashes.values())))
    curves = curves_of(parts, blocks, cells)
    manifest = {
        **_description(curves, cells, name, origin),
        "imported": {
            "files": [
                {"name": log.path.name, "format": log.format, "sha256": hashes[str(log.path)]}
                for log in logs
            ],
            "mapping": mapping.document,
            "notes": list(
                dict.fromkeys(
                    [*(note for log in logs for note in log.notes), *resumed, *_short(cells)]
                )
            ),
            "unmapped": list(dict.fromkeys(name for log in logs for name in log.unmapped)),
            "samples": _samples(logs),
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


def _samples(logs: Sequence[Log]) -> dict[str, int]:
    """Return metric -> k of its mean@k, of the metrics whose k the logs state.

    Raises:
        DamagedError: two logs state another one for a metric.
    """
    found: dict[str, int] = {}
    for log in logs:
        for metric, count in log.samples.items():
            if found.setdefault(metric, count) != count:
                raise DamagedError(
                    f"{log.path} has {metric} as the mean of {count} samples, another log of"
                    f" {found[metric]}: these are two metrics; give them two names"
                )
    return found


def _in_order(logs: Sequence[Log]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of all logs by arm, seed, metric and step, and notes of resumed runs.

    Of a run in several logs the one that begins later counts from there on.

    Raises:
        DamagedError: two logs state the same, and none continues the other.
    """
    rows = joined([log.rows for log in logs])
    log_R = np.repeat(np.arange(len(logs)), [len(log.rows) for log in logs])
    begin_R = rows.groupby([rows["arm"], rows["seed"], log_R], observed=True)["step"]
    # by begin and, of those that begin together, by their order
    attempt_R = begin_R.transform("min").to_numpy() * len(logs) + log_R
    found = join_attempts(rows, attempt_R)
    if found.wrong is not None:
        row = rows.iloc[found.wrong]
        raise DamagedError(
            f"{len(logs)} logs state {row['metric']} of arm {row['arm']}, seed {row['seed']} more"
            f" than once, at step {row['step']} for one, and none continues another: are these two"
            " runs? Give each its seed, seed="
        )
    kept = rows[found.is_kept_R].sort_values([*KEYS, "step"], ignore_index=True)
    return kept, told(found.repeated, "the log that begins later")


def _cells(blocks: pd.DataFrame, source: str) -> list[dict[str, Any]]:
    """Return one finished cell per arm and seed, with an id made of the logs' content."""
    cells = []
    ends = blocks.groupby(["arm", "seed"], sort=True)["last_step"].max().reset_index()
    for arm, seed, last in zip(*(ends[name] for name in ends), strict=True):
        number = int(seed)
        # of the content of the logs: the same log imported twice has the same ids
        cell_id = content_hash({"imported": source, "arm": str(arm), "seed": number})
        cells.append(
            {
                "cell_id": cell_id,
                "run_id": f"{arm}-s{seed}-{cell_id[:8]}",
                "arm": str(arm),
                "seed": number,
                "status": "done",
                "reason": "",
                "attempts": None,
                "started": None,
                "last_step": int(last),
            }
        )
    return cells


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
