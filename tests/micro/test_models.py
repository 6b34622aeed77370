"""The shipped base model: present, small, undamaged, and damage is seen."""

import json
import shutil
from pathlib import Path

import pytest

from harness.micro.models import model_dir, model_hash, verify_model
from harness.micro.sizes import SIZES
from harness.schema import HarnessError

LIMIT_BYTES = 20_000_000
"""Of the weights of all sizes together."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_dir(), tmp_path / "base"))


def test_shipped_models_are_undamaged_and_small() -> None:
    for size in SIZES:
        verify_model(model_dir(size))
    assert len({model_hash(size) for size in SIZES}) == len(SIZES)
    weights = [model_dir(size) / "model.safetensors" for size in SIZES]
    assert sum(path.stat().st_size for path in weights) < LIMIT_BYTES


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(HarnessError, match="expected one of micro_0_3m, micro_0_8m, micro_3m"):
        model_dir("micro_base")


def test_one_changed_byte_is_named_with_its_remedy(copy: Path) -> None:
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(HarnessError, match=r"model\.safetensors is damaged.*git checkout -- "):
        verify_model(copy)


def test_missing_and_surplus_files_are_errors(copy: Path) -> None:
    (copy / "surplus.bin").write_bytes(b"")
    with pytest.raises(HarnessError, match=r"surplus\.bin"):
        verify_model(copy)
    (copy / "surplus.bin").unlink()
    (copy / "tokenizer.json").unlink()
    with pytest.raises(HarnessError, match=r"tokenizer\.json is damaged: found sha256 no file"):
        verify_model(copy)


def test_an_unreadable_manifest_is_an_error(copy: Path) -> None:
    (copy / "manifest.json").write_text("{")
    with pytest.raises(HarnessError, match="manifest"):
        verify_model(copy)


@pytest.mark.parametrize("size", SIZES)
def test_manifest_says_how_the_model_was_made(size: str) -> None:
    manifest = json.loads((model_dir(size) / "manifest.json").read_text())
    assert manifest["command"].startswith(f"python -m harness.micro.pretrain out=<dir> size={size}")
    assert len(manifest["first_losses"]) == 20
    assert {"torch", "transformers", "tokenizers"} <= manifest["versions"].keys()
