"""The tables of a plan, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.plan.calibration import Calibration
from harness.plan.cell import CellPlan, Span
from harness.plan.memory import GIB, PARTS
from harness.plan.remedies import LARGEST, find_remedy
from harness.plan.steps import PARTS as STEP_PARTS
from harness.text import markdown_table, paragraphs, plain_table

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixPlan:
    """The plan of a matrix of cells on one kind of GPU.

    Attributes:
        title: one line: what is planned.
        cells: arm -> plan of one cell.
        seeds: cells per arm.
        price: of a GPU for an hour, in any currency; None if it was not given.
        set_keys: dotted keys below `verl` that the cells set; others are added with a plus.
    """

    title: str
    cells: Mapping[str, CellPlan]
    seeds: int
    price: float | None
    set_keys: frozenset[str]


def terminal_text(plan: MatrixPlan, calibration: Calibration) -> str:
    """Return a plan for a terminal."""
    return paragraphs(*_sections(plan, calibration, plain_table, ""))


def markdown_text(plan: MatrixPlan, calibration: Calibration, level: str = "## ") -> str:
    """Return a plan as Markdown."""
    return paragraphs(*_sections(plan, calibration, markdown_table, level))


def _sections(plan: MatrixPlan, calibration: Calibration, table: Table, mark: str) -> list[str]:
    return [
        plan.title,
        f"{mark}Memory of one GPU [GiB]",
        memory_table(plan, table),
        _listed([verdict(arm, cell, plan) for arm, cell in plan.cells.items()], mark),
        f"{mark}A training step [s], mean over the run",
        step_table(plan, table),
        f"{mark}Work, time and cost",
        cost_table(plan, table),
        _listed(_notes(plan, calibration), mark),
        f"{mark}Calibration",
        calibration_table(calibration, table),
        calibration_note(calibration),
    ]


def memory_table(plan: MatrixPlan, table: Table) -> str:
    """Return memory by arm, phase and part, the fullest phase of each arm marked."""
    rows = []
    for arm, cell in plan.cells.items():
        for phase in cell.memory.phases:
            gib = [f"{phase.parts[part] / GIB:.1f}" for part in PARTS]
            most = " (most)" if phase is cell.memory.peak else ""
            rows.append([arm, phase.name + most, *gib, f"{phase.total / GIB:.1f}"])
    return table(["arm", "phase", *PARTS, "all"], rows)


def verdict(arm: str, cell: CellPlan, plan: MatrixPlan) -> str:
    """Return one sentence: whether a cell fits, and if not, what would make it fit."""
    memory, gpus = cell.memory, cell.recipe.gpus
    capacity = f"{memory.capacity / GIB:.1f} GiB"
    if memory.fits:
        left = (memory.capacity - memory.peak.total) / GIB
        return (
            f"{arm}: fits on {gpus} {cell.gpu.name}: {memory.peak.total / GIB:.1f} of {capacity} in"
            f" the {memory.peak.name}, {left:.1f} GiB left"
        )
    reason = (
        f"{memory.peak.name} needs {memory.peak.total / GIB:.1f} of {capacity}"
        if memory.peak.total > memory.capacity
        else f"the KV cache holds {max(memory.cached_tokens, 0):.0f} tokens, less than one sequence"
        f" of {memory.needed_tokens}"
    )
    remedy = find_remedy(cell.recipe, cell.gpu)
    if remedy.gpus is None:
        return (
            f"{arm}: does not fit ({reason}), and no setting that this plan knows makes it fit on"
            f" up to {LARGEST} GPUs: take GPUs with more memory or a smaller model"
        )
    overrides = " ".join(spelled(override, plan.set_keys) for override in remedy.overrides)
    more = "" if remedy.gpus == gpus else f" gpus={remedy.gpus}"
    return f"{arm}: does not fit ({reason}): it would with {(overrides + more).strip()}"


def spelled(override: str, set_keys: frozenset[str]) -> str:
    """Return a override for the command line, with a plus if no file sets its key."""
    key = override.partition("=")[0].removeprefix("verl.")
    return override if key in set_keys else f"+{override}"


def step_table(plan: MatrixPlan, table: Table) -> str:
    """Return seconds of a step by arm and part."""
    rows = []
    shown = [p for p in STEP_PARTS if any(p in cell.parts_s for cell in plan.cells.values())]
    for arm, cell in plan.cells.items():
        parts = [f"{cell.parts_s[p]:.1f}" if p in cell.parts_s else "-" for p in shown]
        rows.append(
            [arm, *parts, f"{cell.step_s:.0f}", f"{cell.first_s:.0f}", f"{cell.last_s:.0f}"]
        )
    return table(["arm", *shown, "all", "first step", "last step"], rows)


def cost_table(plan: MatrixPlan, table: Table) -> str:
    """Return work and cost by arm, for one cell, and for the whole matrix."""
    rows = []
    for arm, cell in plan.cells.items():
        rows.append(_cost_row(f"{arm}, one cell", [cell], 1, plan.price))
    whole = list(plan.cells.values())
    count = plan.seeds * len(whole)
    rows.append(_cost_row(f"all {count} cells, one after the other", whole, plan.seeds, plan.price))
    heads = ["", "steps", "tokens [1e9]", "FLOP [1e21]", "days", "GPU-hours", "money"]
    return table(heads, rows)


def _cost_row(name: str, cells: list[CellPlan], each: int, price: float | None) -> list[str]:
    hours = _total([cell.hours for cell in cells]).times(each)
    gpu_hours = _total([cell.gpu_hours for cell in cells]).times(each)
    steps = each * sum(cell.recipe.steps for cell in cells)
    tokens = each * sum(cell.tokens for cell in cells)
    operations = each * sum(cell.operations for cell in cells)
    money = "-" if price is None else span_text(gpu_hours.times(price), 0)
    return [
        name,
        str(steps),
        f"{tokens / 1e9:.2f}",
        f"{operations / 1e21:.2f}",
        span_text(hours.times(1 / 24), 1),
        span_text(gpu_hours, 0),
        money,
    ]


def span_text(span: Span, decimals: int) -> str:
    """Return "middle [low, high]" with thousands set apart."""
    low, middle, high = (f"{value:,.{decimals}f}" for value in span)
    return f"{middle} [{low}, {high}]"


def _total(spans: list[Span]) -> Span:
    # one and the same model is wrong in the same direction for all: the ends are added
    return Span(*(sum(values) for values in zip(*spans, strict=True)))


def _listed(lines: list[str], mark: str) -> str:
    """Return sentences as lines, on a page as a list."""
    return "\n".join(f"- {line}" if mark else line for line in lines)


def _notes(plan: MatrixPlan, calibration: Calibration) -> list[str]:
    bracket = (
        f"In brackets: a factor of {calibration.factor:.1f} to both sides, the largest miss of a"
        " published run whose family was left out of the fit; the middle is the model's."
    )
    lines = [bracket]
    for arm, cell in plan.cells.items():
        means = cell.growth.means
        lines.append(
            f"{arm}: responses grow from {means[0]:.0f} to {means[-1]:.0f} tokens, mean"
            f" {means.mean():.0f} ({cell.growth.source})"
        )
        if cell.recipe.drops_groups:
            lines.append(
                f"{arm}: groups that are sampled and dropped are not counted, since their share is"
                " not known beforehand: generation takes longer than shown"
            )
    if plan.price is None:
        lines.append(
            "money: give price=<per GPU and hour>; there is no default, since the same GPU is"
            " rented out at prices that differ by more than two times"
        )
    return lines


def calibration_table(calibration: Calibration, table: Table) -> str:
    """Return each published run against the model."""
    rows = []
    for row in calibration.rows:
        run = row.run
        gpus = ", then ".join(map(str, dict.fromkeys(run.gpus)))
        rows.append(
            [
                run.name,
                f"{gpus} {run.gpu.upper()}",
                _hours(run.gpu_hours),
                _hours(run.gpu_hours * row.fitted),
                _percent(row.fitted),
                _percent(row.without_run),
                _percent(row.without_family),
            ]
        )
    heads = [
        "published run",
        "GPUs",
        "GPU-hours, published",
        "model",
        "error",
        "error, run left out",
        "error, its family left out",
    ]
    return table(heads, rows)


def calibration_note(calibration: Calibration) -> str:
    """Return the fitted efficiencies and what the interval rests on, in one paragraph."""
    at = calibration.efficiency
    return (
        f"Fitted: {100 * at.compute:.0f} % of the peak operations, {100 * at.memory:.0f} % of the"
        f" memory's bandwidth, {1000 * at.turn_s:.1f} ms per turn of the decoding loop beside them."
        f" {len(calibration.rows)} published runs; the interval would hold the next one with a"
        f" chance of about {100 * calibration.coverage:.0f} %, were it like these. An error is the"
        " model's GPU-hours over the published ones, less 1."
    )


def _hours(value: float) -> str:
    # a single step of a published run is part of an hour
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.0f} %"
