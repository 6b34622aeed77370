"""Run an arm of a stored study with a seeded defect, and have the gate judge it.

Usage: ``python scripts/seeded_defects.py [DEFECT ...]``; without names every defect of
tests/defects/defects.yaml that has cells. Each is put into a checkout of its own
(build/defects/<name>), the arm runs there with all seeds of the stored study, and `harness.compare
--gate` of this checkout says whether it passes. Resumable: finished cells are not run again. Writes
results/bench/defects.csv, one row per defect, and results/bench/DEFECTS.md. About ten minutes per
defect on two cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.tables import read_parquet
from harness.paths import BASELINES
from harness.store.bundle import find_bundle, read_bundle
from harness.store.files import write_atomic
from harness.text import NOTHING, markdown_table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.defects.seeded import Defect, read_defects  # noqa: E402

BUILD = ROOT / "build" / "defects"
OUT = ROOT / "results" / "bench"
WATCHED = ("reward", "response_length", "policy_gradient_norm", "value_loss", "entropy")
ROUNDING = 1e-4
"""Share of a number by which a run of the same code may differ from a stored one in a step."""

WORDS = {0: "passes", 10: "worse", 11: "cannot tell", 12: "not comparable"}


def main(argv: list[str]) -> int:
    """Run the defects that are named, or all; return the exit code."""
    defects = {name: item for name, item in read_defects().items() if item.cells}
    unknown = set(argv) - set(defects)
    if unknown:
        sys.exit(
            f"no cells for {', '.join(sorted(unknown))}: expected some of {', '.join(defects)}"
        )
    for name in argv or defects:
        checkout = seed(defects[name])
        results = run(defects[name], checkout)
        store(judge(defects[name], results))
    return 0


def seed(defect: Defect) -> Path:
    """Return a checkout of HEAD that has the defect; one that is there is kept."""
    checkout = BUILD / defect.name
    if not checkout.is_dir():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        if ":" in defect.place:
            entry = checkout / "harness" / "plugins" / "cpu.py"
            line = f"\nfrom tests.defects.seeded import install\n\ninstall({defect.name!r})\n"
            entry.write_text(entry.read_text() + line)
        else:
            path = checkout / defect.place
            path.write_text(defect.edited(path.read_text()))
    return checkout


def run(defect: Defect, checkout: Path) -> Path:
    """Run the arm with every seed; return the directory of its tables."""
    words = [f"ablation={defect.cells['ablation']}", f"levels=[{defect.cells['level']}]"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "harness.run", *words]
    # a defect may end a cell: a failed cell is a row like any other
    subprocess.run(command, cwd=checkout, env=environment, check=False)
    folder = checkout / "results" / "micro" / defect.cells["ablation"] / "partial"
    (place,) = folder.iterdir()
    return place


def judge(defect: Defect, results: Path) -> dict[str, Any]:
    """Return the row of a defect: when it shows, and what the gate says of the end."""
    ablation = defect.cells["ablation"]
    baseline = read_bundle(find_bundle(f"micro/{ablation}", BASELINES))
    arm = next(
        name
        for name in baseline.manifest["protocol"]["arms"]
        if name.endswith(f"={defect.cells['level']}")
    )
    words = [f"candidate={results}", f"baseline={baseline.name}", f"out={results / 'gate'}"]
    words += [f"candidate_arm={arm}", f"baseline_arm={arm}", "--gate"]
    command = [sys.executable, "-m", "harness.compare", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    # runs that ended early are refused, and nothing is written
    path = results / "gate" / "comparison.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    effect: dict[str, Any] = next((row for row in rows if row["metric"] == "accuracy_easy"), {})
    return {
        "defect": defect.name,
        "what": defect.what,
        "component": defect.component,
        "arm": f"{ablation} {arm}",
        "first_step": first_step(read_parquet(results / "steps.parquet"), baseline.curves, arm),
        "accuracy_stored": effect.get("baseline", np.nan),
        "accuracy": effect.get("candidate", np.nan),
        "gate": WORDS.get(done.returncode, f"exit code {done.returncode}"),
    }


def first_step(candidate: pd.DataFrame, stored: pd.DataFrame, arm: str) -> float:
    """Return the first training step at which a run differs from the stored one of its seed."""
    keys = ["seed", "step", "metric"]
    one, other = (
        frame[(frame["arm"].astype(str) == arm) & frame["metric"].isin(WATCHED)]
        .astype({"metric": str})[[*keys, "value"]]
        .dropna()
        for frame in (candidate, stored)
    )
    both = one.merge(other, on=keys)
    size = both[["value_x", "value_y"]].abs().max(axis=1)
    apart = both[(both["value_x"] - both["value_y"]).abs() > ROUNDING * size]
    return float(apart["step"].min()) if len(apart) else np.nan


def store(row: dict[str, Any]) -> None:
    """Put the row of a defect into the table, in the place of an older one."""
    path = OUT / "defects.csv"
    stored = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    rows = [{str(key): value for key, value in old.items()} for old in stored.to_dict("records")]
    rows = [old for old in rows if old["defect"] != row["defect"]] + [row]
    order = list(read_defects())
    rows.sort(key=lambda item: order.index(str(item["defect"])))
    write_atomic(path, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))
    write_atomic(OUT / "DEFECTS.md", page(rows))


def page(rows: list[dict[str, Any]]) -> str:
    """Return the table of all defects: what finds each, and how soon."""
    run_rows = {str(row["defect"]): row for row in rows}
    cells = []
    for name, defect in read_defects().items():
        row = run_rows.get(name)
        shown = [NOTHING] * 4
        if row is not None:
            step = row["first_step"]
            shown = [
                str(row["arm"]),
                NOTHING if step != step else f"{step:.0f}",
                NOTHING
                if row["accuracy"] != row["accuracy"]
                else f"{row['accuracy_stored']:.3f} → {row['accuracy']:.3f}",
                str(row["gate"]),
            ]
        cells.append([name, defect.what, defect.component, *shown])
    heads = ["defect", "what", "component check", "run as", "first step", "accuracy", "gate"]
    return (
        "# Seeded defects\n\nMade by `python scripts/seeded_defects.py`. Every defect fails its"
        " component check (`tests/defects/`, a test each). First step: at which a run differs by"
        f" more than {ROUNDING:g} of a number from the stored run of its seed. Gate: of the"
        " accuracy at the end, against the stored study, all seeds.\n\n"
        + markdown_table(heads, cells, "<<<<><<")
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
