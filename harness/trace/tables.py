"""Finding a row by its id, in any table that the suite writes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from harness.metrics.tables import read_parquet
from harness.schema import DamagedError, UsageError
from harness.untrusted.files import MIB, read_bytes
from harness.untrusted.json_text import parse_json
from harness.writing import check_together

Kind = Literal[
    "run",
    "step",
    "final",
    "arm",
    "sample",
    "score",
    "effect",
    "claim",
    "comparison",
    "entry",
]

_GROUPS = ("tables", "report", "comparison", "claims")
"""Words of `written_together` for the files that are traced."""

REPORT_TABLES = (
    *(
        "verdicts.json",
        "effects.csv",
        "factors.csv",
        "runs.parquet",
        "steps.parquet",
        "samples.parquet",
    ),
    *("comparison.json", "claims.json"),
)
"""Tables that a report beside them is made from, the smallest first."""

_MOST_BYTES = 64 * MIB

FINAL = "final"
"""Middle part of the id of a value at the end of training: `<run>/final/<metric>`, with `@<step>`
behind it for another end than the run's own, or `<arm>/final/<metric>`."""

START, MEAN = "start", "mean"
"""Middle parts of `<arm>/start/<metric>`, at the first step, and of `<arm>/mean/<metric>`, over all
steps after the first."""

_SEARCHED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table.

    Attributes:
        table: the file that holds it.
        row_id: its id.
        kind: what sort of row it is.
        values: column -> value.
        document: of a JSON table, what stands around the rows; else empty.
    """

    table: Path
    row_id: str
    kind: Kind
    values: Mapping[str, Any]
    document: Mapping[str, Any]


def find_row(path: Path, row_id: str) -> Row:
    """Return a row of a table, or of the tables beside a report.

    Args:
        path: a parquet, CSV or JSON table with row ids, or a report (.md) beside its tables.
        row_id: as in the table's column; a run's full name and a claim's id are taken as well.

    Raises:
        UsageError: there is no such table or row; names the nearest ids.
        DamagedError: the table cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"there is no table {path}: give table=<file with row ids, or a report>")
    if path.suffix != ".md":
        return _found(path, row_id)
    tables = [path.parent / name for name in REPORT_TABLES if (path.parent / name).is_file()]
    if not tables:
        raise UsageError(f"{path} has none of its tables beside it: {', '.join(REPORT_TABLES)}")
    ids: list[str] = []
    for table in tables:
        try:
            rows, document = read_rows(table)
        except UsageError:
            # a study that no claim is about has no rows of verdicts
            continue
        if (row := _row(table, rows, document, row_id)) is not None:
            return row
        ids += list(rows["row_id"].astype(str))
    raise UsageError(f"no table of {path} has a row {row_id!r}: {_near(row_id, ids)}")


def read_rows(path: Path) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Return the rows of a table, with a column row_id, and the document around them.

    Raises:
        HarnessError: it cannot be read, or has no row ids.
    """
    check_together(path.parent, *_GROUPS, path.stem)
    # with the time of the last change: a file that was written again is read again
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Read a table once: a trace looks at the same one several times."""
    document: Mapping[str, Any] = {}
    try:
        if path.suffix == ".parquet":
            frame = read_parquet(path)
        elif path.suffix == ".csv":
            frame = pd.read_csv(path)
        else:
            tree = parse_json(read_bytes(path, _MOST_BYTES), as_python=True)
            frame = pd.DataFrame(list(_json_rows(tree)))
            document = tree if isinstance(tree, dict) else {}
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path} cannot be read as a table: write it again") from error
    if "row_id" not in frame.columns and path.suffix == ".csv" and "source" in frame.columns:
        # the data of a redrawn figure: each line names its source, and its number is its id
        frame.insert(0, "row_id", [str(number) for number in range(1, len(frame) + 1)])
        document = _beside(path)
    if "row_id" not in frame.columns:
        raise UsageError(f"{path} has no column row_id, so no number of it can be traced")
    return frame, document


def _beside(path: Path) -> Mapping[str, Any]:
    """Return the JSON document of the same name, which says how a CSV was made; else nothing."""
    other = path.with_suffix(".json")
    tree = parse_json(read_bytes(other, _MOST_BYTES), as_python=True) if other.is_file() else {}
    return tree if isinstance(tree, dict) else {}


