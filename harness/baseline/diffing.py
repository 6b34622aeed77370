"""In what two bundles differ: protocol, config of each arm, versions, seeds and finals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from harness.metrics.columns import column_of
from harness.schema import flatten
from harness.store.bundle import Bundle
from harness.text import NOTHING, number, plain_table, spread

ABSENT = "(absent)"
Difference = tuple[str, Any, Any]


def document_differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> list[Difference]:
    """Return (key, first, second) of each leaf that differs, in the order of the first."""
    mine, other = dict(flatten(first)), dict(flatten(second))
    return [
        (f"{prefix}{key}", mine.get(key, ABSENT), other.get(key, ABSENT))
        for key in dict.fromkeys([*mine, *other])
        if mine.get(key, ABSENT) != other.get(key, ABSENT)
    ]


def bundle_differences(first: Bundle, second: Bundle) -> list[Difference]:
    """Return every difference of two manifests that says something about the runs."""
    mine, other = first.manifest, second.manifest
    keys = ("title", "licence", "citation", "commits", "is_dirty", "arms", "seeds", "metrics")
    found = document_differences({k: mine.get(k) for k in keys}, {k: other.get(k) for k in keys})
    for part in ("versions", "hardware"):
        found += document_differences({part: mine.get(part)}, {part: other.get(part)})
    found += document_differences({"python": mine.get("python")}, {"python": other.get("python")})
    left, right = dict(mine["protocol"]), dict(other["protocol"])
    arms, others = left.pop("arms"), right.pop("arms")
    found += document_differences(left, right, "protocol ")
    for arm in arms:
        if arm in others:
            configs = arms[arm]["config"], others[arm]["config"]
            found += document_differences(*configs, f"config of {arm} ")
    return found


def diff_text(first: Bundle, second: Bundle) -> str:
    """Return the differences of two bundles, and their runs' ends side by side, as text."""
    found = bundle_differences(first, second)
    rows = [[key, _short(mine), _short(other)] for key, mine, other in found]
    heads = ["", first.name, second.name]
    blocks = [plain_table(heads, rows) if rows else "the manifests say the same about the runs"]
    blocks.append("at the end of training, mean ± standard deviation over seeds (n)")
    blocks.append(plain_table(["arm", "metric", first.name, second.name], _finals(first, second)))
    return "\n\n".join(blocks)


def end_texts(bundle: Bundle) -> dict[tuple[str, str], str]:
    """Return (arm, metric) -> the mean at the end of training over its seeds, with their number.

    What has no value at the end is not in it.
    """
    metrics = sorted(map(str, bundle.curves["metric"].unique()))
    finals = bundle.finals(metrics).dropna(subset="value")
    texts = {}
    for key, values in finals.groupby(["arm", "metric"], observed=True)["value"]:
        arm, metric = map(str, cast("tuple[str, str]", key))
        unit = column_of(metric).unit
        mean, deviation = float(values.mean()), float(values.std(ddof=1))
        text = spread(mean, deviation, unit) if len(values) > 1 else number(mean, unit)
        texts[arm, metric] = f"{text} ({len(values)})"
    return texts


def _finals(first: Bundle, second: Bundle) -> list[list[str]]:
    sides = (first, second)
    texts = [end_texts(side) for side in sides]
    arms = dict.fromkeys(arm for side in sides for arm in side.manifest["arms"])
    metrics = dict.fromkeys(metric for side in sides for metric in side.manifest["metrics"])
    return [
        [arm, metric, *(ends.get((arm, metric), NOTHING) for ends in texts)]
        for arm in arms
        for metric in metrics
    ]


def _short(value: object) -> str:
    if value is None:
        return "not stated"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 44 else f"{text[:41]}..."
