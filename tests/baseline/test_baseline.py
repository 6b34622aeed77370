import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.making import bundle_of, store_bundle
from harness.compare import __main__ as compare
from harness.compare.band import (
    Placement,
    compare_with_bundle,
    compare_with_latest,
    placements_text,
    print_placements,
)
from harness.paths import BASELINES
from harness.report.results import Results
from harness.report.stored import collect_results
from harness.schema import DamagedError, ExitCode, Status, UsageError
from harness.store.bundle import bundle_names, find_bundle, read_bundle, versions
from harness.store.ledger import RunStore
from tests.synthetic_runs import DOCUMENT, PROVENANCE, Shape, make_cells, write_run, write_study

SHAPE = Shape()
FILES = ("manifest.json", "curves.parquet", "scores.parquet")


def results_of(
    base: Path, shape: Shape = SHAPE, *, seeds: tuple[int, ...] = (1, 2, 3), partial: str = ""
) -> Results:
    root = base / "micro" / "invented"
    cells = write_study(root, make_cells(seeds=seeds, shape=shape), shape)
    out = root / "partial" / partial if partial else root
    return collect_results(root, out, cells, DOCUMENT)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return results_of(tmp_path_factory.mktemp("results"))


@pytest.fixture
def stored(study: Results, tmp_path: Path) -> Path:
    folder = tmp_path / "micro" / "invented"
    store_bundle(study, folder)
    return folder


def test_a_stored_study_is_read_back_whole(study: Any, stored: Path) -> None:
    bundle = read_bundle(stored / "v1")

    assert bundle.name == "micro/invented@v1"
    assert sorted(path.name for path in (stored / "v1").iterdir()) == sorted(FILES)
    assert len(bundle.curves) == len(study.tables.steps)
    # two splits of 8 questions, 9 runs; 4 samples of each
    assert len(bundle.scores) == 2 * 8 * 9
    assert set(bundle.scores["samples"]) == {4}
    assert set(bundle.scores["right"].str.len()) == {4}
    assert bundle.scores["row_id"].is_unique
    known = study.finals[study.finals["metric"] == "reward"]["value"]
    assert list(bundle.finals(["reward"])["value"]) == pytest.approx(list(known))
    manifest = bundle.manifest
    assert manifest["commits"] == ["a" * 40]
    assert manifest["protocol"]["steps"] == 12
    assert manifest["seeds"] == [1, 2, 3]
    assert len(manifest["cells"]) == 9


def test_a_bundle_says_nothing_of_the_machine_that_made_it(study: Results) -> None:
    command = "python -m harness.run ablation=invented results_dir=/home/me/r 'seeds=[1,2,3]'"
    made = bundle_of(replace(study, study=replace(study.study, command=command)), "invented")
    expected = "python -m harness.run ablation=invented 'seeds=[1,2,3]'"
    assert made.manifest["command"] == expected


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_is_found(stored: Path, name: str) -> None:
    read_bundle(stored / "v1")
    path = stored / "v1" / name
    data = bytearray(path.read_bytes())
    place = len(data) // 2
    data[place] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(DamagedError, match=name.replace(".", r"\.")):
        read_bundle(stored / "v1")