def _json_rows(tree: Any) -> Iterable[Mapping[str, Any]]:
    """Yield every mapping with a row_id, wherever in a document it stands."""
    if isinstance(tree, list):
        for item in tree:
            yield from _json_rows(item)
    elif isinstance(tree, dict):
        if "row_id" in tree:
            yield tree
        for item in tree.values():
            yield from _json_rows(item)


def _found(path: Path, row_id: str) -> Row:
    rows, document = read_rows(path)
    row = _row(path, rows, document, row_id)
    if row is None:
        raise UsageError(f"{path} has no row {row_id!r}: {_near(row_id, rows['row_id'])}")
    return row


def _row(path: Path, rows: pd.DataFrame, document: Mapping[str, Any], row_id: str) -> Row | None:
    own = rows[rows["row_id"].astype(str) == row_id]
    if own.empty and "cell_id" in rows.columns:
        own = rows[rows["run_id"].astype(str) == row_id]
    if own.empty and {"id", "finding"} <= set(rows.columns):
        own = rows[rows["id"].astype(str) == row_id]
    # a claim sheet in CSV has one line per measured quantity of a claim
    if len(own) > 1 and "quantity_name" not in rows.columns:
        raise DamagedError(
            f"{path} has {len(own)} rows {row_id!r}: an id names one row; write it again"
        )
    if not own.empty:
        values = {str(key): value for key, value in own.iloc[0].to_dict().items()}
        kept = {key: value for key, value in values.items() if not _is_nothing(value)}
        name = str(values["row_id"])
        return Row(
            table=path, row_id=name, kind=_kind(values, document), values=kept, document=document
        )
    return _final(path, rows, row_id) or _of_arm(path, rows, row_id)


def _final(path: Path, rows: pd.DataFrame, row_id: str) -> Row | None:
    """Return a value at the end of training: not a row of a table, but made of some."""
    short, _, rest = row_id.partition(f"/{FINAL}/")
    if not rest or not {"metric", "step"} <= set(rows.columns):
        return None
    metric, _, step = rest.partition("@")
    mine = rows["row_id"].astype(str).str.startswith(f"{short}/")
    own = rows[mine & (rows["metric"].astype(str) == metric)]
    if own.empty or not (step.isdigit() or rest == metric):
        return None
    first = own.iloc[0]
    values = {key: first[key] for key in ("run_id", "arm", "seed")} | {"metric": metric}
    values |= {"end": int(step)} if step else {}
    return Row(table=path, row_id=row_id, kind="final", values=values, document={})


def _of_arm(path: Path, rows: pd.DataFrame, row_id: str) -> Row | None:
    """Return a mean over the runs of an arm: not a row of a table, but made of some."""
    if not {"arm", "metric", "step"} <= set(rows.columns):
        return None
    for part in (FINAL, START, MEAN):
        arm, _, metric = row_id.partition(f"/{part}/")
        is_mine = (rows["arm"].astype(str) == arm) & (rows["metric"].astype(str) == metric)
        if metric and is_mine.any():
            values = {"arm": arm, "metric": metric, "part": part}
            return Row(table=path, row_id=row_id, kind="arm", values=values, document={})
    return None


def _kind(values: Mapping[str, Any], document: Mapping[str, Any]) -> Kind:
    if "sample" in values:
        return "sample"
    if "question_id" in values:
        return "score"
    if "cell_id" in values and "status" in values:
        return "run"
    if "verdict" in values:
        return "claim"
    if "estimate" in values:
        return "effect"
    if "run_id" in values and "step" in values:
        return "step"
    return "comparison" if "gate" in document else "entry"


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _near(row_id: str, ids: Iterable[str]) -> str:
    """Return a clause with the nearest ids, of those that begin alike if there are any."""
    names = [str(name) for name in ids]
    pool = names
    parts = row_id.split("/")
    for length in range(len(parts), 0, -1):
        alike = [name for name in names if name.startswith("/".join(parts[:length]))]
        if alike:
            pool = alike
            break
    # each comparison is slow, and a table of samples has tens of thousands of ids
    close = difflib.get_close_matches(row_id, pool[:_SEARCHED], n=3, cutoff=0.0)
    return f"the nearest of {len(names)} are {', '.join(close)}" if close else "it has no rows"
