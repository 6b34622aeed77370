"""GPUs that a plan can be made for, from gpus.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.cli import suggest
from harness.schema import UsageError

FILE = Path(__file__).with_name("gpus.yaml")
NUMBERS = ("memory_gib", "peak_tflops", "hbm_tb_s", "nvlink_gb_s", "network_gb_s", "gpus_per_node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One kind of GPU.

    Attributes:
        key: as on the command line.
        name: of the product.
        memory_bytes: that a process can see [B].
        flops: BF16 matrix products without sparsity [FLOP/s].
        hbm: bandwidth of its memory [B/s].
        nvlink: to the GPUs of its node, one direction [B/s].
        network: to other nodes, one direction [B/s].
        gpus_per_node: of the usual machine.
    """

    key: str
    name: str
    memory_bytes: float
    flops: float
    hbm: float
    nvlink: float
    network: float
    gpus_per_node: int


def read_gpu(key: str) -> Gpu:
    """Return one GPU.

    Raises:
        UsageError: it is not in gpus.yaml.
    """
    known = gpu_entries()
    if key not in known:
        raise UsageError(
            f"unknown gpu {key!r}: {suggest(key, list(known))} (harness/plan/gpus.yaml)"
        )
    entry = known[key]
    value = {number: float(entry[number]["value"]) for number in NUMBERS}
    return Gpu(
        key=key,
        name=entry["name"],
        memory_bytes=value["memory_gib"] * 2**30,
        flops=value["peak_tflops"] * 1e12,
        hbm=value["hbm_tb_s"] * 1e12,
        nvlink=value["nvlink_gb_s"] * 1e9 / 2,
        network=value["network_gb_s"] * 1e9,
        gpus_per_node=int(value["gpus_per_node"]),
    )


@cache
def gpu_entries() -> dict[str, dict[str, Any]]:
    """Return every entry of gpus.yaml: name, and value and source of each number."""
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8"))["gpus"])