def test_a_bundle_keeps_what_its_runs_registered(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = {"rules": {"f1": "a"}, "judge": "j", "config": "c"}
    monkeypatch.setitem(PROVENANCE, "registered", note)
    new = read_bundle(store_bundle(results_of(tmp_path / "results"), tmp_path / "micro" / "new"))
    for cell in new.manifest["cells"]:
        assert (cell["registered"], cell["judge"]) == ('{"f1": "a"}', "j")
        assert (cell["commit"], cell["dirty"]) == ("a" * 40, "no")
    # tables of before have no such columns
    runs = study.tables.runs.drop(columns=["registered", "judge"])
    old = replace(study, tables=replace(study.tables, runs=runs))
    cells = bundle_of(old, "old").manifest["cells"]
    assert not any("registered" in cell for cell in cells)


def test_a_missing_file_is_found(stored: Path) -> None:
    (stored / "v1" / "scores.parquet").unlink()
    with pytest.raises(DamagedError, match="no file"):
        read_bundle(stored / "v1")
    (stored / "v1" / "manifest.json").unlink()
    with pytest.raises(DamagedError, match="manifest"):
        read_bundle(stored / "v1")


def test_the_same_runs_are_stored_once_and_nothing_is_overwritten(study: Any, stored: Path) -> None:
    before = {path.name: path.read_bytes() for path in (stored / "v1").iterdir()}
    with pytest.raises(UsageError, match="already"):
        store_bundle(study, stored)

    assert {path.name: path.read_bytes() for path in (stored / "v1").iterdir()} == before
    assert [path.name for path in stored.iterdir()] == ["v1"]


def test_another_study_becomes_the_next_version(stored: Path, tmp_path: Path) -> None:
    other = results_of(tmp_path / "other", Shape(questions=9))

    assert store_bundle(other, stored).name == "v2"
    assert versions(stored) == [1, 2]
    assert find_bundle("micro/invented", tmp_path).name == "v2"
    assert find_bundle("micro/invented@v1", tmp_path).name == "v1"
    assert bundle_names(tmp_path)[:2] == ["micro/invented@v1", "micro/invented@v2"]
    with pytest.raises(UsageError, match="micro/invented@v1"):
        find_bundle("micro/invented@v3", tmp_path)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"commit": "absent", "dirty": "absent"}, "unknown"),
        ({"commit": "a" * 40, "dirty": "yes"}, "differs from its commit"),
        ({}, "unknown"),
    ],
)
def test_unknown_or_changed_code_is_refused_unless_told_why(
    tmp_path: Path, code: Any, said: Any
) -> None:
    root = tmp_path / "micro" / "invented"
    cells = write_study(root, make_cells(seeds=(1,), shape=SHAPE), SHAPE)
    path = RunStore(root).run_dir(cells[0]) / "record.json"
    record = json.loads(path.read_text())
    record["provenance"]["code"] = code
    path.write_text(json.dumps(record))
    results = collect_results(root, root, cells, DOCUMENT)

    with pytest.raises(UsageError, match=said):
        store_bundle(results, tmp_path / "b" / "c")
    assert not (tmp_path / "b").exists()
    manifest = read_bundle(store_bundle(results, tmp_path / "b" / "c", because="a trial")).manifest
    assert manifest["because"] == "a trial"
    assert said in manifest["objections"][0]


def test_partial_and_unfinished_studies_are_refused(tmp_path: Path) -> None:
    partial = results_of(tmp_path / "a", seeds=(1,), partial="seeds=1")
    with pytest.raises(UsageError, match="only seeds=1"):
        store_bundle(partial, tmp_path / "b" / "c")

    root = tmp_path / "d" / "micro" / "invented"
    cells = make_cells(seeds=(1,), shape=SHAPE)
    write_study(root, cells[:2], SHAPE)
    write_run(root, cells[2], SHAPE, status=Status.FAILED, reason="died")
    with pytest.raises(UsageError, match="is failed"):
        store_bundle(collect_results(root, root, cells, DOCUMENT), tmp_path / "b" / "c")


def test_a_run_of_the_stored_study_lies_inside(stored: Path, tmp_path: Path) -> None:
    one = results_of(tmp_path / "new", seeds=(1,), partial="seeds=1")
    comparison = compare_with_bundle(one, read_bundle(stored / "v1"))

    assert comparison.exit_code == ExitCode.OK
    assert len(comparison.rows) == 3 * 4
    assert {row.place for row in comparison.rows} == {"inside"}
    assert all(row.same_seed == pytest.approx(row.value) for row in comparison.rows)
    assert all(row.stored_min <= row.value <= row.stored_max for row in comparison.rows)
    text = placements_text(comparison)
    assert "kl=none, seed 1: your run lies inside the band of the stored seeds" in text
    assert "From 3 seeds it is wide" in text


