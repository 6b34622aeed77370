"""Time the bootstrap of this suite against rliable's on the same work; print the ratios.

Usage: ``<python of an environment with rliable> scripts/bench_stats.py [results/bench]``

The environment is that of `scripts/golden_rliable.py` with pytest-benchmark. Writes stats.json
(medians) and STATS.md (the table) to the directory. A minute on an idle machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from harness.store.files import write_atomic

ROOT = Path(__file__).resolve().parent.parent
TITLES = {
    "iqm": "IQM of 10 x 26 scores, 10,000 draws",
    "four aggregates": "mean, median, IQM and optimality gap of the same, 10,000 draws",
}


def measure() -> list[dict[str, Any]]:
    """Return work, who and the median seconds of each entry."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pytest", "tests/bench/rliable_speed.py", "-q"]
        options = ["-p", "no:cacheprovider", f"--benchmark-json={report}", "-W", "default"]
        # processor time of one thread: what else the machine does then counts for neither side
        options.append("--benchmark-timer=time.process_time")
        one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        environment = {**os.environ, **one_thread}
        subprocess.run([*command, *options], cwd=ROOT, check=True, env=environment)
        entries = json.loads(report.read_text())["benchmarks"]
    return [
        {
            **entry["extra_info"],
            "median_s": entry["stats"]["median"],
            "runs": entry["stats"]["rounds"],
        }
        for entry in entries
    ]


def page(rows: list[dict[str, Any]]) -> str:
    """Return the table of ratios as Markdown."""
    seconds = {(row["work"], row["who"]): row["median_s"] for row in rows}
    how = (
        "Medians of the processor time of one thread, one after another on one machine; rliable"
        f" {version('rliable')}, numpy {version('numpy')}. Written by `scripts/bench_stats.py`,"
        " whose head says in which environment."
    )
    lines = [
        "# Bootstrap intervals: this suite against rliable",
        "",
        how,
        "",
        "| work | rliable [s] | harness.stats [s] | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    ratios: list[float] = []
    for work, title in TITLES.items():
        theirs, ours = seconds[work, "rliable"], seconds[work, "harness"]
        ratios.append(theirs / ours)
        lines.append(f"| {title} | {theirs:.2f} | {ours:.4f} | {ratios[-1]:.0f} |")
    lines += ["", f"The median ratio is {median(ratios):.0f}, the smallest {min(ratios):.0f}."]
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    """Run the command line; return the exit code."""
    out = Path(argv[0]) if argv else ROOT / "results" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    rows = measure()
    write_atomic(out / "stats.json", json.dumps(rows, indent=1) + "\n")
    text = page(rows)
    write_atomic(out / "STATS.md", text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
