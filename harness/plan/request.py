"""The keys of a command line that ask for a plan on GPUs, and the plan of a matrix of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.plan.calibration import Calibration, calibrate
from harness.plan.cell import plan_cell
from harness.plan.hardware import Gpu, read_gpu
from harness.plan.recipe import read_recipe
from harness.plan.tables import MatrixPlan
from harness.schema import UsageError, flatten

PLAN_KEYS = ("gpu", "gpus", "price", "response_tokens", "out")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What the command line says of the machine.

    Attributes:
        gpu: that the cells run on.
        gpus: in all; None takes the scale's own nodes.
        price: of a GPU for an hour; None if it is not given.
        response_tokens: mean length of a response; None takes the published growth.
        out: directory for PLAN.md and the picture; "" for none.
    """

    gpu: Gpu
    gpus: int | None
    price: float | None
    response_tokens: float | None
    out: str


def split_plan_keys(argv: Sequence[str]) -> tuple[PlanRequest | None, list[str]]:
    """Take the keys of a plan on GPUs out of a command line.

    Returns:
        What they ask for, None if there is none of them; and the overrides that are left.

    Raises:
        UsageError: a value is wrong, or the kind of GPU is missing.
    """
    given = dict[str, str]()
    overrides = []
    for argument in argv:
        key, sign, value = argument.partition("=")
        if sign and key in PLAN_KEYS:
            given[key] = value
        else:
            overrides.append(argument)
    if not given:
        return None, overrides
    if "gpu" not in given:
        raise UsageError(f"{next(iter(given))}= plans for GPUs: name the kind as well, as gpu=h800")
    request = PlanRequest(
        gpu=read_gpu(given["gpu"]),
        gpus=_whole(given["gpus"]) if "gpus" in given else None,
        price=_positive("price", given.get("price")),
        response_tokens=_positive("response_tokens", given.get("response_tokens")),
        out=given.get("out", ""),
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


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageError(f"gpus={text} is not a whole number from 1: correct it")
    return int(text)


def _positive(key: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{key}={text} is not a number over 0: correct it")
    return value
