"""Time the readers of logs, and what is done with a stored bundle, against plain pandas.

Usage: ``python scripts/bench_readers.py [out=results/bench] [most=240] [again=true]``

Writes readers.json and READERS.md to the directory and the figure of lab 0011. A point that would
take more than `most` seconds of a processor, by the one before it, is left out and said to be. Ten
minutes on two idle cores; 100 MB of disk for the logs. `again` writes page and figure again.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from harness.metrics.columns import TRAINING
from harness.plots import COLOURS, MARKERS, METADATA, STYLE
from harness.store.files import write_atomic
from harness.untrusted.tables import MOST_ROWS
from harness.writing import whole_file

ROOT = Path(__file__).resolve().parent.parent
FIGURE = ROOT / "docs" / "lab" / "0011-readers.png"
METRICS = 40
SHAPES = ((10, 200), (100, 200), (1000, 200), (10_000, 200), (10_000, 1000), (10_000, 20))
"""Runs and steps; each step has 40 numbers, of which all have a name of ours."""

TABLES = ((100, 200), (1000, 200))
"""The same as CSV files."""

SHORT = 20
"""Steps of runs that are so short that opening their files takes most of the time."""

DISTINCT = 50
"""Different files of a shape; the others are hard links to them, and so stay in memory."""

START = 3.0
"""Seconds of a small process that are its start: they do not grow with the logs."""

WORK = {
    "pandas": "pandas alone: read_json and json_normalize, or read_csv",
    "read": "our readers with every check, each log dropped after it",
    "import": "harness.baseline import: read, check, store",
    "show": "harness.baseline show",
    "compare": "harness.compare of two such bundles",
}
"""What is timed, each as a process of its own, its start counted."""


def write_logs(folder: Path, runs: int, steps: int, ending: str) -> list[Path]:
    """Write logs of verl, or CSV files of the same numbers, and return them."""
    names = [column.path for column in TRAINING]
    names += [f"val-core/split{n}/acc/mean@4" for n in range(METRICS - len(names))]
    rng = np.random.default_rng([runs, steps])
    folder.mkdir()
    paths = [folder / f"run{run:05d}{ending}" for run in range(runs)]
    for run, path in enumerate(paths):
        if run >= DISTINCT:
            os.link(paths[run % DISTINCT], path)
            continue
        rows = rng.random((steps, METRICS)).tolist()
        with path.open("w", newline="") as file:
            if ending == ".csv":
                csv.writer(file).writerow(["step", *names])
                csv.writer(file).writerows([step, *row] for step, row in enumerate(rows, 1))
                continue
            for step, row in enumerate(rows, 1):
                line = {"step": step, "data": dict(zip(names, row, strict=True))}
                file.write(json.dumps(line) + "\n")
    return paths


def with_pandas(folder: Path) -> None:
    """Read every file of a folder by pandas alone."""
    import pandas as pd

    frames = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".csv":
            frames.append(pd.read_csv(path))
        else:
            lines = pd.read_json(path, lines=True)
            frames.append(pd.json_normalize(lines["data"].tolist()).assign(step=lines["step"]))
    pd.concat(frames)


def with_readers(folder: Path) -> None:
    """Read and check every file of a folder, two at a time, and keep none."""
    from concurrent.futures import ThreadPoolExecutor

    from harness.baseline.logs.mapping import Mapping
    from harness.baseline.logs.reading import read_log

    known = Mapping()
    threads = 1 if next(folder.iterdir()).suffix == ".csv" else 2
    with ThreadPoolExecutor(threads) as pool:
        numbers = sum(pool.map(lambda path: len(read_log(path, known).rows), folder.iterdir()))
    assert numbers % METRICS == 0


def command(work: str, folder: Path, store: Path, name: str) -> list[str]:
    """Return the words of one process."""
    if work in ("pandas", "read"):
        return [sys.executable, __file__, work, str(folder)]
    verb = [sys.executable, "-m", f"harness.{'compare' if work == 'compare' else 'baseline'}"]
    place = [f"baselines_dir={store}"]
    if work == "show":
        return [*verb, "show", f"name=bench/{name}", *place]
    if work == "compare":
        sides = [f"candidate=bench/{name}-other", f"baseline=bench/{name}"]
        return [*verb, *sides, "metric=reward", "--anyway", *place]
    seeds = list(map(str, range(1, len(list(folder.iterdir())) + 1)))
    if name.endswith("-other"):
        seeds.reverse()
    options = [f"from={folder}", f"seed={','.join(seeds)}", "arm=a", f"name=bench/{name}"]
    return [*verb, "import", *options, "licence=unknown", "citation=made up", *place]


def timed(words: Sequence[str]) -> dict[str, float]:
    """Run a process; return its seconds, those of a processor, and its largest memory in MiB.

    Raises:
        CalledProcessError: it failed.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words[:4])
    return {
        "wall_s": time.perf_counter() - begin,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "mib": usage.ru_maxrss / 1024,
    }


