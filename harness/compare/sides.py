"""One side of a comparison: an arm of a bundle, with its runs, their numbers and their protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from harness.cli import suggest
from harness.metrics.blocks import are_ordered, block_starts
from harness.metrics.columns import EVALUATION, column_of
from harness.metrics.finals import final_values, steps_reached
from harness.metrics.tables import SAMPLE_TYPES, Tables
from harness.schema import DamagedError, UsageError
from harness.store.bundle import Bundle, check_replicates, steps_of

_CURVE = ("run_id", "metric")
ACCURACY = f"{EVALUATION[0].name}_"
"""Beginning of the name of an accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An arm of a bundle.

    Attributes:
        role: "candidate" or "baseline".
        source: name of the bundle.
        arm: name of the arm.
        config: its resolved config, dotted key -> value, without seeds; empty if it is not known.
        cells: of the runs that are done: cell_id, run_id, seed and more.
        curves: the runs' rows: row_id, run_id, arm, seed, step, metric, value.
        scores: the runs' rows of the last evaluation, per question.
        steps: training steps of each run.
        protocol: data, model, evaluation and so on, as in the bundle's manifest.
        versions: package -> version; empty if it is not known.
        hardware: of the machine; empty if it is not known.
        parts: of a merged bundle, what each part with runs of the side says of versions and
            hardware; else none.
        unfinished: its runs that were asked for and are not done, in words.
        asked: seeds of all runs that were asked for, done or not.
        samples: accuracy -> the k of its mean@k, the number of samples of each question.
        doubts: what its bundle says that cannot be, and only lowers its numbers.
        because: why the bundle was stored in spite of an objection; "" if there was none.
    """

    role: str
    source: str
    arm: str
    config: Mapping[str, Any]
    cells: Sequence[Mapping[str, Any]]
    curves: pd.DataFrame
    scores: pd.DataFrame
    steps: int
    protocol: Mapping[str, Any]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    parts: Sequence[Mapping[str, Any]] = ()
    unfinished: tuple[str, ...] = ()
    asked: tuple[int, ...] = ()
    samples: Mapping[str, int] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    because: str = ""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds with a finished run, in order."""
        return tuple(sorted(int(cell["seed"]) for cell in self.cells))

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"{self.source} {self.arm}"

    @property
    def all_versions(self) -> tuple[Mapping[str, str], ...]:
        """Versions of all runs: what the bundle states, and each part that it was merged from."""
        return (self.versions, *(part.get("versions") or {} for part in self.parts))

    @property
    def machines(self) -> tuple[Mapping[str, Any], ...]:
        """Hardware of all runs: what the bundle states, and each part that it was merged from."""
        return (self.hardware, *(part.get("hardware") or {} for part in self.parts))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that any of its runs has, in alphabetical order."""
        return tuple(sorted(map(str, self.curves["metric"].unique())))

    @property
    def reached(self) -> int:
        """The last step of training that any of its runs has a row of; 0 if none has one."""
        return min(self.steps, int(self.curves["step"].max())) if len(self.curves) else 0

    def evaluated(self, metric: str) -> set[int]:
        """Steps at which any run has a value of a metric.

        Not every: a run that broke off would move the end of all others to before it did.
        """
        return set(self.curves.loc[self.curves["metric"] == metric, "step"].astype(int))

    def ends(self, metric: str, end: int) -> pd.DataFrame:
        """Return each run's value at a step that is taken for the end, as `final_values`."""
        runs = pd.DataFrame(
            [
                {**cell, "row_id": cell["cell_id"][:8], "steps": end, "is_included": True}
                for cell in self.cells
            ]
        )
        samples = pd.DataFrame(columns=list(SAMPLE_TYPES))
        return final_values(Tables(runs=runs, steps=self.curves, samples=samples), [metric])


