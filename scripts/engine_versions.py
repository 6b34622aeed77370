"""What other releases of veRL compute: their fingerprints, in docs/reliability.md.

Usage: ``python scripts/engine_versions.py``. Each release is put into a
folder of its own below build/, without what it asks for, beside the installed torch; 0.7.0 needs an
older transformers, too. Two minutes, a package index is needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
FOLDER = ROOT / "build" / "verl"
START, END = "<!-- engines: made by scripts/engine_versions.py -->\n", "<!-- end -->"

OLD_COMPANIONS = ("transformers==4.57.6", "huggingface_hub==0.36.0", "datasets==4.1.1")
"""What the imports of 0.7.0 need: transformers 5 and its companions came later."""

RELEASES = {
    "0.7.0": (*OLD_COMPANIONS, "tokenizers==0.22.2"),
    "0.8.0": (),
    "0.9.0": (),
    "0.9.1": (),
}


def install(release: str, companions: Sequence[str]) -> Path:
    """Put a release into its folder, unless it is there, and return the folder."""
    folder = FOLDER / release
    if not folder.exists():
        pins = [f"verl=={release}", *companions]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*command, f"--target={folder}", *pins], check=True)
    return folder


def fingerprint(folder: Path) -> str:
    """Return the fingerprint of the release in a folder."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "harness.plugins.fingerprint"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise SystemExit(f"no fingerprint of {folder.name}: {done.stderr[-500:]}")
    return done.stdout.strip().splitlines()[-1]


def main() -> int:
    """Write the table; the exit code is 1 if the release that is pinned computes something else."""
    found = {name: fingerprint(install(name, extra)) for name, extra in RELEASES.items()}
    rows = [f"| {name} | {text} |" for name, text in found.items()]
    text = "\n".join(["| veRL | formulas |", "| --- | --- |", *rows, ""])
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(START)
    PAGE.write_text(before + START + text + after[after.index(END) :], encoding="utf-8")
    print(text)
    return 0 if found["0.9.1"].startswith("as expected") else 1


if __name__ == "__main__":
    sys.exit(main())
