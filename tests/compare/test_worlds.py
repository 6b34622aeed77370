"""Runs of the first micro-world are readable, named by their world, and compared with no other."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.making import store_bundle
from harness.compare.band import compare_with_bundle, compare_with_latest, placements_text
from harness.compare.comparability import NotComparableError, check_comparability
from harness.compare.comparison import compare_sides
from harness.compare.effects import Settings
from harness.compare.sides import Side, side_of
from harness.metrics.tables import protocol_items
from harness.paths import BASELINES
from harness.report.document import document
from harness.report.results import Results
from harness.report.stored import collect_results
from harness.schema import CellSpec, ExitCode
from harness.spec import config as configs
from harness.spec.ablation import load_ablation
from harness.spec.inputs import MICRO_DATASET
from harness.spec.study import make_study
from harness.store.bundle import bundle_names, find_bundle, read_bundle
from harness.store.data_names import (
    FIRST_WORLD,
    PRESENT_WORLD,
    WORLDS,
    data_names,
    study_world,
)
from harness.store.records import spec_document
from tests.synthetic_runs import Shape, make_cells, write_study

SHAPE = Shape(steps=40, every=20, questions=6)
STORED = "micro/kl_penalty@v3"
OLD = {f"micro/kl_penalty@v{n}" for n in (1, 2, 3)} | {f"micro/maxrl@v{n}" for n in (1, 2)}
"""Baselines of the first world."""
FIRST = "micro (first world: chains alone)"


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


def of_world(cell: CellSpec, data: str) -> CellSpec:
    return replace(
        cell, config={**cell.config, "dataset": {**cell.config["dataset"], "name": data}}
    )


def results_of(base: Path, data: str = MICRO_DATASET) -> Results:
    """Invented runs of the KL ablation, as long as the stored ones."""
    root = base / "micro" / "kl_penalty"
    cells = [of_world(cell, data) for cell in make_cells(shape=SHAPE)]
    return collect_results(root, root, write_study(root, cells, SHAPE), load_ablation("kl_penalty"))


@pytest.fixture(scope="module")
def stored() -> Side:
    return side_of(read_bundle(find_bundle(STORED, BASELINES)), "kl=none", "baseline")


def test_the_worlds_have_names_and_the_newest_is_the_one_that_is_made() -> None:
    assert list(WORLDS) == [FIRST_WORLD, PRESENT_WORLD]
    assert PRESENT_WORLD == MICRO_DATASET
    arms = [{"config": {"dataset.name": name}} for name in (MICRO_DATASET, "orz_57k")]
    assert data_names({"arms": {"a": arms[0], "b": arms[1], "c": arms[0]}}) == (
        "micro_families, orz_57k"
    )
    assert study_world({"arms": {"a": arms[0]}}) == WORLDS[MICRO_DATASET]
    assert study_world({"arms": {"a": arms[1]}}) == study_world({"arms": {"a": {}}}) == ""
    assert data_names({"arms": {"a": {}}}) == "-"


def test_list_and_show_say_the_world_of_every_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = bundle_names(BASELINES)
    assert baseline.main(["list"]) == ExitCode.OK
    listed = capsys.readouterr().out
    world_of = {name: FIRST if name in OLD else MICRO_DATASET for name in names}
    assert set(world_of.values()) == {FIRST, MICRO_DATASET}
    assert listed.count(FIRST) == list(world_of.values()).count(FIRST)
    for name in names:
        assert baseline.main(["show", f"name={name}"]) == ExitCode.OK
        shown = capsys.readouterr().out.splitlines()
        assert [line.split(maxsplit=2)[2] for line in shown if line.startswith("data set ")] == [
            world_of[name]
        ]

    # a study of today is not taken for one of them
    store_bundle(results_of(tmp_path / "new"), tmp_path / "b" / "micro" / "kl_penalty")
    assert baseline.main(["list", f"baselines_dir={tmp_path / 'b'}"]) == ExitCode.OK
    listed = capsys.readouterr().out
    assert MICRO_DATASET in listed and "first world" not in listed


def test_a_report_says_its_data(tmp_path: Path) -> None:
    assert "; data: micro_families. Made by" in document(results_of(tmp_path / "new"))
    assert f"; data: {FIRST}. Made by" in document(results_of(tmp_path / "old", FIRST_WORLD))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Baselines of the first world alone."""
    folder = tmp_path / "baselines"
    shutil.copytree(
        BASELINES / "micro" / "kl_penalty" / "v3", folder / "micro" / "kl_penalty" / "v3"
    )
    return folder


