"""The shipped base model: present, small, undamaged, and damage is seen."""

import json
import shutil
from pathlib import Path

import pytest

from harness.micro.base_model import base_model_dir, base_model_hash, verify_base_model
from harness.schema import HarnessError

SIZE_LIMIT_BYTES = 5_000_000
PAY_RATIO = 4
"""How many times as often a worked answer must be right as a direct one (measured: 4.4).

The aim of a worked accuracy of 0.85 was not reached; docs/lab/0001 says why.
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(base_model_dir(), tmp_path / "base"))


def test_shipped_model_is_undamaged_and_small() -> None:
    verify_base_model(base_model_dir())
    assert (base_model_dir() / "model.safetensors").stat().st_size < SIZE_LIMIT_BYTES
    assert len(base_model_hash()) == 64


def test_one_changed_byte_is_named_with_its_remedy(copy: Path) -> None:
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(HarnessError, match=r"model\.safetensors is damaged.*git checkout -- "):
        verify_base_model(copy)


def test_missing_and_surplus_files_are_errors(copy: Path) -> None:
    (copy / "surplus.bin").write_bytes(b"")
    with pytest.raises(HarnessError, match=r"surplus\.bin"):
        verify_base_model(copy)
    (copy / "surplus.bin").unlink()
    (copy / "tokenizer.json").unlink()
    with pytest.raises(HarnessError, match=r"tokenizer\.json is damaged: found sha256 no file"):
        verify_base_model(copy)


def test_an_unreadable_manifest_is_an_error(copy: Path) -> None:
    (copy / "manifest.json").write_text("{")
    with pytest.raises(HarnessError, match="manifest"):
        verify_base_model(copy)


def test_manifest_says_how_the_model_was_made() -> None:
    manifest = json.loads((base_model_dir() / "manifest.json").read_text())
    assert manifest["command"].startswith("python -m harness.micro.pretrain out=")
    assert len(manifest["first_losses"]) == 20
    assert {"torch", "transformers", "tokenizers"} <= manifest["versions"].keys()


def test_reasoning_pays_for_the_base_model() -> None:
    manifest = json.loads((base_model_dir() / "manifest.json").read_text())
    assert pays(manifest["base_statistics"]["eval_easy"])


def test_reasoning_does_not_pay_where_direct_answers_are_as_good() -> None:
    manifest = json.loads((base_model_dir() / "manifest.json").read_text())
    easy = manifest["base_statistics"]["eval_easy"]
    assert not pays(easy | {"direct_accuracy": easy["worked_accuracy"]})


def pays(easy: dict[str, float]) -> bool:
    """Mixed styles and imperfect format, and worked answers far more often right."""
    return (
        0.20 <= easy["accuracy"] <= 0.35
        and 0.60 <= easy["format"] <= 0.80
        and easy["direct_share"] >= 0.55
        and easy["direct_accuracy"] <= 0.15
        and easy["worked_accuracy"] >= PAY_RATIO * easy["direct_accuracy"]
    )
