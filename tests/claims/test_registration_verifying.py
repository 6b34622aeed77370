"""`python -m harness.claims verify`: every kind of inconsistency, and the same without it."""

from pathlib import Path

import numpy as np
import pytest

from harness.claims.__main__ import main
from harness.claims.hashing import config_hash
from harness.claims.verifying import CANNOT_SEE, remarks_text
from harness.metrics.tables import read_parquet, write_parquet
from harness.paths import BASELINES, ROOT
from harness.schema import ExitCode, content_hash
from harness.store.bundle import manifest_text, read_manifest
from harness.store.files import read_json, write_json
from tests.claims.laboratory import ABLATION, SCALE, Laboratory
from tests.synthetic_runs import Shape, make_cell, write_run

FOLDER = f"results/{SCALE}/{ABLATION}"


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    made = Laboratory(tmp_path / "checkout")
    runs = made.launch()
    made.store_results(runs)
    made.store_bundle(runs)
    made.commit("results")
    assert made.faults() == ""
    return made


def test_what_is_stored_here_is_consistent(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", f"results_dir={ROOT / 'results'}", f"baselines_dir={BASELINES}"]
    assert main(words) == ExitCode.OK
    text = capsys.readouterr().out
    assert "no inconsistency" in text and "What this cannot see" in text
    assert "15 of 15 runs hold no hash of a rule: exploratory" in text


def test_the_exit_code_says_whether_all_agree(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = [
        "verify",
        f"results_dir={lab.root / 'results'}",
        f"baselines_dir={lab.root}/baselines/runs",
    ]
    monkeypatch.setattr("harness.claims.__main__.ROOT", lab.root)
    assert main(words) == ExitCode.OK
    lab.lower_the_bar()
    assert main(words) == ExitCode.WORSE
    lab.git("checkout", "-q", "--", ".")
    (lab.root / ".git").rename(tmp_path / "taken away")
    assert main(words) == ExitCode.CANNOT_TELL
    assert main(["verify", "claim=f07c"]) == ExitCode.USAGE


def test_a_bundle_made_again_by_hand_disagrees_with_the_results(lab: Laboratory) -> None:
    directory = lab.root / "baselines/runs" / SCALE / ABLATION / "v1"
    manifest = read_manifest(directory)
    manifest["cells"][0]["started"] = "2001-01-01T00:00:00+00:00"
    manifest["digest"] = content_hash(manifest)
    (directory / "manifest.json").write_text(manifest_text(manifest))
    assert "has another started in micro/kl_penalty@v1" in lab.faults()


def test_a_bundle_whose_bytes_changed_is_a_fault(lab: Laboratory) -> None:
    path = lab.root / "baselines/runs" / SCALE / ABLATION / "v1" / "manifest.json"
    path.write_text(path.read_text().replace("done", "lost"))
    assert "was changed after it was stored" in lab.faults()


def test_curves_of_the_same_runs_that_differ_are_a_fault(lab: Laboratory) -> None:
    path = lab.root / FOLDER / "steps.parquet"
    steps = read_parquet(path)
    steps.loc[0, "value"] = np.nextafter(steps.loc[0, "value"], np.inf)
    write_parquet(steps, path, prefixed=())
    assert "the curves of the same runs have other values" in lab.faults()


def test_a_registration_dropped_from_one_place_is_a_fault(lab: Laboratory) -> None:
    path = lab.root / FOLDER / "runs.parquet"
    write_parquet(read_parquet(path).assign(registered=""), path, prefixed=())
    assert "registered rules in one of this and micro/kl_penalty@v1 alone" in lab.faults()


def test_a_rule_that_was_withdrawn_after_its_runs_is_a_fault(lab: Laboratory) -> None:
    lab.file.unlink()
    assert "registered a rule of f07c, and there is none any more" in lab.faults()


def test_a_changed_rule_is_no_fault_of_runs_that_nothing_is_judged_on(lab: Laboratory) -> None:
    lab.lower_the_bar()
    lab.commit("a rule for the next study")
    assert "was changed after" in lab.faults()
    runs = lab.launch(seeds=[21, 22], mark="b")
    lab.store_results(runs)
    lab.store_bundle(runs)
    lab.commit("the next study")
    assert lab.faults() == ""


def test_a_record_on_this_machine_that_says_other_rules_is_a_fault(lab: Laboratory) -> None:
    shape = Shape()
    cell = make_cell("none", 11, shape)
    write_run(lab.root / FOLDER, cell, shape)
    # a record without rules is one of before they were registered
    assert lab.faults() == ""
    note = {"rules": {"f07c": "0" * 64}, "judge": "", "config": config_hash(cell.config)}
    rewrite(lab, cell.run_name, note)
    runs = read_parquet(lab.root / FOLDER / "runs.parquet")
    runs.loc[0, "run_id"] = cell.run_name
    write_parquet(runs, lab.root / FOLDER / "runs.parquet", prefixed=())
    assert "do not say the same rules" in lab.faults()
    rewrite(lab, cell.run_name, {**note, "config": "0" * 64})
    assert "the hash of another config" in lab.faults()


def rewrite(lab: Laboratory, run_name: str, note: dict[str, object]) -> None:
    path = lab.root / FOLDER / "runs" / run_name / "record.json"
    document = read_json(path)
    document["provenance"]["registered"] = note
    write_json(path, document)


def test_a_run_that_began_before_its_commit_states_is_a_note(lab: Laboratory) -> None:
    assert "began before" not in lab.notes()
    runs = lab.launch(mark="b").assign(started="2001-01-01T00:00:00+00:00")
    lab.store_results(runs)
    assert "and began before, at 2001-01-01" in lab.notes()
    assert "began before" not in lab.faults()


def test_a_timestamp_that_was_not_checked_is_a_note(lab: Laboratory) -> None:
    lab.file.with_name(f"{lab.file.name}.ots").write_bytes(b"\x00OpenTimestamps")
    assert "cannot be checked offline, so it counts for nothing" in lab.notes()
    lab.file.with_name(f"{lab.file.name}.tsr").write_bytes(b"")
    assert "was not checked: HARNESS_TIMESTAMP_CA names no certificates" in lab.notes()


def test_the_limits_are_always_said() -> None:
    assert CANNOT_SEE in remarks_text([])
