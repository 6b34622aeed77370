"""Time whole naive and final cells in turn, and write what was measured.

Usage: ``python scripts/bench_cell.py [REPEATS=5] [STEPS=6] [REMOVAL=1] [SIZES=1] [LONG=1]
[PEERS=5] [PEER_SIZES=grpo_64,...] [PEER_STEPS=12] [PART=...] [OUT=...]``

Writes cell.json (every run) and CELL.md (the tables) to OUT. About 4 minutes per repeat on two
cores; nothing else may run on the machine. REMOVAL=1 adds the final cell with one switch taken back
at a time; SIZES=1 adds batches of 256 sequences; LONG=1 adds cells of 60 steps, alone, bare and two
at once. PEERS=5 runs GRPO five times by the suite, by TRL and by a plain loop, in turn (REPEATS=0
leaves the naive and final cells out); TRL in an environment of its own, which is made once
(scripts/peer_env.py), and skipped with the reason where it cannot be had. PART= names the file of
this measurement, cell-<part>.json: the tables are made from all parts in OUT, so that a long
measurement can be taken in pieces.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from peer_env import ensure_peer, peer_environment
from setup_gates import SetupError
from setup_kinds import Environment

from harness.profile.bench_page import page
from harness.profile.switches import declared
from harness.store.files import write_atomic, write_json

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = {"REPEATS": "5", "STEPS": "6", "REMOVAL": "", "SIZES": "", "LONG": ""}
DEFAULTS |= {"PEERS": "", "PEER_STEPS": "12", "PEER_SIZES": ""}
DEFAULTS |= {"PART": "", "OUT": "results/bench"}
CELLS = ("tests/bench/cells.py", "tests/bench/peer_cells.py")


def read(argv: list[str]) -> dict[str, str]:
    """Return the arguments of the command line over their defaults."""
    given = dict(DEFAULTS)
    for argument in argv:
        key, sign, value = argument.partition("=")
        if not sign or key not in DEFAULTS:
            sys.exit(f"unknown argument {argument!r}: expected {'=, '.join(DEFAULTS)}=")
        given[key] = value
    unknown = set(filter(None, given["PEER_SIZES"].split(","))) - set(declared("peers"))
    if unknown:
        sys.exit(
            f"PEER_SIZES={given['PEER_SIZES']} has no cell {', '.join(sorted(unknown))}: expected"
            f" some of {','.join(declared('peers'))}"
        )
    return given


def trl_python(env: Environment) -> tuple[str, str]:
    """Return TRL's Python and "", or "" and why it cannot be had."""
    try:
        return str(ensure_peer(env)), ""
    except (SetupError, OSError) as error:
        # what follows is advice to a set-up of the suite
        return "", str(error).partition(": check ")[0]


def measure(given: dict[str, str]) -> dict[str, Any]:
    """Run the cells under pytest-benchmark; return its document."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        environment = {**os.environ, **{f"BENCH_{key}": value for key, value in given.items()}}
        options = ["-q", "-x", "-p", "no:cacheprovider", "--benchmark-disable-gc"]
        command = [sys.executable, "-m", "pytest", *CELLS, *options]
        done = subprocess.run(
            [*command, f"--benchmark-json={report}", f"--basetemp={folder}/cells"],
            cwd=ROOT,
            env=environment,
            check=False,
        )
        if done.returncode:
            sys.exit(f"a cell failed (exit code {done.returncode}): nothing was written")
        document: dict[str, Any] = json.loads(report.read_text())
        return document


def main(argv: list[str]) -> int:
    """Run the command line; return the exit code."""
    given = read(argv)
    python, reason = trl_python(peer_environment()) if given["PEERS"] else ("", "")
    document = measure({**given, "TRL": python})
    cpu = document["machine_info"].get("cpu", {})
    kept = {
        "machine": {"cpu": cpu.get("brand_raw"), "cores": cpu.get("count")},
        "datetime": document["datetime"],
        "commit": document["commit_info"],
        "steps": int(given["STEPS"]),
        **({"peer_steps": int(given["PEER_STEPS"])} if given["PEERS"] else {}),
        **({"skipped": {"trl": reason}} if reason else {}),
        "benchmarks": [{"extra_info": item["extra_info"]} for item in document["benchmarks"]],
    }
    out = ROOT / given["OUT"]
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / (f"cell-{given['PART']}.json" if given["PART"] else "cell.json"), kept)
    parts = [json.loads(path.read_text()) for path in sorted(out.glob("cell*.json"))]
    text = page(parts)
    write_atomic(out / "CELL.md", text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
