from pathlib import Path

import pytest

from harness.micro import models
from harness.schema import DamagedError, UsageError
from harness.spec import inputs

SETTINGS = {
    "name": "micro_families",
    "train_size": 4,
    "eval_size": 2,
    "seed": 0,
    "families": "mixed",
}


def test_data_is_written_once_under_its_hash(tmp_path: Path) -> None:
    first = inputs.write_data(SETTINGS, tmp_path / "data")
    names = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    splits = ("train", "eval_easy", "eval_hard", "eval_transfer")
    assert set(names) == {f"{split}.parquet" for split in splits}
    assert first.name == inputs.data_hash(SETTINGS)[:16]
    assert inputs.write_data(SETTINGS, tmp_path / "data") == first
    assert names == {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert [path.name for path in (tmp_path / "data").iterdir()] == [first.name]


def test_other_data_has_another_hash() -> None:
    assert inputs.data_hash(SETTINGS) != inputs.data_hash({**SETTINGS, "seed": 1})
    assert inputs.data_hash(SETTINGS) != inputs.data_hash({**SETTINGS, "train_size": 5})
    assert inputs.data_hash(SETTINGS) != inputs.data_hash({**SETTINGS, "families": "search"})


def test_an_interrupted_write_leaves_no_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(directory: Path, **_: int) -> None:
        (directory / "train.parquet").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.micro.dataset.write_datasets", full)
    with pytest.raises(UsageError, match=r"cannot write the data set .*No space left"):
        inputs.write_data(SETTINGS, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown dataset 'maths'"):
        inputs.data_hash({**SETTINGS, "name": "maths"})
    with pytest.raises(UsageError, match="unknown model 'micro_08m': did you mean micro_0_8m"):
        inputs.model_dir({"name": "micro_08m"})


@pytest.mark.parametrize("group", ["dataset", "model"])
def test_the_first_world_is_told_apart_from_a_misspelt_name(group: str) -> None:
    of = {"dataset": inputs.data_hash, "model": inputs.model_dir}[group]
    with pytest.raises(UsageError, match=r"is of the first micro-world .* no longer") as caught:
        of({**SETTINGS, "name": inputs.GONE[group]})
    assert "micro_families" in str(caught.value) or "micro_0_8m" in str(caught.value)
    with pytest.raises(UsageError, match=f"unknown {group}"):
        of({**SETTINGS, "name": f"{inputs.GONE[group]}x"})


def test_a_missing_base_model_names_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "model_dir", lambda _: tmp_path)
    with pytest.raises(DamagedError, match=r"manifest .* cannot be read"):
        inputs.model_hash({"name": "micro_0_8m"})