def measure(scratch: Path, most: float) -> Iterator[dict[str, Any]]:
    """Yield a row for each point: runs, steps, numbers, format, work, and seconds or why not."""
    speed: dict[tuple[str, str], float] = {}
    shapes = [(*shape, ".jsonl") for shape in SHAPES] + [(*shape, ".csv") for shape in TABLES]
    for runs, steps, ending in shapes:
        name, store = f"{ending[1:]}-{runs}-{steps}", scratch / "store"
        folder = scratch / name
        write_logs(folder, runs, steps, ending)
        numbers = runs * steps * METRICS
        is_large = numbers > MOST_ROWS
        for work in ("pandas", "read", "import", "import-other", "show", "compare"):
            row: dict[str, Any] = {"runs": runs, "steps": steps, "numbers": numbers}
            row |= {"format": ending[1:], "work": work}
            key = work, ending
            if is_large and work not in ("pandas", "read"):
                row["not"] = f"more than the {MOST_ROWS} numbers of a bundle"
            elif speed.get(key, 0.0) * numbers > most:
                row["not"] = f"would take {speed[key] * numbers:.0f} s"
            else:
                full = f"{name}-other" if work == "import-other" else name
                words = command(work.partition("-")[0], folder, store, full)
                row |= timed(words)
                speed[key] = max(row["processor_s"] - START, 0.0) / numbers
            print(row, flush=True)
            if work != "import-other":
                yield row


def page(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table as Markdown."""
    how = (
        "Seconds of a processor that whole processes take, start-up counted, all their threads"
        " together, so that what else the machine does counts for nobody; readers.json has the"
        f" seconds by the clock too. {os.cpu_count()} cores. Each step of a run has {METRICS}"
        f" numbers, all of which are kept. {DISTINCT} files of a size are different, the others are"
        " links to them. Written by `make bench-readers`."
    )
    heads = ["logs", "runs", "steps", "numbers", "pandas [s]", "read [s]", "import [s]"]
    heads += ["import / pandas", "by the clock", "import [MiB]", "show [s]", "compare [s]"]
    lines = ["# Reading logs: cost against size", "", how, ""]
    lines += [f"- {name}: {what}" for name, what in WORK.items()]
    lines += ["", f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    points = dict.fromkeys((r["format"], r["runs"], r["steps"], r["numbers"]) for r in rows)
    missing: dict[str, None] = {}
    for point in points:
        own = [r for r in rows if (r["format"], r["runs"], r["steps"], r["numbers"]) == point]
        of = {row["work"]: row for row in own}
        spent = {name: row["processor_s"] for name, row in of.items() if "processor_s" in row}
        cells = {work: f"{spent[work]:.1f}" for work in WORK if work in spent}
        ratio = clock = mib = "-"
        if "import" in cells and "pandas" in cells:
            mib = f"{of['import']['mib']:.0f}"
            ratio = f"{spent['import'] / spent['pandas']:.2f}"
            clock = f"{of['import']['wall_s'] / of['pandas']['wall_s']:.2f}"
        pandas, read, *others = (cells.get(work, "-") for work in WORK)
        size = [point[0], *(f"{number:,}" for number in point[1:])]
        shown = [*size, pandas, read, others[0], ratio, clock, mib, *others[1:]]
        lines.append(f"| {' | '.join(shown)} |")
        for row in own:
            if "not" in row:
                text = f"{row['work']} of {point[1]:,} runs of {point[2]:,} steps: {row['not']}"
                missing[text] = None
    lines += ["", "Not measured:", "", *(f"- {text}" for text in missing)]
    return "\n".join(lines) + "\n"


def _points(rows: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [r["numbers"] for r in rows], [r["processor_s"] for r in rows]


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw seconds against numbers, both on logarithmic axes."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        axes = figure.subplots()
        for place, (work, what) in enumerate(WORK.items()):
            own = [r for r in rows if r["work"] == work and r["format"] == "jsonl" and "mib" in r]
            look: dict[str, Any] = {"color": COLOURS[place], "marker": MARKERS[place]}
            long = sorted((r for r in own if r["steps"] > SHORT), key=lambda r: int(r["numbers"]))
            name = what.partition(":")[0].partition(" with")[0]
            axes.plot(*_points(long), label=name, **look)
            short = [r for r in own if r["steps"] <= SHORT]
            axes.plot(*_points(short), linestyle="", fillstyle="none", **look)
        axes.axvline(MOST_ROWS, color="#888888", linestyle=":")
        axes.set_xscale("log")
        axes.set_yscale("log")
        note = " dotted: most of a bundle\n hollow: 10,000 runs of 20 steps"
        axes.text(MOST_ROWS, axes.get_ylim()[0] * 1.2, note, va="bottom", fontsize=9)
        axes.set_xlabel("numbers in the logs (runs x steps x 40 metrics)")
        axes.set_ylabel("time of a processor [s]")
        axes.legend()
        with whole_file(path) as half:
            figure.savefig(half, metadata=METADATA[".png"])


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    if argv and argv[0] in ("pandas", "read"):
        {"pandas": with_pandas, "read": with_readers}[argv[0]](Path(argv[1]))
        return 0
    given = dict(word.split("=", 1) for word in argv)
    out = Path(given.get("out") or ROOT / "results" / "bench")
    out.mkdir(parents=True, exist_ok=True)
    stored = out / "readers.json"
    rows: list[dict[str, Any]] = json.loads(stored.read_text()) if given.get("again") else []
    if not rows:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            for row in measure(Path(scratch), float(given.get("most") or 240)):
                rows.append(row)
                # at once: whoever stops it keeps what was measured
                write_atomic(stored, json.dumps(rows, indent=1) + "\n")
    write_atomic(out / "READERS.md", page(rows))
    draw(rows, FIGURE)
    print(page(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
