"""Writes the table and the figure of lab 0010 from the manifests of the shipped base models.

python scripts/micro_world.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.micro.models import DEFAULT_MODEL, model_dir
from harness.micro.pretrain import MANIFEST
from harness.micro.properties import table
from harness.micro.sizes import SIZES
from harness.plots import COLOURS, MARKERS, METADATA, STYLE
from harness.store.files import write_atomic
from harness.writing import whole_file

LAB = Path(__file__).resolve().parent.parent / "docs" / "lab"
PAGE, FIGURE = LAB / "0010-a-world-with-room.md", LAB / "0010-going-on.png"
BEGIN, END = "<!-- made by scripts/micro_world.py -->", "<!-- end -->"
FAMILIES = ("search", "orbit", "meet")


def statistics(size: str) -> dict[str, Any]:
    """What was measured of a shipped model."""
    manifest = json.loads((model_dir(size) / MANIFEST).read_text())
    return dict(manifest["base_statistics"])


def property_table() -> str:
    """One line per property, one column per size."""
    tables = {size: table(statistics(size)) for size in SIZES}
    lines = [
        "| property | demand | " + " | ".join(SIZES) + " |",
        "| --- | --- | " + " | ".join("---" for _ in SIZES) + " |",
    ]
    for number, (name, demand, _, _) in enumerate(tables[DEFAULT_MODEL]):
        found = [
            rows[number][2] + ("" if rows[number][3] == "holds" else " (missing)")
            for rows in tables.values()
        ]
        lines.append(f"| {name} | {demand} | {' | '.join(found)} |")
    return "\n".join(lines)


def family_table() -> str:
    """What the default model does of itself, family by family."""
    families = statistics(DEFAULT_MODEL)["families"]
    names = list(next(iter(families.values())))
    lines = [
        f"| {DEFAULT_MODEL} | " + " | ".join(families) + " |",
        "| --- | " + " | ".join("---:" for _ in families) + " |",
    ]
    for name in names:
        digits = 0 if name == "samples" else 1 if name in ("tokens", "attempts") else 3
        values = [one[name] for one in families.values()]
        cells = ["-" if value is None else f"{value:.{digits}f}" for value in values]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def page_with_tables(page: str) -> str:
    """The page with its tables made again."""
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n{property_table()}\n\n{family_table()}\n{END}{after}"


def draw(path: Path) -> None:
    """Right answers against the tokens of thinking, one curve per size, one panel per family."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        panels = figure.subplots(1, len(FAMILIES), sharey=True)
        for panel, family in zip(panels, FAMILIES, strict=True):
            for size, colour, marker in zip(SIZES, COLOURS, MARKERS, strict=False):
                curve = statistics(size)["persistence"][family]
                panel.plot(
                    [point["thinking_tokens"] for point in curve],
                    [point["right"] for point in curve],
                    color=colour,
                    marker=marker,
                    label=size,
                )
            panel.set_title(family)
            panel.set_xlabel("thinking [tokens]")
            panel.set_ylim(0, 1.02)
        panels[0].set_ylabel("right answers [fraction]")
        panels[0].legend()
        with whole_file(path) as half:
            figure.savefig(half, metadata=METADATA[".png"])


def main() -> int:
    """Write page and figure."""
    write_atomic(PAGE, page_with_tables(PAGE.read_text()))
    draw(FIGURE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
