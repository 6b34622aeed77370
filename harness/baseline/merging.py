"""Two bundles of one protocol become a third; no row of either is dropped or overwritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.baseline.diffing import document_differences
from harness.baseline.writing import write_version
from harness.provenance import now
from harness.schema import SCHEMA_VERSION, Status, UsageError, content_hash
from harness.store.bundle import Bundle, read_manifest, versions
from harness.store.contents import RIGHT

_MOST = 6


def merge_bundles(first: Bundle, second: Bundle, folder: Path, *, because: str = "") -> Path:
    """Write two bundles as the next version of a study and return its directory.

    Args:
        first: its title, control and order of arms are kept.
        second: of the same protocol, with other runs.
        folder: `baselines/runs/<scale>/<study>`.
        because: why bundles are merged whose versions or machines differ.

    Raises:
        UsageError: the protocols differ; a run is in both with other numbers; versions or machines
            differ and `because` is empty; or the second adds nothing.
    """
    _check_protocol(first, second)
    objections = _objections(first, second)
    if objections and not because:
        raise UsageError(
            f"{first.name} and {second.name} are not merged, since {objections[0]}: give"
            " because=<reason> if that cannot matter"
        )
    stored, first = first, _without_retried(first, second)
    shared = _shared_runs(first, second)
    cells = [cell for cell in second.manifest["cells"] if _key(cell) not in shared]
    if not cells:
        raise UsageError(f"every run of {second.name} is in {first.name}: nothing to merge")
    added = {cell["run_id"] for cell in cells}
    curves = _together(first.curves, second.curves, added)
    scores = _together(*_shared_columns(first.scores, second.scores), added)
    _check_ids(first, second, cells, curves)
    _check_new(folder, [*first.manifest["cells"], *cells])
    description = _description(first, second, cells)
    description["merged"] = [_origin(stored), _origin(second)]
    # a reservation about either part is one about the whole
    reasons = [first.manifest["because"], second.manifest["because"], because]
    parts = [*first.manifest["objections"], *second.manifest["objections"], *objections]
    description["because"] = "; ".join(dict.fromkeys(filter(None, reasons)))
    description["objections"] = list(dict.fromkeys(parts))
    return write_version(folder, description, curves, scores)


def _check_protocol(first: Bundle, second: Bundle) -> None:
    mine, other = first.manifest["protocol"], second.manifest["protocol"]
    unknown = [b.name for b in (first, second) if b.manifest["protocol"].get("data") is None]
    if unknown and not all("imported" in b.manifest for b in (first, second)):
        raise UsageError(
            f"{unknown[0]} does not state its data and config: it merges with no known protocol"
        )
    found = document_differences(
        {key: value for key, value in mine.items() if key != "arms"},
        {key: value for key, value in other.items() if key != "arms"},
    )
    for arm in mine["arms"]:
        if arm in other["arms"] and mine["arms"][arm] != other["arms"][arm]:
            found += document_differences(
                mine["arms"][arm]["config"], other["arms"][arm]["config"], f"{arm}: "
            ) or [(f"{arm}: hash", mine["arms"][arm]["hash"], other["arms"][arm]["hash"])]
    if found:
        named = "; ".join(f"{key}: {_short(a)} and {_short(b)}" for key, a, b in found[:_MOST])
        more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
        raise UsageError(
            f"{first.name} and {second.name} have different protocols ({named}{more}): they stay"
            " two baselines; compare them with harness.compare"
        )


def _objections(first: Bundle, second: Bundle) -> list[str]:
    """Return the differences, beside the protocol, on which a seed's numbers may depend."""
    found = []
    for key in ("versions", "python", "hardware", "commits", "licence", "citation"):
        mine, other = {key: first.manifest.get(key)}, {key: second.manifest.get(key)}
        for name, left, right in document_differences(mine, other):
            # what a machine calls its memory changes from start to start
            if name != "hardware.memory_bytes":
                found.append(f"{name} differs: {_short(left)} and {_short(right)}")
    lacking = [bundle.name for bundle in (first, second) if RIGHT not in bundle.scores]
    if len(lacking) == 1:
        found.append(f"{lacking[0]} has counts of correct samples alone, and so would the whole")
    return found


def _without_retried(first: Bundle, second: Bundle) -> Bundle:
    """Return the first without its runs that are not done, hold no row and are in the second."""
    there = {_key(cell) for cell in second.manifest["cells"]}
    kept = [
        cell
        for cell in first.manifest["cells"]
        if cell["status"] == Status.DONE or _key(cell) not in there
    ]
    return replace(first, manifest={**first.manifest, "cells": kept})


def _shared_runs(first: Bundle, second: Bundle) -> set[tuple[str, int]]:
    """Return (arm, seed) of the runs that both hold, bit for bit the same."""
    mine = {_key(cell): cell for cell in first.manifest["cells"]}
    other = {_key(cell): cell for cell in second.manifest["cells"]}
    shared = [key for key in mine if key in other]
    different = [
        f"{arm} seed {seed}"
        for arm, seed in shared
        if _differ(mine[arm, seed], other[arm, seed])
        or not _is_same_run(first, second, mine[arm, seed]["run_id"])
    ]
    if different:
        raise UsageError(
            f"{first.name} and {second.name} both hold, with other numbers, {', '.join(different)}:"
            " a seed is one replicate, and none is overwritten; they stay two baselines"
        )
    return set(shared)


