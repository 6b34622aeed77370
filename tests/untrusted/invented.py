"""A small study with made-up numbers, and a way to store whatever it is turned into as a bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.metrics.tables import write_parquet
from harness.schema import content_hash
from harness.store.bundle import CURVES, MANIFEST, SCORES, manifest_text, sha256

ARMS, SEEDS, STEPS = ("kl=none", "kl=loss"), (1, 2), 4


def study() -> dict[str, Any]:
    """Return the manifest of a small study with made-up numbers, without name and files."""
    cells = [
        {
            "cell_id": content_hash([arm, seed]),
            "run_id": f"{arm}-s{seed}-{content_hash([arm, seed])[:8]}",
            "arm": arm,
            "seed": seed,
            "status": "done",
            "reason": "",
            "attempts": 1,
            "started": "2026-01-01T00:00:00+00:00",
        }
        for arm in ARMS
        for seed in SEEDS
    ]
    evaluation = {"steps": [0, STEPS], "questions": {"eval_easy": 2}, "samples": 2}
    return {
        "schema_version": 1,
        "title": "Invented",
        "stored": "2026-01-01T00:00:00+00:00",
        "command": "python -m harness.run",
        "licence": "Apache-2.0",
        "citation": "nobody",
        "commits": ["a" * 40],
        "is_dirty": False,
        "because": "",
        "objections": [],
        "arms": list(ARMS),
        "control": ARMS[0],
        "seeds": list(SEEDS),
        "metrics": ["reward", "response_length", "accuracy_easy"],
        "protocol": {
            "steps": STEPS,
            "evaluation": evaluation,
            "data": "d",
            "model": "m",
            "arms": {arm: {"hash": arm, "config": {"verl.a.b": arm}} for arm in ARMS},
        },
        "cells": cells,
        "versions": {"verl": "0.9.1"},
        "python": "3.11",
        "hardware": {"machine": "x", "cores": 2},
    }


def tables(manifest: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the curves and scores of `study`."""
    curves, scores = [], []
    for cell in manifest["cells"]:
        head = {key: cell[key] for key in ("run_id", "arm", "seed")}
        points = [("accuracy_easy", 0, 0.5), ("accuracy_easy", STEPS, 0.75)]
        for metric, first in (("reward", 0.25), ("response_length", 40.0)):
            points += [(metric, step, first + step / 10) for step in range(1, STEPS + 1)]
        for metric, step, value in points:
            id_ = f"{cell['cell_id'][:8]}/{step}/{metric}"
            curves.append({"row_id": id_, **head, "step": step, "metric": metric, "value": value})
        for question, right in (("q1", "11"), ("q2", "10")):
            id_ = f"{cell['cell_id'][:8]}/{STEPS}/eval_easy/{question}"
            counts = {"samples": 2, "correct": right.count("1"), "right": right}
            own = {"split": "eval_easy", "question_id": question, **counts}
            scores.append({"row_id": id_, **head, **own})
    return {CURVES: pd.DataFrame(curves), SCORES: pd.DataFrame(scores)}


def store(place: Path, manifest: Any, content: Mapping[str, pd.DataFrame]) -> Path:
    """Write a bundle, whatever it holds, with hashes that fit; return its directory."""
    directory = place / "micro" / "invented" / "v1"
    directory.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, table in content.items():
        path = directory / name
        write_parquet(table, path, prefixed=())
        files[name] = {"sha256": sha256(path), "bytes": path.stat().st_size, "rows": len(table)}
    if isinstance(manifest, dict):
        manifest = {"name": "micro/invented@v1", "files": files, **manifest}
        manifest["digest"] = content_hash(manifest)
    (directory / MANIFEST).write_text(manifest_text(manifest))
    return directory
