"""Run every study of the micro-world and store each as a baseline, as ``make baselines`` does.

Usage: ``python scripts/all_studies.py [STUDY ...]``; without names all of them, the shortest first.
Says beforehand how long each takes. Resumable: a finished cell is not run again, a stored study is
left as it is. A study with cells that failed is named at the end and not stored; the exit code is
then 1.
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

from harness.paths import BASELINES
from harness.plan.cost import estimate_cell, finished_runs
from harness.schema import Status
from harness.spec.choices import ablation_files
from harness.spec.config import session
from harness.spec.study import Study, make_study
from harness.store.bundle import read_manifest, versions
from harness.store.ledger import RunStore
from harness.text import duration

ROOT = Path(__file__).resolve().parent.parent
SCALE = "micro"
NO_STUDY = ("pilot", "annealing", "curriculum_language")
"""Looks at ranges, which no rule judges, and what the micro-world cannot ask."""


def main(argv: list[str]) -> int:
    """Run the studies that are named, or all; return the exit code."""
    known = [name for name in ablation_files() if name not in NO_STUDY]
    if unknown := sorted(set(argv) - set(known)):
        sys.exit(f"unknown study {', '.join(unknown)}: expected some of {', '.join(known)}")
    with session():
        studies = {name: make_study([f"ablation={name}"]) for name in argv or known}
    left = {name: seconds_left(study) for name, study in studies.items()}
    for name in sorted(left, key=lambda name: left[name]):
        print(f"{name:20} {len(studies[name].cells):3} cells  {duration(left[name]):>9} to go")
    print(
        f"{'all':20} {sum(len(s.cells) for s in studies.values()):3} cells  "
        f"{duration(sum(left.values())):>9} to go",
        flush=True,
    )
    failed = [n for n in sorted(left, key=lambda n: left[n]) if not run_and_store(n, studies[n])]
    if failed:
        print(f"not stored: {', '.join(failed)}; the same command tries again", file=sys.stderr)
    return int(bool(failed))


def seconds_left(study: Study) -> float:
    """Return how long the cells take that are not finished."""
    store = RunStore(study.root)
    waiting = [cell for cell in study.cells if store.status(cell) is not Status.DONE]
    if not waiting or is_stored(study):
        return 0.0
    launcher = study.request.launcher
    finished = finished_runs(study.request.results_dir / SCALE)
    each = estimate_cell(waiting[0], launcher["estimate"], finished).cell_s
    return each * math.ceil(len(waiting) / max(1, int(launcher.get("cells_at_once") or 1)))


def is_stored(study: Study) -> bool:
    """Tell whether a stored version holds exactly these cells."""
    folder = BASELINES / SCALE / study.request.ablation
    wanted = sorted(cell.cell_id for cell in study.cells)
    stored = (read_manifest(folder / f"v{version}") for version in versions(folder))
    return any(sorted(cell["cell_id"] for cell in m["cells"]) == wanted for m in stored)


def run_and_store(name: str, study: Study) -> bool:
    """Run a study and store it; return whether it is stored now."""
    if is_stored(study):
        return True
    words = [f"ablation={name}", f"scale={SCALE}"]
    for command in (["harness.run"], ["harness.baseline", "save"]):
        done = subprocess.run([sys.executable, "-m", *command, *words], cwd=ROOT, check=False)
        if done.returncode:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