def side_of(bundle: Bundle, arm: str, role: str, *, like: str = "") -> Side:
    """Return an arm of a bundle as one side of a comparison.

    Args:
        bundle: a stored study, results, or a log.
        arm: its name; "" takes the only arm, else the one named `like`, else the control.
        role: "candidate" or "baseline", for errors and notes.
        like: the arm of the other side.

    Raises:
        UsageError: there is no such arm, or none of its runs is done.
        DamagedError: two runs of the arm have the same seed, or a run has a step twice.
    """
    manifest = bundle.manifest
    chosen = arm or _default_arm(bundle, role, like)
    if chosen not in manifest["arms"]:
        raise UsageError(
            f"{bundle.name} has no arm {chosen!r}: {suggest(chosen, list(manifest['arms']))}; give"
            f" {role}_arm=<name>"
        )
    asked = [cell for cell in manifest["cells"] if cell["arm"] == chosen]
    cells = [cell for cell in asked if cell["status"] == "done"]
    if not cells:
        raise UsageError(f"{bundle.name} has no finished run of {chosen}: nothing to compare")
    check_replicates([(chosen, int(cell["seed"])) for cell in cells], bundle.name)
    names = {cell["run_id"] for cell in cells}
    protocol = manifest.get("protocol") or {}
    curves = _curves(bundle, names)
    return Side(
        role=role,
        source=bundle.name,
        arm=chosen,
        config=protocol.get("arms", {}).get(chosen, {}).get("config", {}),
        cells=cells,
        curves=curves,
        scores=_of_runs(bundle.scores, names),
        steps=steps_of(cells, chosen, bundle.steps),
        protocol=protocol,
        versions=manifest.get("versions") or {},
        hardware=manifest.get("hardware") or {},
        parts=_parts(manifest, {cell["cell_id"] for cell in cells}),
        unfinished=(
            *(f"seed {c['seed']} ({c['status']})" for c in asked if c not in cells),
            *_early(cells, curves),
        ),
        asked=tuple(sorted({int(c["seed"]) for c in asked})),
        samples=_samples(bundle, curves),
        doubts=bundle.doubts,
        because=manifest.get("because") or "",
    )


def shared_metrics(candidate: Side, baseline: Side) -> tuple[str, ...]:
    """Return the metrics that both sides have, in alphabetical order.

    A mean over another number of samples has the same name by a mapping file alone, and is another
    metric all the same.
    """
    common = [metric for metric in candidate.metrics if metric in set(baseline.metrics)]
    return tuple(m for m in common if not differs_in_samples(candidate, baseline, m))


def differs_in_samples(candidate: Side, baseline: Side, metric: str) -> bool:
    """Tell whether both sides state the k of a metric's mean@k, each another one."""
    mine, other = candidate.samples.get(metric), baseline.samples.get(metric)
    return mine is not None and other is not None and mine != other


def other_samples(candidate: Side, baseline: Side) -> list[str]:
    """Say of each accuracy which means over samples the sides have, if none of them is common."""
    sides = [_by_accuracy(side) for side in (candidate, baseline)]
    return [
        f"of {name}: {_listed(sides[0][name])} in the candidate, {_listed(sides[1][name])} in the"
        " baseline"
        for name in sides[0]
        if name in sides[1] and not sides[0][name] & sides[1][name]
    ]


def common_end(candidate: Side, baseline: Side, metric: str) -> int | None:
    """Find the last step that counts as the end for both sides; None without a common one.

    For an evaluation metric it is the last step that both evaluated, else the shorter training; a
    run without a value there has none at the end.
    """
    if column_of(metric).source == "training":
        return min(candidate.reached, baseline.reached)
    return max(candidate.evaluated(metric) & baseline.evaluated(metric), default=None)


def same_runs(candidate: Side, baseline: Side) -> bool:
    """Tell whether both sides are the very same runs: the same cells, and the same numbers.

    An id says what a cell computes, not where: another machine gives the same ids other numbers.
    """
    if not same_work(candidate, baseline):
        return False
    shared = set(shared_metrics(candidate, baseline))
    mine, other = _numbers(candidate, shared), _numbers(baseline, shared)
    is_same = mine[0] == other[0] and np.array_equal(mine[1], other[1])
    return is_same and np.array_equal(mine[2], other[2], equal_nan=True)


def same_work(candidate: Side, baseline: Side) -> bool:
    """Tell whether both sides are runs of the same cells, done once or twice."""
    ids = [{cell["cell_id"] for cell in side.cells} for side in (candidate, baseline)]
    return ids[0] == ids[1]


def repeated_metrics(candidate: Side, baseline: Side, metric: str) -> tuple[str, ...]:
    """Return the metrics that make a candidate the same result as the baseline; none if it is not.

    It is, whatever its ids say, if the judged metric is equal in every seed of the baseline at each
    step, and the training reward as well where both have it. A metric that is the same for all
    seeds and steps proves nothing: other runs may reach the same floor.

    Args:
        candidate: what is judged.
        baseline: what it is judged by.
        metric: the judged one.
    """
    needed = [metric]
    if "reward" in candidate.metrics and "reward" in baseline.metrics and metric != "reward":
        needed.append("reward")
    for name in needed:
        mine, other = (_by_seed(side, name, baseline.seeds) for side in (candidate, baseline))
        is_whole = other.notna().all() and set(other.index.unique("seed")) == set(baseline.seeds)
        if not (is_whole and mine.equals(other)):
            return ()
        if name == metric and other.nunique() < 2:
            return ()
    return tuple(needed)


