"""The page of a directory of figures and tables: under each its command, sources and verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.store.files import write_atomic
from harness.text import NOTHING
from harness.writing import written_together

NAME = "README.md"
HEAD = """# Figures and tables of the paper, source={source}

Written by `python -m paper.build all source={source}`. Under each: the command that draws it, every
number that is drawn (.csv, with the reference or run of each), all ids (.json), the claims that it
belongs to with their verdicts, and what is missing. Ids and what they are: docs/paper.md.
"""


def write_index(ids: Sequence[str], source: str, out: Path, *, replaces: bool = True) -> Path:
    """Write the page from the files in a directory; an id without files is named as not built.

    Raises:
        UsageError: the directory cannot be written, or the page is there and is not to be replaced.
    """
    parts = [HEAD.format(source=source), *(_section(name, out) for name in ids)]
    with written_together(out, "index", replaces=replaces) as half:
        write_atomic(half / NAME, "\n".join(parts))
    return out / NAME


def _section(name: str, out: Path) -> str:
    beside = out / f"{name}.json"
    if not beside.is_file():
        return f"## {name}\n\nNot built.\n"
    said = json.loads(beside.read_text(encoding="utf-8"))
    place = f"{said['place']}: " if said["place"] else ""
    parts = [f"## {name}\n", f"**{place}{said['title']}**\n", _picture(name, said["title"], out)]
    sources = [f"`{reference}`" for reference in said["references"]]
    sources += [f"{len(runs)} runs of {study}" for study, runs in said["runs"].items()]
    files = [path.name for path in sorted(out.glob(f"{name}.*"))]
    parts += [
        f"- Command: `{said['command']}`",
        f"- Files: {', '.join(f'[{file}]({file})' for file in files)}",
        f"- Drawn from: {', '.join(sources) or 'nothing'}",
        *(f"- Missing, or not as in the paper: {gap}" for gap in said["gaps"]),
        *(f"- Claim {_claim(claim)}" for claim in said["claims"]),
    ]
    return "\n".join(parts) + "\n"


def _picture(name: str, title: str, out: Path) -> str:
    for ending in ("svg", "png"):
        if (out / f"{name}.{ending}").is_file():
            return f"![{title}]({name}.{ending})\n"
    if (out / f"{name}.md").is_file():
        return f"[The table]({name}.md)\n"
    return ""


def _claim(claim: Mapping[str, Any]) -> str:
    verdicts = [
        f"{one['verdict']} ({', '.join(_kinds(one, claim))}; {one['reach']})"
        for one in claim["verdicts"]
    ]
    said = " and ".join(verdicts) or "not judged here"
    return f"{claim['id']}, {claim['statement']}: **{said}**"


def _kinds(verdict: Mapping[str, Any], claim: Mapping[str, Any]) -> list[str]:
    """Return the weight of a verdict: its standing, where there is one, and the claim's role."""
    return [*([verdict["standing"]] if verdict["standing"] != NOTHING else []), claim["role"]]
