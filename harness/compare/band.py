"""A request against a baseline: does each new run lie where one more stored seed would lie?

No comparison of two sides, and no verdict on a difference: each run is placed by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from harness.compare.config_diff import decides
from harness.metrics.columns import column_of
from harness.paths import BASELINES
from harness.report.results import Results
from harness.schema import ExitCode
from harness.stats.intervals import prediction_interval
from harness.store.bundle import Bundle, find_bundle, read_bundle, versions
from harness.store.data_names import APART, study_world
from harness.text import NOTHING, folded, number, plain_table

LEVEL = 0.95
_MOST_KEYS = 5

Place = Literal["inside", "outside", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One metric of one new run beside the stored seeds of its arm.

    Attributes:
        value: of the new run at the end of training.
        low / high: 95 % prediction interval for one new seed, from the stored ones.
        stored_min / stored_max: lowest and highest stored seed.
        same_seed: the stored value of the same training seed; NaN if it is not stored.
        stored_seeds: number of stored seeds.
    """

    arm: str
    seed: int
    metric: str
    value: float
    low: float
    high: float
    stored_min: float
    stored_max: float
    same_seed: float
    stored_seeds: int

    @property
    def place(self) -> Place:
        """Where the value lies; "cannot tell" without a value or a band.

        Stored seeds that coincide, as coarse accuracies can, make no band: the same value once more
        lies inside, and another says nothing.
        """
        if self.stored_seeds > 1 and self.value == self.stored_min == self.stored_max:
            return "inside"
        if not (math.isfinite(self.value) and math.isfinite(self.low)):
            return "cannot tell"
        if self.low <= self.value <= self.high:
            return "inside"
        return "outside" if self.high > self.low else "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """Where every run of a request lies.

    Attributes:
        baseline: its name.
        rows: what could be compared.
        reasons: arm -> why it cannot be compared.
        notes: differences that do not forbid it.
    """

    baseline: str
    rows: Sequence[Placement]
    reasons: Mapping[str, str]
    notes: Sequence[str]

    @property
    def exit_code(self) -> ExitCode:
        """NOT_COMPARABLE if no arm could be compared, else OK."""
        return ExitCode.OK if self.rows else ExitCode.NOT_COMPARABLE


def compare_with_bundle(results: Results, bundle: Bundle) -> Placements:
    """Compare every finished run of a request with the stored seeds of its arm.

    An arm is comparable if its resolved config (without seeds), its data and its initial model are
    those of the stored one; other engine versions or another commit are noted.

    Args:
        results: of the request.
        bundle: the baseline.
    """
    apart = _apart(results, bundle)
    found = {arm: apart or _reason(results, bundle, arm) for arm in results.arms}
    reasons = {arm: reason for arm, reason in found.items() if reason}
    metrics = [metric for metric in results.metrics if metric in set(bundle.curves["metric"])]
    stored = bundle.finals(metrics)
    rows = [
        _row(run, stored)
        for run in results.finals.to_dict("records")
        if run["metric"] in metrics and run["arm"] not in reasons
    ]
    order = {metric: place for place, metric in enumerate(metrics)}
    rows.sort(key=lambda row: (results.arms.index(row.arm), row.seed, order[row.metric]))
    return Placements(
        baseline=bundle.name, rows=rows, reasons=reasons, notes=_notes(results, bundle)
    )


def placements_text(placements: Placements) -> str:
    """Write the table of places for a terminal."""
    blocks = [f"comparison with the stored study {placements.baseline}"]
    if placements.rows:
        heads = ["arm", "seed", "metric", "your run", "95 % band", "stored seeds", "same seed", ""]
        cells = [_cells(row) for row in placements.rows]
        blocks += [plain_table(heads, cells), _sentences(placements.rows), _width(placements.rows)]
    blocks += _refusals(placements.reasons)
    blocks += [f"note: {note}" for note in placements.notes]
    return "\n\n".join(blocks)


def _refusals(reasons: Mapping[str, str]) -> list[str]:
    """Return a sentence for every reason, with the arms that it holds for."""
    arms: dict[str, list[str]] = {}
    for arm, why in reasons.items():
        arms.setdefault(why, []).append(arm)
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not comparable: {why}"
        for why, names in arms.items()
    ]


def _sentences(rows: Sequence[Placement]) -> str:
    lines = []
    for arm, seed in dict.fromkeys((row.arm, row.seed) for row in rows):
        mine = [row for row in rows if (row.arm, row.seed) == (arm, seed)]
        outside = [row.metric for row in mine if row.place == "outside"]
        unknown = [row.metric for row in mine if row.place == "cannot tell"]
        if outside:
            where = f"outside the band of the stored seeds in {', '.join(outside)}"
        elif unknown:
            where = f"cannot be placed in {', '.join(unknown)}: the stored seeds give no band"
        else:
            where = "inside the band of the stored seeds"
        lines.append(f"{arm}, seed {seed}: your run lies {where}".replace("lies cannot", "cannot"))
    return "\n".join(lines)


def _width(rows: Sequence[Placement]) -> str:
    seeds = min(row.stored_seeds for row in rows)
    few = f" From {seeds} seeds it is wide." if seeds < 5 else ""
    return (
        "Band: 95 % prediction interval (t) for one new seed; one number in twenty lies outside by"
        f" chance.{few} Stored seeds: lowest to highest."
    )


def _cells(row: Placement) -> list[str]:
    unit = column_of(row.metric).unit
    return [
        row.arm,
        str(row.seed),
        row.metric,
        number(row.value, unit),
        _range(row.low, row.high, unit),
        f"{_range(row.stored_min, row.stored_max, unit)} (n={row.stored_seeds})",
        number(row.same_seed, unit),
        row.place,
    ]


def _range(low: float, high: float, unit: str) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"{number(low, unit)} to {number(high, unit)}"


def _row(run: Mapping[Any, Any], stored: pd.DataFrame) -> Placement:
    mine = stored[(stored["arm"] == run["arm"]) & (stored["metric"] == run["metric"])]
    mine = mine.dropna(subset=["value"])
    values = mine["value"].to_numpy(dtype=float)
    band = prediction_interval(values, level=LEVEL)
    low, high = band.low, band.high
    if column_of(run["metric"]).unit == "fraction" and math.isfinite(low):
        # a fraction cannot lie elsewhere, whatever the normal distribution says
        low, high = max(low, 0.0), min(high, 1.0)
    same = mine.loc[mine["seed"] == run["seed"], "value"]
    return Placement(
        arm=run["arm"],
        seed=int(run["seed"]),
        metric=run["metric"],
        value=float(run["value"]),
        low=low,
        high=high,
        stored_min=float(values.min()) if values.size else math.nan,
        stored_max=float(values.max()) if values.size else math.nan,
        same_seed=float(same.iloc[0]) if len(same) else math.nan,
        stored_seeds=int(values.size),
    )


def _apart(results: Results, bundle: Bundle) -> str:
    """Return why no arm at all can be compared: the stored study is of another micro-world."""
    own, stored = study_world(results.study.protocol), study_world(bundle.manifest["protocol"])
    if not own or not stored or own == stored:
        return ""
    return (
        f"the stored runs are of {stored}, yours of {own}: {APART}. Once a study of your world is"
        f" stored (python -m harness.baseline save ablation={results.study.ablation}), runs are"
        " placed beside it"
    )


def _reason(results: Results, bundle: Bundle, arm: str) -> str:
    """Say why an arm cannot be compared; "" if it can."""
    protocol = bundle.manifest["protocol"]
    if results.study.steps != bundle.steps:
        return f"it has {results.study.steps} training steps, the stored study {bundle.steps}"
    if arm not in protocol["arms"]:
        return f"the stored study has no such arm (it has {', '.join(protocol['arms'])})"
    own, stored = results.study.protocol["arms"][arm], protocol["arms"][arm]
    if own["hash"] == stored["hash"]:
        return ""
    inputs = [name for name in ("data", "model") if results.study.protocol[name] != protocol[name]]
    keys = [key for key in _different_keys(own["config"], stored["config"]) if decides(key)]
    if not inputs and not keys:
        return ""
    named = [*(f"another {name}" for name in inputs), *keys[:_MOST_KEYS]]
    more = f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return f"it differs from the stored study in {', '.join(named)}{more}"


def _different_keys(new: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    keys = dict.fromkeys([*stored, *new])
    # not None, which a config may hold: a key that is null differs from one that is absent
    missing = object()
    return [key for key in keys if new.get(key, missing) != stored.get(key, missing)]


def _notes(results: Results, bundle: Bundle) -> list[str]:
    notes = []
    machine = next(iter(results.study.machines), {})
    stored = bundle.manifest["versions"] or {}
    other = [
        f"{name} {version} (stored: {stored.get(name, 'absent')})"
        for name, version in machine.get("versions", {}).items()
        if stored.get(name, "absent") != version
    ]
    if other:
        notes.append(f"other versions: {', '.join(other)}")
    if bundle.manifest["because"]:
        notes.append(f"the baseline was stored with a reservation: {bundle.manifest['because']}")
    return notes


def compare_with_latest(results: Results, baselines: Path = BASELINES) -> Placements | None:
    """Compare a request with the latest baseline of its scale and ablation; None if none is stored.

    Raises:
        DamagedError: a file of the baseline is missing or changed.
    """
    study = f"{results.study.scale}/{results.study.ablation}"
    if not versions(baselines / study):
        return None
    return compare_with_bundle(results, read_bundle(find_bundle(study, baselines)))


def print_placements(placements: Placements | None) -> None:
    """Print the table of places, or that there is nothing to compare with."""
    text = "no stored study to compare with" if placements is None else placements_text(placements)
    print(folded(text))
