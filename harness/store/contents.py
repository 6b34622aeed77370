"""Whether what a bundle holds can be true: types, ranges, counts, and curves against scores.

Hashes say that nothing was changed since, not that it was right; and hashes can be made again. All
that reads a bundle checks it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.metrics.blocks import are_ordered, block_starts, row_ids
from harness.metrics.columns import SPLIT_PREFIX, TRAINING, column_of, short_split
from harness.metrics.tables import check_version
from harness.schema import DamagedError, UsageError
from harness.untrusted.files import Refused
from harness.untrusted.tables import MOST_ROWS, NUMBER, TEXT, WHOLE, column_fault, read_frame

CURVES, SCORES = "curves.parquet", "scores.parquet"

RIGHT = "right"
"""Column of the scores that logs and the first bundles lack: a character for each sample that was
asked for, in the order of their numbers: 1 right, 0 wrong, - not there."""

_RUN = {"row_id": TEXT, "run_id": TEXT, "arm": TEXT, "seed": WHOLE}
CURVE_KINDS = {**_RUN, "step": WHOLE, "metric": TEXT, "value": NUMBER}
SCORE_KINDS = {
    **_RUN,
    "split": TEXT,
    "question_id": TEXT,
    "samples": WHOLE,
    "correct": WHOLE,
    RIGHT: TEXT,
}
"""Column -> what it holds, of each table."""

_MOST_METRICS = 1000
_SHOWN = 40
_CURVE_KEYS = ("run_id", "metric")
_BLOCK = ("run_id", "arm", "seed", "metric")
_QUESTION_KEYS = ["run_id", "split"]
_ROUNDING = 1e-6
"""Curves of logs hold single precision."""

_BOUNDS = {
    "fraction": (0.0, 1.0),
    **dict.fromkeys(("tokens", "s", "tokens/s", "rows", "1/100 tokens"), (0.0, np.inf)),
    "entropy": (0.0, np.inf),
    "policy_gradient_norm": (0.0, np.inf),
    "value_gradient_norm": (0.0, np.inf),
    "value_explained_variance": (-np.inf, 1.0),
}
"""Unit, or name, of a metric -> its least and its largest value."""


class Objection(NamedTuple):
    """Something in a bundle that cannot be.

    Attributes:
        text: the sentence.
        only_lowers: it cannot make the runs look better than they are: as a candidate they may
            still be judged, and cannot pass.
    """

    text: str
    only_lowers: bool = False


def most_rows(manifest: Mapping[str, Any], name: str) -> int:
    """Return the largest number of rows of a table that its manifest allows."""
    protocol, cells = manifest["protocol"], manifest["cells"]
    done = [cell for cell in cells if cell["status"] == "done"]
    questions = protocol["evaluation"]["questions"]
    if name == SCORES:
        per_run = 0 if "imported" in manifest else sum((questions or {}).values())
        return min(len(done) * per_run, MOST_ROWS)
    steps = sum(cell.get("last_step", protocol["steps"]) + 1 for cell in done)
    return min(int(steps) * _MOST_METRICS, MOST_ROWS)


def read_table(path: Path, kinds: Mapping[str, str], most: int) -> pd.DataFrame:
    """Read a table of a bundle without trusting it.

    Args:
        path: of the file.
        kinds: column -> what it must hold; `RIGHT` may be absent.
        most: rows that it may have.

    Raises:
        DamagedError: it is no table, of another version, has other columns or types, too many rows,
            or a cell without a value other than an undefined number.
    """
    try:
        frame = read_frame(path, most=most, check=lambda schema: _check_schema(path, schema, kinds))
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise DamagedError(f"{path} {error}: write it again") from error
    for name in frame:
        if name != "value" and frame[name].isna().any():
            raise DamagedError(f"{path} has a row without {name}")
    return frame


def objections(
    manifest: Mapping[str, Any], curves: pd.DataFrame, scores: pd.DataFrame
) -> Iterator[Objection]:
    """Yield everything in a bundle that cannot be, its manifest being of its form.

    Args:
        manifest: of the bundle.
        curves: columns of `CURVE_KINDS`.
        scores: columns of `SCORE_KINDS`, with or without `RIGHT`.
    """
    texts = [
        f"two cells have the same {key}"
        for key in ("cell_id", "run_id")
        if len({cell[key] for cell in manifest["cells"]}) != len(manifest["cells"])
    ]
    blocks = _blocks(curves)
    for table, heads, name in ((curves, blocks, CURVES), (scores, scores, SCORES)):
        texts += _run_objections(manifest, heads, name)
        if not (_has_usual_ids(manifest, table) or table["row_id"].is_unique):
            texts.append(f"{name} has two rows of the same row_id")
    texts += [*_curve_objections(curves, blocks), *_step_objections(manifest, curves, blocks)]
    texts += [*_score_objections(manifest, scores)]
    if RIGHT in scores:
        texts += [*_right_objections(manifest, scores)]
    yield from map(Objection, texts)
    if not texts and "imported" not in manifest:
        yield from _gaps(manifest, curves)
        yield from _end_objections(manifest, curves, scores)


def _check_schema(path: Path, schema: pa.Schema, kinds: Mapping[str, str]) -> None:
    check_version(path, schema)
    wanted = {name: kind for name, kind in kinds.items() if name != RIGHT or name in schema.names}
    if sorted(schema.names) != sorted(wanted):
        names = ", ".join(ascii(name[:_SHOWN]) for name in schema.names[: len(kinds) + 1])
        raise DamagedError(f"{path} has the columns {names}, expected {', '.join(kinds)}")
    fault = column_fault(schema, wanted)
    if fault:
        raise DamagedError(f"{path} {fault}")


def _blocks(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of curves: their keys, and the least and the largest step and value."""
    if curves.empty:
        return curves.assign(first=[], last=[], low=[], high=[])
    first_B = block_starts(curves, _BLOCK)
    step_R, value_R = curves["step"].to_numpy(), curves["value"].to_numpy(dtype=float)
    return (
        curves[list(_BLOCK)]
        .iloc[first_B]
        .assign(
            first=np.minimum.reduceat(step_R, first_B),
            last=np.maximum.reduceat(step_R, first_B),
            # an undefined value is neither
            low=np.fmin.reduceat(value_R, first_B),
            high=np.fmax.reduceat(value_R, first_B),
        )
    )


