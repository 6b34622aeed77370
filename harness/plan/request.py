"""The keys of a command line that ask for a plan on GPUs, and the plan of a matrix of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cli import FORCE, name, out_folder, read_arguments, real, whole
from harness.plan.calibration import Calibration, calibrate
from harness.plan.cell import plan_cell
from harness.plan.hardware import Gpu, read_gpu
from harness.plan.recipe import read_recipe
from harness.plan.tables import MatrixPlan
from harness.schema import UsageError, flatten

OPTIONS = {
    "gpu": name(),
    "gpus": whole(1, 1_000_000),
    "price": real(above=0.0),
    "response_tokens": real(above=0.0),
    "out": out_folder("PLAN.md"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What the command line says of the machine.

    Attributes:
        gpu: that the cells run on.
        gpus: in all; None takes the scale's own nodes.
        price: of a GPU for an hour; None if it is not given.
        response_tokens: mean length of a response; None takes the published growth.
        out: directory for PLAN.md and the picture; "" for none.
        replaces: whether files that are there are replaced.
    """

    gpu: Gpu
    gpus: int | None
    price: float | None
    response_tokens: float | None
    out: str
    replaces: bool


def split_plan_keys(argv: Sequence[str]) -> tuple[PlanRequest | None, list[str]]:
    """Take the keys of a plan on GPUs out of a command line.

    Returns:
        What they ask for, None if there is none of them; and the overrides that are left.

    Raises:
        UsageError: a value is wrong, or the kind of GPU is missing.
    """
    own = [text for text in argv if text == FORCE or text.partition("=")[0] in OPTIONS]
    overrides = [text for text in argv if text not in own]
    if not own:
        return None, overrides
    given = read_arguments(own, OPTIONS, flags=[FORCE])
    if not given["gpu"]:
        raise UsageError(f"{own[0]} plans for GPUs: name the kind as well, as gpu=h800")
    request = PlanRequest(
        gpu=read_gpu(given["gpu"]),
        gpus=given["gpus"],
        price=given["price"],
        response_tokens=given["response_tokens"],
        out=given["out"],
        replaces=given[FORCE],
    )
    return request, overrides


def plan_matrix(
    request: PlanRequest, title: str, arms: Mapping[str, Mapping[str, Any]], seeds: int
) -> tuple[MatrixPlan, Calibration]:
    """Plan one cell of each arm.

    Args:
        request: the machine.
        title: one line: what is planned; the machine is added.
        arms: arm -> composed config of one of its cells.
        seeds: cells per arm.

    Raises:
        UsageError: the GPUs do not go with a cell, or its model is not known.
    """
    calibration = calibrate()
    cells, keys = {}, set[str]()
    for arm, config in arms.items():
        recipe = read_recipe(config, request.gpus)
        cells[arm] = plan_cell(recipe, request.gpu, calibration, request.response_tokens)
        keys |= {key for key, _ in flatten(config["verl"])}
    gpus = {cell.recipe.gpus for cell in cells.values()}
    machine = f"{' or '.join(map(str, sorted(gpus)))} {request.gpu.name}"
    plan = MatrixPlan(
        title=f"{title} on {machine}",
        cells=cells,
        seeds=seeds,
        price=request.price,
        set_keys=frozenset(keys),
    )
    return plan, calibration
