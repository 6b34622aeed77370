"""A finished figure or table, and the files beside it: what is drawn, from what, by which command.

`<id>.svg` (or .pdf, .png; .md for a table), `<id>.csv` with every number that is drawn, and
`<id>.json` with its references, runs, gaps, command, and the claims and verdicts it belongs to.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from harness.claims.layout import ours_text, reach, standing_text, verdict_text
from harness.plots import METADATA, save_figure
from harness.store.files import write_atomic
from harness.writing import written_together
from paper.inputs import Inputs
from paper.style import HOUSE

FORMATS = tuple(ending.removeprefix(".") for ending in METADATA)
DIGITS = "%.10g"
"""Numbers of the tables: more than the references have, fewer than where machines differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One figure or table.

    Attributes:
        id: name of its files.
        place: where it stands in the paper; "" for our own.
        title: what it shows.
        caption: what its marks and intervals are.
        numbers: everything that is drawn, one row per mark.
        figure: None for a table.
        text: of a table, in Markdown; "" for a figure.
        references: names of published tables and curves that are in it.
        runs: study -> names of its runs that are in it.
        claims: ids of the claims that it belongs to.
        gaps: what is missing, and why.
    """

    id: str
    place: str
    title: str
    caption: str
    numbers: pd.DataFrame
    figure: Figure | None = None
    text: str = ""
    references: Sequence[str] = ()
    runs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    claims: Sequence[str] = ()
    gaps: Sequence[str] = ()


def write_product(
    product: Product, inputs: Inputs, out: Path, formats: Sequence[str], *, replaces: bool = True
) -> list[Path]:
    """Write a product; return its files, the picture or the table first.

    Raises:
        UsageError: they cannot be written, or are there and are not to be replaced.
    """
    texts = {".csv": _csv(product.numbers), ".json": _json(describe(product, inputs))}
    if product.text:
        texts = {".md": product.text, **texts}
    written: list[Path] = []
    with written_together(out, product.id, replaces=replaces) as half:
        stem = half / product.id
        if product.figure is not None:
            endings = [f".{name}" for name in formats]
            written += save_figure(product.figure, stem, endings, HOUSE)
        for ending, text in texts.items():
            write_atomic(stem.with_suffix(ending), text)
            written.append(stem.with_suffix(ending))
    return [out / path.name for path in written]


def describe(product: Product, inputs: Inputs) -> dict[str, Any]:
    """Return the document of the .json beside a product."""
    kind = "table" if product.figure is None else "figure"
    return {
        "id": product.id,
        "place": product.place or None,
        "title": product.title,
        "caption": product.caption,
        "command": f"python -m paper.build {kind}={product.id} source={inputs.source}",
        "references": list(product.references),
        "runs": {name: list(runs) for name, runs in product.runs.items()},
        "gaps": list(product.gaps),
        "claims": _claims(product.claims, inputs),
    }


def claims_of(inputs: Inputs, references: Iterable[str], named: Iterable[str] = ()) -> list[str]:
    """Return the claims that rest on one of the references, and those that are named."""
    wanted, chosen = set(references), set(named)
    return [c.id for c in inputs.claims if c.id in chosen or wanted & set(c.references)]


def _claims(ids: Sequence[str], inputs: Inputs) -> list[dict[str, Any]]:
    found = []
    for claim in inputs.claims:
        if claim.id not in ids:
            continue
        verdicts = []
        for scale, lines in inputs.sheets.items() if inputs.draws_ours else ():
            line = next(line for line in lines if line.claim.id == claim.id)
            verdicts.append(
                {
                    "scale": scale,
                    "verdict": verdict_text(line.verdict),
                    "standing": standing_text(line.verdict),
                    "reason": line.verdict.reason,
                    "ours": ours_text(line),
                    "runs": list(line.verdict.run_ids),
                    "reach": reach(scale),
                }
            )
        about = {"id": claim.id, "statement": claim.statement, "role": claim.role}
        found.append({**about, "verdicts": verdicts})
    return found


def _csv(numbers: pd.DataFrame) -> str:
    held = io.StringIO()
    numbers.to_csv(held, index=False, float_format=DIGITS, lineterminator="\n")
    return held.getvalue()


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
