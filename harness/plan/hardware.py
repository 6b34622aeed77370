"""GPUs that a plan can be made for, from gpus.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.cli import suggest
from harness.schema import UsageError
from harness.typed import Form, read_form

FILE = Path(__file__).with_name("gpus.yaml")
NUMBERS = ("memory_gib", "peak_tflops", "hbm_tb_s", "nvlink_gb_s", "network_gb_s", "gpus_per_node")


class Number(Form):
    """A number with the place where it stands."""

    value: float
    source: str


class GpuEntry(Form):
    """One GPU of gpus.yaml; the units are said there."""

    name: str
    memory_gib: Number
    peak_tflops: Number
    hbm_tb_s: Number
    nvlink_gb_s: Number
    network_gb_s: Number
    gpus_per_node: Number

    @property
    def numbers(self) -> dict[str, float]:
        """Name -> number, those of `NUMBERS`."""
        return {name: float(getattr(self, name).value) for name in NUMBERS}


class _File(Form):
    gpus: Mapping[str, GpuEntry]


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
    value = known[key].numbers
    return Gpu(
        key=key,
        name=known[key].name,
        memory_bytes=value["memory_gib"] * 2**30,
        flops=value["peak_tflops"] * 1e12,
        hbm=value["hbm_tb_s"] * 1e12,
        # data sheets give the sum of both directions
        nvlink=value["nvlink_gb_s"] * 1e9 / 2,
        network=value["network_gb_s"] * 1e9,
        gpus_per_node=int(value["gpus_per_node"]),
    )


@cache
def gpu_entries() -> Mapping[str, GpuEntry]:
    """Return every entry of gpus.yaml."""
    return read_form(_File, FILE).gpus