def _differ(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two cells contradict each other."""
    # in the keys of both: older bundles say less of a launch
    return any(mine[key] != other[key] for key in mine.keys() & other.keys())


def _is_same_run(first: Bundle, second: Bundle, run_id: str) -> bool:
    pairs = (first.curves, second.curves), _shared_columns(first.scores, second.scores)
    return all(_bits(mine, run_id) == _bits(other, run_id) for mine, other in pairs)


def _shared_columns(mine: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [name for name in mine if name in other]
    return mine[names], other[names]


def _bits(table: pd.DataFrame, run_id: str) -> list[tuple[Any, ...]]:
    """Return the rows of a run with values as their bits: NaN equals NaN, -0 is not 0."""
    rows = table[table["run_id"].astype(str) == run_id]
    plain = pd.DataFrame(
        {
            name: rows[name].to_numpy(dtype=np.float64).view(np.int64)
            if pd.api.types.is_float_dtype(rows[name])
            else rows[name].astype(str)
            for name in rows.columns
        }
    )
    return sorted(plain.itertuples(index=False, name=None))


def _together(mine: pd.DataFrame, other: pd.DataFrame, added: set[str]) -> pd.DataFrame:
    new = other[other["run_id"].astype(str).isin(added)]
    # two categories of other values do not concatenate to a category
    text = [name for name in mine.columns if isinstance(mine[name].dtype, pd.CategoricalDtype)]
    plain = dict.fromkeys(text, "str")
    both = pd.concat([mine.astype(plain), new.astype(plain)], ignore_index=True)
    return both.astype(dict.fromkeys(text, "category"))


def _check_ids(
    first: Bundle, second: Bundle, cells: Sequence[Mapping[str, Any]], curves: pd.DataFrame
) -> None:
    taken = {cell["cell_id"] for cell in first.manifest["cells"]}
    same = [cell["run_id"] for cell in cells if cell["cell_id"] in taken]
    if same or not curves["row_id"].is_unique:
        raise UsageError(
            f"{first.name} and {second.name} call different runs by the same id"
            f" ({', '.join(same) or 'row ids'}): they stay two baselines"
        )


def _check_new(folder: Path, cells: Sequence[Mapping[str, Any]]) -> None:
    ids = sorted(cell["cell_id"] for cell in cells)
    for version in versions(folder):
        stored = read_manifest(folder / f"v{version}")
        if sorted(cell["cell_id"] for cell in stored["cells"]) == ids:
            raise UsageError(f"{folder / f'v{version}'} holds these runs already: nothing to do")


def _description(
    first: Bundle, second: Bundle, cells: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    mine, other = first.manifest, second.manifest
    arms = {**other["protocol"]["arms"], **mine["protocol"]["arms"]}
    merged = {
        **{key: value for key, value in mine.items() if key not in ("files", "digest")},
        "schema_version": SCHEMA_VERSION,
        "stored": now(),
        "licence": _both(mine["licence"], other["licence"], " AND "),
        "citation": _both(mine["citation"], other["citation"], "; "),
        "command": _both(mine.get("command"), other.get("command"), " && ") or "",
        "commits": sorted({*mine["commits"], *other["commits"]}),
        "is_dirty": _worse(mine["is_dirty"], other["is_dirty"]),
        "arms": list(dict.fromkeys([*mine["arms"], *other["arms"]])),
        "seeds": sorted({*mine["seeds"], *other["seeds"]}),
        "metrics": list(dict.fromkeys([*mine["metrics"], *other["metrics"]])),
        "protocol": {**mine["protocol"], "arms": arms},
        "cells": [*mine["cells"], *cells],
    }
    logs = [m["imported"] for m in (mine, other) if "imported" in m]
    if logs:
        lists = ("files", "notes", "unmapped")
        merged["imported"] = {key: [item for log in logs for item in log[key]] for key in lists}
        merged["imported"]["mapping"] = [log["mapping"] for log in logs]
    return merged


def _origin(bundle: Bundle) -> dict[str, Any]:
    keys = ("versions", "python", "hardware", "commits", "because", "objections", "merged")
    return {
        "name": bundle.name,
        "digest": content_hash(bundle.manifest),
        "cells": [cell["cell_id"] for cell in bundle.manifest["cells"]],
        **{key: bundle.manifest[key] for key in keys if key in bundle.manifest},
    }


def _both(mine: str | None, other: str | None, between: str) -> str | None:
    stated = list(dict.fromkeys(text for text in (mine, other) if text))
    return between.join(stated) or None


def _worse(mine: bool | None, other: bool | None) -> bool | None:
    if mine or other:
        return True
    return None if mine is None or other is None else False


def _key(cell: Mapping[str, Any]) -> tuple[str, int]:
    return str(cell["arm"]), int(cell["seed"])


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
