from pathlib import Path
from typing import Any

import pytest

from harness.schema import UsageError
from harness.spec.config import SHADOW_LIST
from harness.spec.shadow import ABSENT, Replacement, ShadowList, read_list, replacements, shadow_of

RECIPE: dict[str, Any] = {
    "scale": "orz_7b",
    "model": {"name": "Qwen/Qwen2.5-7B"},
    "dataset": {"name": "orz_57k", "train_size": None},
    "environment": {"NCCL": "1"},
    "verl": {"lr": 1e-6, "batch": 128, "gpu": {"offload": True}, "dtype": "bfloat16"},
}
MICRO: dict[str, Any] = {
    "model": {"name": "micro_0_8m"},
    "dataset": {"name": "micro", "train_size": 64},
    "environment": {"VERL_PLATFORM": "cpu"},
    "verl": {"lr": 3e-4, "batch": 8, "dtype": "float32", "threads": 1},
}
KEYS = ["model", "dataset", "environment", "verl.dtype", "verl.gpu.offload", "verl.none.there"]
LIST = ShadowList.model_validate(
    {
        "micro": KEYS,
        "divided": {"verl.batch": {"by": 8}, "dataset.train_size": {"by": 4, "of_null": 512}},
        "set": {"verl.save": -1},
        "request": {"steps": 2, "seeds": 1},
    }
)


def test_only_what_the_list_names_is_replaced() -> None:
    made = shadow_of(RECIPE, MICRO, LIST)
    assert made["scale"] == "shadow_orz_7b"
    assert made["verl"] == {"lr": 1e-6, "batch": 16, "gpu": {}, "dtype": "float32", "save": -1}
    assert made["environment"] == {"VERL_PLATFORM": "cpu"}
    assert made["dataset"] == {"name": "micro", "train_size": 512}
    assert RECIPE["verl"]["gpu"] == {"offload": True}


def test_the_shadow_says_of_what_it_is_one() -> None:
    made = shadow_of(RECIPE, MICRO, LIST)
    assert made["shadow"] == {
        "of": "orz_7b",
        "model": RECIPE["model"],
        "data": RECIPE["dataset"],
    }


def test_replacements_tell_both_values() -> None:
    found = replacements(RECIPE, shadow_of(RECIPE, MICRO, LIST))
    assert Replacement("verl.batch", 128, 16) in found
    assert Replacement("verl.gpu.offload", True, ABSENT) in found
    assert Replacement("verl.save", ABSENT, -1) in found
    assert not any(item.key.startswith("shadow") or item.key == "verl.lr" for item in found)


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    recipe = {**RECIPE, "verl": {**RECIPE["verl"], "batch": 12}}
    with pytest.raises(UsageError, match=r"verl.batch=12 has no shadow.*multiple of 8"):
        shadow_of(recipe, MICRO, LIST)


def test_the_list_of_the_repository_is_read() -> None:
    replaced = read_list(SHADOW_LIST)
    assert "model" in replaced.micro and replaced.request["steps"] == 2


def test_a_list_that_divides_and_sets_one_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shadow.yaml"
    path.write_text("micro: []\ndivided: {a: {by: 2}}\nset: {a: 1}\nrequest: {}\n")
    with pytest.raises(UsageError, match="both divides and sets a"):
        read_list(path)
    path.write_text("micro: []\nset: {}\nrequest: {}\n")
    with pytest.raises(UsageError, match=r"shadow.yaml has no `divided`: add it"):
        read_list(path)
