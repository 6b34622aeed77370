"""A throwaway repository with one real claim file, and runs that are launched in it. For tests.

The numbers of the runs are invented; claim file, git, records and tables are real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from harness.baseline.writing import write_version
from harness.claims.reading import Claim, read_claims
from harness.claims.registration import Standing, at_launch, standing_of
from harness.claims.trees import CLAIMS_FOLDER
from harness.claims.verifying import Remark, verify
from harness.metrics.tables import write_parquet
from harness.paths import CLAIMS
from harness.schema import SCHEMA_VERSION, content_hash
from harness.store.contents import SCORE_KINDS

ABLATION, SCALE, CLAIM = "kl_penalty", "micro", "f07c"
DATA = "micro_families"
"""The data set that the rule is for."""
ARMS = ("kl=none", "kl=loss", "kl=reward")
NO_SCORES = pd.DataFrame(columns=list(SCORE_KINDS)).astype(
    {name: "str" if kind == "text" else "int16" for name, kind in SCORE_KINDS.items()}
)


class Laboratory:
    """A repository, and what is done in it, in the order in which it is called."""

    def __init__(self, root: Path) -> None:
        """Begin a repository that holds the claim, committed."""
        self.root = root
        (self.file,) = CLAIMS.glob(f"{CLAIM}_*.yaml")
        self.file = root / CLAIMS_FOLDER / self.file.name
        self.file.parent.mkdir(parents=True)
        shutil.copyfile(CLAIMS / self.file.name, self.file)
        self.git("init", "-q", "-b", "main")
        self.commit("the rule")

    def git(self, *words: str, date: str = "") -> str:
        dates = {f"GIT_{who}_DATE": date for who in ("AUTHOR", "COMMITTER") if date}
        done = subprocess.run(
            ["git", "-c", "user.name=a test", "-c", "user.email=a@test", *words],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **dates},
        )
        return done.stdout.strip()

    def commit(self, message: str, *words: str, date: str = "") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, *words, date=date)
        return self.git("rev-parse", "HEAD")

    def lower_the_bar(self) -> None:
        """Change the first number of the rule's condition, as somebody would who knows the data."""
        document = yaml.safe_load(self.file.read_text())
        assert _halve_first_number(document["rules"][SCALE]["holds_when"])
        self.file.write_text(yaml.safe_dump(document))

    def launch(self, seeds: Sequence[int] = (11, 12, 13, 14, 15), mark: str = "a") -> pd.DataFrame:
        """Return the rows of runs.parquet of runs that are launched now; `mark` tells ids apart."""
        note = at_launch(ABLATION, SCALE, self.root, [DATA])
        rows = [
            {
                "row_id": f"{arm}/{seed}/{mark}",
                "run_id": f"{arm}-s{seed}-{mark * 8}",
                "cell_id": content_hash([arm, seed, mark]),
                "arm": arm,
                "seed": seed,
                "status": "done",
                "reason": "",
                "attempts": 1,
                "is_included": True,
                "steps": 10,
                "last_step": 10.0,
                "started": "2999-01-01T00:00:00+00:00",
                "commit": note["commit"],
                "dirty": note["dirty"],
                "registered": json.dumps(note["rules"]),
                "judge": note["judge"],
            }
            for seed in seeds
            for arm in ARMS
        ]
        return pd.DataFrame(rows)

    def store_results(self, runs: pd.DataFrame) -> None:
        """Write the tables to where results are."""
        folder = self.root / "results" / SCALE / ABLATION
        folder.mkdir(parents=True, exist_ok=True)
        write_parquet(runs, folder / "runs.parquet", prefixed=())
        write_parquet(curves(runs), folder / "steps.parquet", prefixed=())

    def store_bundle(self, runs: pd.DataFrame) -> Path:
        """Store the runs as the next version of a baseline; return its directory."""
        keys = [key for key in runs.columns if key not in ("is_included", "steps", "last_step")]
        cells = [{key: row[key] for key in keys} for row in runs.to_dict("records")]
        folder = self.root / "baselines" / "runs" / SCALE / ABLATION
        return write_version(folder, manifest_of(cells), curves(runs), NO_SCORES)

    def claim(self) -> Claim:
        """Return the claim as its file reads now."""
        return next(claim for claim in read_claims(self.file.parent) if claim.id == CLAIM)

    def standing(self, runs: pd.DataFrame) -> Standing:
        """Return the standing of the claim over runs."""
        return standing_of(self.claim(), SCALE, runs, self.root)

    def verify(self) -> list[Remark]:
        """Check all that is stored."""
        return verify(self.root, self.root / "results", self.root / "baselines" / "runs")

    def faults(self) -> str:
        """Return all inconsistencies as one text, "" if there are none."""
        return "\n".join(f"{r.place}: {r.text}" for r in self.verify() if r.is_fault)

    def notes(self) -> str:
        """Return all remarks that are no fault as one text."""
        return "\n".join(f"{r.place}: {r.text}" for r in self.verify() if not r.is_fault)


def manifest_of(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest of a study without evaluations."""
    evaluation = {"steps": [], "questions": None, "samples": None}
    arms = {arm: {"hash": None, "config": {}} for arm in ARMS}
    return {
        "schema_version": SCHEMA_VERSION,
        "title": "Invented study",
        "stored": "2999-01-02T00:00:00+00:00",
        "licence": None,
        "citation": None,
        "commits": sorted({cell["commit"] for cell in cells}),
        "is_dirty": False,
        "arms": list(ARMS),
        "control": ARMS[0],
        "seeds": sorted({cell["seed"] for cell in cells}),
        "metrics": ["response_length"],
        "protocol": {
            **{"steps": 10, "evaluation": evaluation, "data": None, "model": None},
            "arms": arms,
        },
        "cells": list(cells),
        "versions": {},
        "hardware": {},
        "because": "",
        "objections": [],
    }


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return invented response lengths: arms without KL write 20 tokens more, with noise."""
    rows = []
    for run in runs.to_dict("records"):
        rng = np.random.default_rng([int(run["seed"]), *map(ord, str(run["arm"]))])
        for step in range(1, 11):
            length = 40.0 + 20.0 * (run["arm"] == ARMS[0]) + rng.normal()
            rows.append(
                {
                    "row_id": f"{run['run_id']}/{step}",
                    "run_id": run["run_id"],
                    "arm": run["arm"],
                    "seed": run["seed"],
                    "step": step,
                    "metric": "response_length",
                    "value": length,
                }
            )
    return pd.DataFrame(rows)


def _halve_first_number(node: Any) -> bool:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, dict | list) and _halve_first_number(value):
            return True
        if isinstance(value, int | float) and not isinstance(value, bool):
            node[key] = value / 2
            return True
    return False
