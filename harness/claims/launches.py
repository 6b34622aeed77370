"""What stored runs say of their own launch: rows of runs.parquet, or cells of a manifest."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.untrusted.json_text import parse_json
from harness.untrusted.tables import read_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One run, as it is recorded; what the record does not say is "".

    Attributes:
        rules: claim id -> hash of its rule when the run was launched; empty if none was recorded.
        judge: hash of the code that measures and judges.
        commit, dirty: what was checked out, and whether the work tree differed from it.
        started: ISO 8601 time of the first attempt.
        has_begun: a training step was seen, so that something of its results is known.
    """

    run_id: str
    arm: str
    seed: str
    commit: str = ""
    dirty: str = ""
    started: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)
    judge: str = ""
    has_begun: bool = True


def launches(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> list[Launch]:
    """Return the launches of runs.

    Args:
        rows: of runs.parquet, or cells of a manifest. A column that older tables lack is "".
    """
    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    return [_launch(row) for row in records]


def launches_in(path: str, content: bytes) -> list[Launch]:
    """Return the launches of a stored runs.parquet or manifest.json.

    Raises:
        ValueError: it is neither.
    """
    if path.endswith(".parquet"):
        return launches(read_frame(content))
    try:
        return launches(parse_json(content)["cells"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not the manifest of a baseline") from error


def _launch(row: Mapping[Hashable, Any] | Mapping[str, Any]) -> Launch:
    texts = {name: _text(row.get(name)) for name in _TEXTS}
    rules = _rules(_text(row.get("registered")))
    # a table says which step a run reached; of a manifest's cells all but the failed reached one
    has_begun = "last_step" not in row or pd.notna(row["last_step"])
    return Launch(**texts, rules=rules, has_begun=bool(has_begun))


_TEXTS = ("run_id", "arm", "seed", "commit", "dirty", "started", "judge")


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    # a column of whole numbers with one missing is read as floats
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _rules(text: str) -> dict[str, str]:
    try:
        found = parse_json(text or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