def test_a_run_that_learns_otherwise_lies_outside(stored: Path, tmp_path: Path) -> None:
    broken = Shape(reach={"none": 0.2, "loss": 0.5, "reward": 0.4})
    one = results_of(tmp_path / "new", broken, seeds=(4,), partial="seeds=4")
    comparison = compare_with_bundle(one, read_bundle(stored / "v1"))
    places = {(row.arm, row.metric): row.place for row in comparison.rows}

    assert places["kl=none", "accuracy_hard"] == "outside"
    assert places["kl=loss", "accuracy_hard"] == "inside"
    assert "your run lies outside" in placements_text(comparison)
    assert all(math.isnan(row.same_seed) for row in comparison.rows)


def test_other_steps_or_another_config_are_not_comparable(stored: Path, tmp_path: Path) -> None:
    bundle = read_bundle(stored / "v1")
    quick = compare_with_bundle(results_of(tmp_path / "q", Shape(steps=3), seeds=(1,)), bundle)
    assert quick.exit_code == ExitCode.NOT_COMPARABLE
    assert "3 training steps, the stored study 12" in placements_text(quick)

    other = compare_with_bundle(results_of(tmp_path / "o", Shape(questions=9), seeds=(1,)), bundle)
    assert other.exit_code == ExitCode.NOT_COMPARABLE
    assert "dataset.eval_size" in other.reasons["kl=none"]


def test_a_band_needs_two_stored_seeds_that_differ() -> None:
    base: dict[str, Any] = {
        "arm": "a",
        "seed": 1,
        "metric": "reward",
        "stored_min": 0.0,
        "stored_max": 0.0,
    }
    more: dict[str, Any] = {"same_seed": math.nan, "stored_seeds": 3}

    def place(value: float, low: float, high: float) -> str:
        return Placement(**base, **more, value=value, low=low, high=high).place

    assert place(0.5, 0.4, 0.6) == "inside"
    assert place(0.7, 0.4, 0.6) == "outside"
    assert place(0.7, math.nan, math.nan) == "cannot tell"
    assert place(math.nan, 0.4, 0.6) == "cannot tell"
    assert place(0.5, 0.5, 0.5) == "inside"
    assert place(0.6, 0.5, 0.5) == "cannot tell"


def test_no_stored_study_is_said(
    study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare_with_latest(study, tmp_path) is None
    print_placements(None)
    assert "no stored study" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["stroe", "ablation=x"], ["save"], ["save", "ablation=nope"]])
def test_a_wrong_command_line_of_baseline_is_told_in_one_line(
    words: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert baseline.main(words) == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 1


def test_verify_names_every_baseline(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert baseline.main(["verify", f"baselines_dir={tmp_path}"]) == ExitCode.OK
    assert "micro/invented@v1  3 arms, seeds 1, 2, 3: intact" in capsys.readouterr().out
    (stored / "v1" / "curves.parquet").write_bytes(b"")
    assert baseline.main(["verify", f"baselines_dir={tmp_path}"]) == ExitCode.USAGE


def test_verify_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (tmp_path, tmp_path / "mistyped"):
        assert baseline.main(["verify", f"baselines_dir={place}"]) == ExitCode.USAGE
        said = capsys.readouterr()
        assert said.out == "" and f"no baseline is stored below {place}" in said.err


@pytest.mark.parametrize("name", ["v02", "v0", "v", "V1", "v1.bak", "v\u0661"])
def test_verify_tells_what_stands_among_the_versions_and_is_none(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (stored / "v1").rename(stored / name)
    assert baseline.main(["verify", f"baselines_dir={tmp_path}"]) == ExitCode.USAGE
    assert f"{stored / name} was not read: a version is named v1, v2" in capsys.readouterr().err


def test_compare_without_a_baseline_names_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ablation=kl_penalty", f"baselines_dir={tmp_path}"]
    assert compare.main(words) == ExitCode.USAGE
    assert "none yet" in capsys.readouterr().err


def test_every_stored_baseline_of_the_repository_is_intact_and_of_known_code() -> None:
    for name in bundle_names(BASELINES):
        bundle = read_bundle(find_bundle(name, BASELINES))
        assert bundle.manifest["because"] or not bundle.manifest["is_dirty"]
