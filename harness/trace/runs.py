"""A run's files on this machine, and the code that made it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.metrics.tables import read_parquet
from harness.paths import ROOT
from harness.provenance import commit_note
from harness.schema import DamagedError
from harness.untrusted.files import read_bytes
from harness.untrusted.json_text import parse_json

_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What stands beside a table about the runs behind it.

    Attributes:
        folder: of the table.
        cells: run_id -> its row of runs.parquet, or its cell of a bundle's manifest.
        command: that makes the runs again; "" if it is not known.
        commits: of the code that ran.
        run_roots: directories that may hold the runs.
    """

    folder: Path
    cells: Mapping[str, Mapping[str, Any]]
    command: str
    commits: tuple[str, ...]
    run_roots: tuple[Path, ...]


def study_of(table: Path) -> Study:
    """Read what stands beside a table: `runs.parquet` and `verdicts.json`, or a bundle's manifest.

    Raises:
        DamagedError: one of them cannot be read.
    """
    folder = table.parent
    try:
        if (folder / "manifest.json").is_file():
            return _of_bundle(folder, parse_json(read_bytes(folder / "manifest.json")))
        return _of_results(folder)
    except (ValueError, KeyError) as error:
        raise DamagedError(f"what stands beside {table} cannot be read: restore it") from error


def run_lines(study: Study, run_id: str) -> list[str]:
    """Describe a run: state, code, and its files or the command that makes them."""
    cell = study.cells.get(run_id)
    lines = [f"run {run_id}"]
    if cell is not None:
        known = [f"{key} {cell[key]}" for key in ("status", "started", "attempts") if cell.get(key)]
        lines.append(f"  cell {cell['cell_id']}; {', '.join(known)}")
        commit = cell.get("commit") or ", ".join(study.commits)
        dirty = {"yes": " (with changes)", "no": ""}.get(str(cell.get("dirty", "no")), " (unknown)")
        notes = dict.fromkeys(note_of(name) for name in str(commit).split(", "))
        note = "; ".join(filter(None, notes))
        lines.append(f"  code {commit}{dirty}" + (f" ({note})" if note else ""))
    path = run_directory(study, run_id)
    if path is None:
        return [*lines, "  files: not on this machine, runs are not committed"]
    files = [path / "spec.yaml", path / "record.json", *sorted(path.glob("attempt-*"))]
    return [*lines, *(f"  {shown(file)}" for file in files if file.exists())]


@cache
def note_of(commit: str) -> str:
    """As `commit_note` of this checkout; git is called once for each commit."""
    return commit_note(ROOT, commit)


def run_directory(study: Study, run_id: str) -> Path | None:
    """Return the directory of a run, or None if it is not on this machine."""
    found = (root / run_id for root in study.run_roots)
    return next((path for path in found if (path / "record.json").is_file()), None)


def commit_of(path: Path) -> str:
    """Return the commit that last changed a file; "" if it is not committed or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(path.parent), "log", "-1", "--format=%H", "--", path.name],
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
            text=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def shown(path: Path) -> str:
    """Return a path relative to the checkout where it lies in it."""
    whole = path.resolve()
    return str(whole.relative_to(ROOT)) if whole.is_relative_to(ROOT) else str(path)


def _of_results(folder: Path) -> Study:
    cells: dict[str, Mapping[str, Any]] = {}
    if (folder / "runs.parquet").is_file():
        rows: Sequence[Mapping[Any, Any]] = read_parquet(folder / "runs.parquet").to_dict("records")
        cells = {str(row["run_id"]): {str(k): v for k, v in row.items()} for row in rows}
    command = ""
    if (folder / "verdicts.json").is_file():
        command = str(parse_json(read_bytes(folder / "verdicts.json")).get("command", ""))
    return Study(
        folder=folder,
        cells=cells,
        command=command,
        commits=tuple(dict.fromkeys(str(cell["commit"]) for cell in cells.values())),
        # a part of a study lies in results/<scale>/<ablation>/partial/<label>
        run_roots=(folder / "runs", folder.parent.parent / "runs"),
    )


def _of_bundle(folder: Path, manifest: Mapping[str, Any]) -> Study:
    name = str(manifest["name"]).partition("@")[0]
    return Study(
        folder=folder,
        cells={str(cell["run_id"]): cell for cell in manifest["cells"]},
        command=_command_of(name, manifest),
        commits=tuple(manifest.get("commits", ())),
        run_roots=(ROOT / "results" / name / "runs",),
    )


def _command_of(name: str, manifest: Mapping[str, Any]) -> str:
    """Return the command that makes a bundle's runs again, or else a clause on them."""
    scale, _, ablation = name.partition("/")
    if manifest.get("command"):
        return str(manifest["command"])
    if (ROOT / "ablations" / f"{ablation}.yaml").is_file():
        named = ",".join(str(seed) for seed in manifest.get("seeds", ()))
        return f"python -m harness.run ablation={ablation} scale={scale} seeds=[{named}]"
    parts = [str(manifest.get("because") or ""), *map(str, manifest.get("objections", ()))]
    said = "; ".join(filter(None, parts))
    return f"a command that the bundle does not state; it says: {said}" if said else ""
