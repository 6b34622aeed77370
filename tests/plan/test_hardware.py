import re

import pytest

from harness.plan.hardware import NUMBERS, GpuEntry, gpu_entries, read_gpu
from harness.schema import DamagedError, UsageError
from harness.typed import checked


def test_every_number_of_a_gpu_has_a_source() -> None:
    assert set(gpu_entries()) == {"h100", "h800", "a100", "h20"}
    entries = [entry.model_dump() for entry in gpu_entries().values()]
    assert all(entry[number]["source"].strip() for entry in entries for number in NUMBERS)


def test_a_number_without_source_is_refused() -> None:
    entry = {**gpu_entries()["h100"].model_dump(), "hbm_tb_s": {"value": 3.35}}
    with pytest.raises(DamagedError, match=r"`hbm_tb_s` of gpus.yaml has no `source`: add it"):
        checked(GpuEntry, entry, "gpus.yaml")


def test_units_are_those_of_the_formulas() -> None:
    gpu = read_gpu("h800")
    assert (gpu.flops, gpu.hbm, gpu.nvlink, gpu.network) == (989e12, 3.35e12, 200e9, 50e9)
    assert gpu.memory_bytes == 79.65 * 2**30


def test_an_unknown_gpu_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match=re.escape("unknown gpu 'h8000': did you mean h800")):
        read_gpu("h8000")