def _has_usual_ids(manifest: Mapping[str, Any], table: pd.DataFrame) -> bool:
    """Tell whether rows of curves have the ids that are usual, each another one.

    It is told from short keys, much faster than by comparing millions of texts.
    """
    shorts = {cell["run_id"]: cell["cell_id"][:8] for cell in manifest["cells"]}
    keys = [table[name].dtype for name in _CURVE_KEYS if name in table]
    if len(keys) < 2 or not all(isinstance(key, pd.CategoricalDtype) for key in keys):
        return False
    # else two runs could have the same ids
    if len(set(shorts.values())) < len(shorts) or any("/" in short for short in shorts.values()):
        return False
    if not _is_in_blocks(table):
        return False
    run, metric = table["run_id"].array, table["metric"].array
    if not set(run.categories) <= set(shorts):
        return False
    short = run.rename_categories(shorts)
    usual = row_ids(short, table["step"].to_numpy(), metric)
    return bool(pc.all(pc.equal(usual, pa.array(table["row_id"], type=usual.type))).as_py())


def _is_in_blocks(curves: pd.DataFrame) -> bool:
    return are_ordered(curves, _CURVE_KEYS, block_starts(curves, _CURVE_KEYS))


def _run_objections(manifest: Mapping[str, Any], table: pd.DataFrame, name: str) -> Iterator[str]:
    """Compare run, arm and seed of each row, or of each block of rows, with the cells."""
    known = {(c["run_id"], c["arm"], int(c["seed"])) for c in _done(manifest)}
    found = table[["run_id", "arm", "seed"]].drop_duplicates().astype({"run_id": str, "arm": str})
    rows = {(row["run_id"], row["arm"], int(row["seed"])) for row in found.to_dict("records")}
    foreign = sorted(ascii(row) for row in rows - known)
    if foreign:
        yield f"{name} has rows of {foreign[0]}, which is no finished cell of the manifest"
    if name == CURVES and known - rows:
        yield f"{name} has no row of {min(ascii(row) for row in known - rows)}"


