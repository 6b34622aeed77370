import re

import pytest

from harness.plan.hardware import NUMBERS, gpu_entries, read_gpu
from harness.schema import UsageError


def unsourced(entries: dict[str, dict[str, object]]) -> list[str]:
    """Name the numbers that have no source."""
    return [
        f"{key}.{number}"
        for key, entry in entries.items()
        for number in NUMBERS
        if not (
            isinstance(entry.get(number), dict) and str(entry[number].get("source", "")).strip()
        )
    ]


def test_every_number_of_a_gpu_has_a_source() -> None:
    assert set(gpu_entries()) == {"h100", "h800", "a100", "h20"}
    assert unsourced(gpu_entries()) == []


def test_a_number_without_source_is_found() -> None:
    entries = {"x": {**gpu_entries()["h100"], "hbm_tb_s": {"value": 3.35}}}
    assert unsourced(entries) == ["x.hbm_tb_s"]


def test_units_are_those_of_the_formulas() -> None:
    gpu = read_gpu("h800")
    assert (gpu.flops, gpu.hbm, gpu.nvlink, gpu.network) == (989e12, 3.35e12, 200e9, 50e9)
    assert gpu.memory_bytes == 79.65 * 2**30


def test_an_unknown_gpu_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match=re.escape("unknown gpu 'h8000': did you mean h800")):
        read_gpu("h8000")
