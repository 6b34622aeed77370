import json
from pathlib import Path

import pytest
import yaml

from harness.schema import SCHEMA_VERSION, Attempt, DamagedError, RunRecord, Status, UsageError
from harness.store.files import write_json
from harness.store.records import (
    read_record,
    read_spec,
    record_document,
    spec_document,
    spec_from,
    spec_text,
)
from tests.cells import make_spec


def record() -> RunRecord:
    return RunRecord(
        cell_id="a" * 64,
        arm="kl=none",
        seed=1,
        ablation="kl_penalty",
        scale="micro",
        status=Status.FAILED,
        reason="died",
        attempts=[Attempt(number=0, status=Status.FAILED, reason="died", last_step=3)],
    )


def test_a_spec_survives_the_file_with_its_id(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(spec_text(make_spec("loss", 2)))
    again = spec_from(read_spec(path))
    assert again.cell_id == make_spec("loss", 2).cell_id == spec_document(again)["cell_id"]
    assert again.run_name == make_spec("loss", 2).run_name


def test_a_record_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, record_document(record()))
    assert read_record(path) == record()


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, None])
def test_another_version_is_refused(tmp_path: Path, version: int | None) -> None:
    path = tmp_path / "record.json"
    write_json(path, {**record_document(record()), "schema_version": version})
    with pytest.raises(UsageError, match=rf"has schema version {version}.*results_dir="):
        read_record(path)
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump({**spec_document(make_spec()), "schema_version": version}))
    with pytest.raises(UsageError, match=rf"spec.yaml has schema version {version}"):
        read_spec(spec)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "dead"},
        {"attempts": [{"number": 0, "color": 1}]},
        {"attempts": [{"number": 0, "status": "done", "last_step": "3"}]},
        {"attempts": [{"number": 0, "status": "done", "started": "yesterday"}]},
        {"attempts": 3},
        {"extra": 1},
        {"a\nb": 1},
        {"seed": True},
        {"seeds": {"training": None}},
    ],
)
def test_a_record_of_something_else_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**record_document(record()), **change}))
    with pytest.raises(DamagedError, match=r"record.json is not a record") as caught:
        read_record(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "it is nested more than 64 levels deep"),
        ('{"seed": ' + "9" * 400 + "}", "beyond 64 bits"),
        ('{"reason": "\\ud800"}', "half a surrogate pair"),
        ('{"seed": NaN}', "holds NaN"),
    ],
)
def test_a_record_that_is_no_plain_json_is_damage(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(DamagedError, match=said):
        read_record(path)


@pytest.mark.parametrize("change", [{"seed": "1"}, {"levels": [1]}, {"inputs": {}}])
def test_a_spec_of_another_form_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**spec_document(make_spec()), **change}))
    with pytest.raises(DamagedError, match=r"spec.yaml is not a spec"):
        read_spec(path)


def test_a_spec_that_is_not_yaml_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("a: [1,")
    with pytest.raises(DamagedError, match=r"spec.yaml cannot be read"):
        read_spec(path)