def _curve_objections(curves: pd.DataFrame, blocks: pd.DataFrame) -> Iterator[str]:
    is_second = None if _is_in_blocks(curves) else curves.duplicated([*_CURVE_KEYS, "step"])
    if is_second is not None and is_second.any():
        row = curves[is_second].iloc[0]
        yield f"{CURVES} states {row['metric']} of {row['run_id']} at step {row['step']} twice"
    if np.isinf(curves["value"].to_numpy(dtype=float)).any():
        yield f"{CURVES} has an infinite value"
    if len(curves) and curves["value"].isna().all():
        yield f"{CURVES} has no value that is defined"
    spans = blocks.groupby(blocks["metric"].astype(str)).agg({"low": "min", "high": "max"})
    for metric, low, high in spans.itertuples():
        try:
            column = column_of(metric)
        except UsageError:
            yield f"{CURVES} has a metric {metric!a} that the suite does not know"
            continue
        least, largest = _BOUNDS.get(column.name) or _BOUNDS.get(column.unit, (-np.inf, np.inf))
        if low < least - _ROUNDING or high > largest + _ROUNDING:
            worst = high if high > largest else low
            hint = ", which is a fraction: is it in percent?" if column.unit == "fraction" else ""
            said = f"outside {least:g} to {largest:g}{hint}"
            if (least, largest) == (0.0, np.inf):
                said = "which is never negative"
            yield f"{CURVES} has {metric} = {worst:.4g}, {said}"


def _step_objections(
    manifest: Mapping[str, Any], curves: pd.DataFrame, blocks: pd.DataFrame
) -> Iterator[str]:
    """Compare the steps of the rows with those that the manifest states."""
    ends = {c["run_id"]: _end(manifest, c) for c in _done(manifest)}
    spans = blocks.groupby(blocks["run_id"].astype(str)).agg({"first": "min", "last": "max"})
    for run, first, last in spans.itertuples():
        if first < 0 or last > ends.get(run, last):
            yield f"{CURVES} has step {min(first, 0) or last} of {run}, which has {ends[run]} steps"
    names = curves["metric"].astype("category")
    plan = manifest["protocol"]["evaluation"]
    for split, count in {} if "imported" in manifest else (plan["questions"] or {}).items():
        most = count * (plan["samples"] or np.inf)
        found = curves.loc[names == f"samples_{short_split(split)}", "value"]
        if found.max() > most:
            yield f"{CURVES} has {found.max():g} samples of {split}, {most:g} were asked for"
        if (found % 1 != 0).any():
            yield f"{CURVES} has a part of a sample of {split}"


def _gaps(manifest: Mapping[str, Any], curves: pd.DataFrame) -> Iterator[Objection]:
    """Look for what every finished run has: its training steps, and the evaluations planned."""
    ends = {c["run_id"]: _end(manifest, c) for c in _done(manifest)}
    plan = manifest["protocol"]["evaluation"]
    names = curves["metric"].astype("category")
    for column in TRAINING:
        if column.is_required and column.name in manifest["metrics"]:
            rows = curves[names == column.name]
            trained = {run: range(1, end + 1) for run, end in ends.items()}
            yield from _lacking(rows, column.name, trained)
    for split in plan["questions"] or {}:
        rows = curves[names == f"accuracy_{short_split(split)}"]
        # an earlier suite did not count every split
        if len(rows) or split.startswith(SPLIT_PREFIX):
            planned = sorted(plan["steps"])
            wanted = {run: [step for step in planned if step <= end] for run, end in ends.items()}
            yield from _lacking(rows, f"accuracy_{short_split(split)}", wanted)


def _lacking(
    rows: pd.DataFrame, metric: str, wanted: Mapping[str, Sequence[int]]
) -> Iterator[Objection]:
    """Yield, for each run, the first wanted step at which it has no value of a metric.

    A run that lacks what others have broke off: it is judged, and cannot pass. What all lack was
    taken out.
    """
    defined = rows[rows["value"].notna()]
    there = {run: set(own) for run, own in defined.groupby(defined["run_id"].astype(str))["step"]}
    at_all = set(defined["step"])
    for run, steps in wanted.items():
        own = there.get(run, set())
        # one by one: a manifest may say a billion of steps
        absent = next((step for step in steps if step not in own), None)
        if absent is not None:
            text = f"{CURVES} has no {metric} at step {absent} of {run}"
            yield Objection(text, only_lowers=absent in at_all)


def _score_objections(manifest: Mapping[str, Any], scores: pd.DataFrame) -> Iterator[str]:
    if scores.duplicated(["run_id", "split", "question_id"]).any():
        yield f"{SCORES} has a question of a run twice"
    if ((scores["correct"] < 0) | (scores["correct"] > scores["samples"])).any():
        yield f"{SCORES} has more correct samples than samples, or fewer than none"
    if (scores["samples"] < 1).any():
        yield f"{SCORES} has a question without samples"
    plan = manifest["protocol"]["evaluation"]
    if plan["samples"] is not None and (scores["samples"] > plan["samples"]).any():
        yield f"{SCORES} has more samples of a question than the {plan['samples']} asked for"
    counts = scores.groupby([scores["run_id"].astype(str), scores["split"].astype(str)]).size()
    for run, split, count in counts.reset_index().itertuples(index=False):
        if plan["questions"] is not None and count > plan["questions"].get(split, 0):
            most = plan["questions"].get(split, 0)
            yield f"{SCORES} has {count} questions of {split!a} of {run}, {most} were asked for"


