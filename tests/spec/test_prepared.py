import json
from hashlib import sha256
from pathlib import Path

import pytest

from harness.schema import DamagedError, UsageError
from harness.spec import prepared

MODEL = {"name": "Qwen/Qwen2.5-7B", "revision": None}
DATA = {"name": "orz_57k", "train_size": None}


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv(prepared.MODELS_VARIABLE, str(tmp_path / "models"))


def test_a_model_is_found_in_the_own_directory_and_in_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "hf" / "hub" / "models--Qwen--Qwen2.5-7B"
    write(cache / "snapshots" / "abc" / "config.json")
    assert prepared.find_model(MODEL) is None
    write(cache / "refs" / "main", "abc\n")
    assert prepared.find_model(MODEL) == cache / "snapshots" / "abc"
    assert prepared.find_model({**MODEL, "revision": "abd"}) is None
    own = write(tmp_path / "models" / "Qwen2.5-7B" / "config.json").parent
    assert prepared.find_model(MODEL) == own


def test_the_fingerprint_sees_names_sizes_and_both_ends(tmp_path: Path) -> None:
    big = tmp_path / "m" / "weights"
    big.parent.mkdir()
    big.write_bytes(bytes(3 << 20))
    first = prepared.fingerprint(big.parent)
    assert first == prepared.fingerprint(big.parent)
    for position in (0, (3 << 20) - 1):
        changed = bytearray(3 << 20)
        changed[position] = 1
        big.write_bytes(changed)
        assert prepared.fingerprint(big.parent) != first
    big.write_bytes(bytes(3 << 20))
    big.rename(big.with_name("other"))
    assert prepared.fingerprint(big.parent) != first


def test_what_is_not_here_can_be_planned_and_not_run() -> None:
    assert prepared.model_identity(MODEL) == "absent"
    assert prepared.data_identity(DATA) == "absent"
    with pytest.raises(UsageError, match=r"Qwen/Qwen2.5-7B is not on this machine"):
        prepared.require_model(MODEL)
    with pytest.raises(UsageError, match="orz_57k is not prepared"):
        prepared.require_data(DATA)


def test_prepared_data_is_compared_with_its_manifest(tmp_path: Path) -> None:
    file = write(tmp_path / "data" / "orz_57k" / "train.parquet", "rows")
    manifest = {"sha256": {"train.parquet": sha256(b"rows").hexdigest()}}
    write(file.with_name("manifest.json"), json.dumps(manifest))
    assert prepared.require_data(DATA) == file.parent
    assert len(prepared.data_identity(DATA)) == 64
    file.write_text("other rows")
    with pytest.raises(DamagedError, match=r"train\.parquet is damaged"):
        prepared.require_data(DATA)
    file.with_name("manifest.json").write_text("{}")
    with pytest.raises(DamagedError, match="cannot be read"):
        prepared.data_identity(DATA)


def test_a_part_of_a_data_set_lies_apart(tmp_path: Path) -> None:
    part = prepared.data_directory({**DATA, "train_size": 7500})
    assert part == tmp_path / "data" / "orz_57k-7500"
