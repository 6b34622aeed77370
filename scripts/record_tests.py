"""Run every test there is and write the last result down, with the machine it was had on.

Usage: ``python scripts/record_tests.py FILE.md``. The exit code is that of pytest.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def commit_of(root: Path) -> str:
    """Return the short commit of a checkout, with a mark when files differ from it."""
    command = [
        "git",
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=10",
        "--exclude=*",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def memory_gib() -> float:
    """Return the machine's memory in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def page(summary: str, exit_code: int, seconds: float) -> str:
    """Write the page: what ran, when, on what, how it ended.

    Args:
        summary: the last line of pytest, such as ``120 passed, 2 skipped in 900.1s``.
        exit_code: what pytest ended with.
        seconds: wall time of the whole run.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"""# The last run of every test

Written by `make test-all`.

| | |
| --- | --- |
| result | {summary.strip("= ")} (exit code {exit_code}) |
| date | {now} |
| commit | {commit_of(ROOT)} |
| machine | {os.cpu_count()} cores, {memory_gib():.0f} GiB, {platform.machine()} |
| Python | {platform.python_version()} |
| wall time | {seconds / 60:.1f} minutes |
"""


def run_pytest() -> tuple[int, str]:
    """Run the whole suite, showing it as it goes; return the exit code and the last line."""
    command = [sys.executable, "-m", "pytest", "--color=no"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    last = "pytest printed nothing"
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        for line in child.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    return child.returncode, last


def main() -> int:
    """Run, record, pass the exit code on."""
    if len(sys.argv) != 2:
        print("usage: python scripts/record_tests.py FILE.md", file=sys.stderr)
        return 2
    target = ROOT / sys.argv[1]
    started = time.monotonic()
    exit_code, summary = run_pytest()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    temporary.write_text(page(summary, exit_code, time.monotonic() - started), encoding="utf-8")
    os.replace(temporary, target)
    print(f"written: {sys.argv[1]}")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