def test_a_run_of_today_is_not_placed_beside_the_first_world(tmp_path: Path, old: Path) -> None:
    """The last lines of `make run` as long as no study of today's world is stored."""
    placements = compare_with_latest(results_of(tmp_path), old)
    assert placements is not None
    assert placements.baseline == STORED
    assert placements.exit_code == ExitCode.NOT_COMPARABLE
    assert placements.rows == []
    text = placements_text(placements)
    assert (
        "kl=none, kl=loss, kl=reward are not comparable: the stored runs are of the first"
        " micro-world (chains alone), yours of the micro-world of today" in text
    )
    assert "harness.baseline save ablation=kl_penalty" in text
    assert text.count("not comparable") == 1


def test_within_one_world_runs_are_placed(tmp_path: Path, old: Path) -> None:
    for data in WORLDS:
        results = results_of(tmp_path / data, data)
        store_bundle(results, tmp_path / data / "b")
        placements = compare_with_bundle(results, read_bundle(tmp_path / data / "b" / "v1"))
        assert placements.exit_code == ExitCode.OK
        assert {row.place for row in placements.rows} == {"inside"}
    # and runs of the first world that differ in something else are told that
    other = compare_with_latest(results_of(tmp_path / "old", FIRST_WORLD), old)
    assert other is not None
    assert "it differs from the stored study in" in placements_text(other)
    assert "micro-world" not in placements_text(other)


@pytest.mark.parametrize(
    ("key", "is_placed"),
    [("environment.HARNESS_WARM", True), ("verl.algorithm.lam", False), ("verl.new_key", False)],
)
def test_what_makes_a_cell_faster_keeps_its_runs_comparable(
    key: str, is_placed: bool, tmp_path: Path
) -> None:
    results = results_of(tmp_path / "new")
    store_bundle(results, tmp_path / "b")
    bundle = read_bundle(tmp_path / "b" / "v1")
    for arm in bundle.manifest["protocol"]["arms"].values():
        arm["config"][key], arm["hash"] = "another value", "another hash"
    placements = compare_with_bundle(results, bundle)
    assert (placements.exit_code == ExitCode.OK) == is_placed
    assert (key in placements_text(placements)) != is_placed


def test_a_cell_of_today_differs_from_the_stored_runs_in_all_that_is_measured(stored: Side) -> None:
    cell = make_study(["ablation=kl_penalty", "seeds=1"]).cells[0]
    config = protocol_items(spec_document(cell))
    other = replace(stored, config=config, protocol={**stored.protocol, "model": cell.inputs.model})
    first, *reasons = check_comparability(other, stored).reasons
    assert first.startswith("micro-world: the candidate is of the micro-world of today")
    assert "the baseline of the first micro-world (chains alone)" in first
    assert any(
        "(evaluation.name): micro_families in the candidate, micro in the baseline" in reason
        for reason in reasons
    )
    for what in ("initial model", "truncation lengths"):
        assert any(reason.startswith(what) for reason in reasons)
    with pytest.raises(NotComparableError, match=r"1\. micro-world") as caught:
        compare_sides(other, stored, Settings(level=0.95, margin=None, metric=""))
    assert caught.value.exit_code is ExitCode.NOT_COMPARABLE


@pytest.mark.parametrize("data", [FIRST_WORLD, "orz_57k", None])
def test_a_side_of_the_same_world_or_of_none_is_not_told_of_worlds(stored: Side, data: Any) -> None:
    kept = {key: value for key, value in stored.config.items() if key != "dataset.name"}
    named = {} if data is None else {"dataset.name": data}
    other = replace(stored, config={**kept, **named})
    assert not any("micro-world" in reason for reason in check_comparability(other, stored).reasons)