def _right_objections(manifest: Mapping[str, Any], scores: pd.DataFrame) -> Iterator[str]:
    """Compare single samples with what was asked for and with their counts."""
    right = scores[RIGHT].astype(str)
    asked = manifest["protocol"]["evaluation"]["samples"]
    if not right.str.fullmatch("[01-]*").all():
        yield f"{SCORES} has a sample in {RIGHT} that is none of 1, 0 and -"
    if (right.str.len() != asked).any():
        yield f"{SCORES} has a question whose {RIGHT} is not of the {asked} samples asked for"
    if (right.str.count("1") != scores["correct"]).any():
        yield f"{SCORES} has other correct samples of a question in {RIGHT} than in correct"
    if (right.str.count("[01]") != scores["samples"]).any():
        yield f"{SCORES} has other samples of a question in {RIGHT} than in samples"


def _end_objections(
    manifest: Mapping[str, Any], curves: pd.DataFrame, scores: pd.DataFrame
) -> Iterator[Objection]:
    """Compare the last evaluation, question by question, with the ends of the curves."""
    steps = manifest["protocol"]["steps"]
    later = [step for step in manifest["protocol"]["evaluation"]["steps"] if step > steps]
    if later:
        text = f"its evaluations go on to step {max(later)}, its runs end at step {steps}"
        yield Objection(text, only_lowers=True)
    names = curves["metric"].astype("category")
    needed = [n for n in names.cat.categories if str(n).startswith(("accuracy_", "samples_"))]
    rows = curves[names.isin(needed)]
    keys = zip(rows["run_id"].astype(str), rows["metric"].astype(str), rows["step"], strict=True)
    value_of = dict(zip(keys, rows["value"], strict=True))
    table: dict[Any, pd.DataFrame] = dict(iter(scores.groupby(_QUESTION_KEYS, observed=True)))
    for cell in _done(manifest):
        for split in manifest["protocol"]["evaluation"]["questions"] or {}:
            if split.startswith(SPLIT_PREFIX):
                own = table.get((cell["run_id"], split))
                yield from _one_end(cell["run_id"], split, _end(manifest, cell), own, value_of)


def _one_end(
    run: str,
    split: str,
    end: int,
    own: pd.DataFrame | None,
    value_of: Mapping[tuple[str, str, int], float],
) -> Iterator[Objection]:
    short = short_split(split)
    curve = value_of.get((run, f"accuracy_{short}", end))
    where = f"{split} of {run} at step {end}"
    if own is None:
        if curve is not None:
            yield Objection(f"{CURVES} has an accuracy of {where}, {SCORES} has no question of it")
        return
    steps = sorted({name.split("/")[1] if "/" in name else "" for name in own["row_id"]})
    if steps != [str(end)]:
        stated = ", ".join(map(ascii, steps))
        yield Objection(f"{SCORES} is of step {stated} of {run}, which has {end} steps", True)
        return
    if curve is None:
        yield Objection(f"{SCORES} has the questions of {where}, {CURVES} no accuracy", True)
        return
    scored = float((own["correct"] / own["samples"]).mean())
    # not `>`: a curve that is NaN agrees with nothing
    if not abs(curve - scored) <= _ROUNDING:
        said = f"{CURVES} says that accuracy_{short} of {run} is {curve:.4f} at step {end}"
        text = f"{said}, {SCORES} that it is {scored:.4f}"
        yield Objection(text, only_lowers=curve < scored)
    found = value_of.get((run, f"samples_{short}", end))
    if found is not None and int(own["samples"].sum()) != found:
        yield Objection(
            f"{SCORES} has {int(own['samples'].sum())} samples of {where}, {CURVES} {found:g}"
        )


def _done(manifest: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [cell for cell in manifest["cells"] if cell["status"] == "done"]


def _end(manifest: Mapping[str, Any], cell: Mapping[str, Any]) -> int:
    """Return the steps that a run has; of a log, those that are in it."""
    return int(cell.get("last_step", manifest["protocol"]["steps"]))