def _curves(bundle: Bundle, run_ids: set[str]) -> pd.DataFrame:
    """Return the rows of runs; an infinite value is undefined, so it is NaN as others are.

    Raises:
        DamagedError: a run has a step of a metric twice: nobody can say which one counts.
    """
    rows = _of_runs(bundle.curves, run_ids)
    rows = rows.assign(value=rows["value"].where(np.isfinite(rows["value"])))
    if are_ordered(rows, _CURVE, block_starts(rows, _CURVE)):
        return rows
    twice = rows[rows.duplicated([*_CURVE, "step"])]
    if len(twice):
        first = twice.iloc[0]
        raise DamagedError(
            f"{bundle.name} has step {first['step']} of {first['metric']} twice in run"
            f" {first['run_id']}: a step is one value; make the rows again"
        )
    return rows


def _early(cells: Sequence[Mapping[str, Any]], curves: pd.DataFrame) -> list[str]:
    """Say which finished runs have no row of the last step that another one reached.

    Whatever they come from: why a run is shorter than its siblings is not known, and may be what
    is compared.
    """
    reached = steps_reached(curves)
    most = int(reached.max()) if len(reached) else 0
    ends = [(cell["seed"], int(reached.get(cell["run_id"], 0))) for cell in cells]
    return [f"seed {seed} (ends at step {end} of {most})" for seed, end in ends if end < most]


def _samples(bundle: Bundle, curves: pd.DataFrame) -> dict[str, int]:
    """Return accuracy -> samples of a question, as its log or its protocol states it."""
    manifest = bundle.manifest
    metrics = [str(name) for name in curves["metric"].unique() if len(curves)]
    if "imported" in manifest:
        stated = manifest["imported"].get("samples") or {}
        return {name: int(stated[name]) for name in metrics if name in stated}
    asked = manifest["protocol"]["evaluation"]["samples"]
    return {name: asked for name in metrics if name.startswith(ACCURACY)} if asked else {}


def _by_accuracy(side: Side) -> dict[str, set[int]]:
    """Return accuracy without its k -> every k that a side has it by."""
    found: dict[str, set[int]] = {}
    for metric, count in side.samples.items():
        found.setdefault(metric.rpartition("@")[0] or metric, set()).add(count)
    return found


def _listed(counts: set[int]) -> str:
    return " and ".join(f"mean@{count}" for count in sorted(counts))


def _parts(document: Mapping[str, Any], cell_ids: set[str]) -> list[Mapping[str, Any]]:
    """Return the parts that a bundle was merged from, in the end, which hold some of the cells."""
    found: list[Mapping[str, Any]] = []
    for part in document.get("merged") or ():
        if cell_ids & set(part["cells"]):
            found += _parts(part, cell_ids) or [part]
    return found


def _of_runs(rows: pd.DataFrame, run_ids: set[str]) -> pd.DataFrame:
    """Return the rows of runs; a table without rows may have no columns either."""
    if rows.empty:
        return rows
    is_own = rows["run_id"].isin(run_ids)
    return rows if is_own.all() else rows[is_own]


def _default_arm(bundle: Bundle, role: str, like: str) -> str:
    arms = list(bundle.manifest["arms"])
    control = bundle.manifest.get("control")
    if len(arms) == 1:
        return str(arms[0])
    if like in arms:
        return like
    if not control:
        raise UsageError(
            f"{bundle.name} has {len(arms)} arms and no control: give {role}_arm=, one of"
            f" {', '.join(map(str, arms))}"
        )
    return str(control)


def _numbers(side: Side, metrics: set[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the values of some metrics by run, metric and step: names, key and value of each row.

    Returns:
        Runs and metrics; run, metric and step of each row as one number, and its value, both of
        shape (rows,), in the order of the keys.
    """
    is_wanted = side.curves["metric"].isin(metrics)
    rows = side.curves if is_wanted.all() else side.curves[is_wanted]
    run, metric = (_sorted_category(rows[name]) for name in _CURVE)
    key_R = run.codes.astype(np.int64) * len(metric.categories) + metric.codes
    # a step has 31 bits
    key_R = (key_R << 31) + rows["step"].to_numpy(dtype=np.int64)
    value_R = rows["value"].to_numpy(dtype=float)
    if (np.diff(key_R) < 0).any():
        order_R = np.argsort(key_R, kind="stable")
        key_R, value_R = key_R[order_R], value_R[order_R]
    return [*run.categories, *metric.categories], key_R, value_R


def _sorted_category(column: pd.Series) -> pd.Categorical:
    found = column.astype("category").cat.set_categories(sorted(column.unique()))
    return pd.Categorical(found)


def _by_seed(side: Side, metric: str, seeds: Sequence[int]) -> pd.Series:
    """Return the values of a metric by seed and step, in order."""
    rows = side.curves[side.curves["metric"] == metric]
    rows = rows[rows["seed"].isin(seeds)].astype({"seed": "int64", "step": "int64"})
    return rows.set_index(["seed", "step"])["value"].sort_index()
