import copy
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.plots import curve_figure
from harness.report.__main__ import main
from harness.report.console import summary
from harness.report.document import document as report_text
from harness.report.figures import panel_of
from harness.report.results import Results, arm_order
from harness.report.stored import (
    collect_results,
    has_runs,
    read_results,
    stored_cells,
    write_report,
    write_results,
)
from harness.schema import CellSpec, DamagedError, Status, UsageError
from harness.store.ledger import RunStore
from tests.synthetic_runs import (
    DOCUMENT,
    Shape,
    make_cells,
    write_run,
    write_study,
)

SHAPE = Shape()
FILES = {
    "study.json",
    "runs.parquet",
    "steps.parquet",
    "samples.parquet",
    "effects.csv",
    "verdicts.json",
    "REPORT.md",
    "report.html",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CellSpec], Results]:
    root = tmp_path_factory.mktemp("results") / "micro" / "invented"
    cells = write_study(root, shape=SHAPE)
    return root, cells, write_results(root, root, cells, DOCUMENT, command="the command")


def effects_of(root: Path) -> dict[str, dict[str, str]]:
    with (root / "effects.csv").open() as file:
        return {row["row_id"]: row for row in csv.DictReader(file)}


def test_all_files_are_written(study: Any) -> None:
    root, _, results = study

    assert {path.name for path in root.iterdir() if path.is_file()} == FILES
    names = {path.name for path in (root / "figures").iterdir()}
    assert names == {f"{m}{e}" for m in ("overview", *results.metrics) for e in (".svg", ".png")}


def test_writing_again_changes_no_byte_and_not_the_global_generator(study: Any) -> None:
    root, cells, _ = study
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    write_results(root, root, cells, DOCUMENT, command="the command")

    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_effects_are_differences_paired_by_seed(study: Any) -> None:
    root, _, results = study
    effect = effects_of(root)["accuracy_easy:kl=loss"]
    finals = results.finals[results.finals["metric"] == "accuracy_easy"]
    by_run = {(row.arm, row.seed): row.value for row in finals.itertuples()}
    gains = [by_run["kl=loss", seed] - by_run["kl=none", seed] for seed in (1, 2, 3)]

    assert [float(x) for x in effect["differences"].split()] == pytest.approx(gains, abs=1e-5)
    assert float(effect["estimate"]) == pytest.approx(np.mean(gains), abs=1e-6)
    assert (effect["n_seeds"], effect["control"], effect["seeds"]) == ("3", "kl=none", "1 2 3")
    assert effect["unit"] == "fraction"
    assert int(effect["bootstrap_draws"]) >= 2000


def test_the_report_says_what_must_be_said(study: Any) -> None:
    root, _, results = study
    text = (root / "REPORT.md").read_text()

    for words in ("the command", "kl_coef", "verl", "kl=reward"):
        assert words in text
    for run_id in results.tables.runs["run_id"]:
        assert run_id in text
    assert "Too little" not in text
    assert text.count("Source: ") >= 9


def test_every_table_of_the_report_is_aligned(study: Any) -> None:
    root, _, _ = study
    blocks, block = [], []
    for line in (root / "REPORT.md").read_text().splitlines():
        if line.startswith("|"):
            block.append(len(line))
        elif block:
            blocks.append(set(block))
            block = []

    assert len(blocks) >= 7
    assert all(len(widths) == 1 for widths in blocks)


def test_less_than_the_study_is_labelled_and_leaves_the_study_alone(study: Any) -> None:
    root, cells, _ = study
    before = (root / "REPORT.md").read_bytes()
    out = root / "partial" / "seeds=1"
    results = write_results(root, out, cells[:3], DOCUMENT)

    assert (root / "REPORT.md").read_bytes() == before
    text = (out / "REPORT.md").read_text()
    assert "Too little for any verdict" in text
    assert "Too little for any verdict" in summary(results, out)
    assert json.loads((out / "verdicts.json").read_text())["claims"] == []
    assert results.effects["low"].isna().all()
    assert "python -m harness.run ablation=invented scale=micro seeds=1" in text


def test_a_failed_run_is_shown_and_not_counted(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    cells = make_cells(shape=SHAPE)
    write_study(root, cells[:-1], SHAPE)
    write_run(root, cells[-1], SHAPE, status=Status.FAILED, reason="a worker | died")
    results = collect_results(root, root, cells, DOCUMENT)
    text = report_text(results)

    assert r"a worker \| died" in text
    assert "2 of 3" in text
    assert "1 of 9 runs is not done" in text
    effects = results.effects.set_index("row_id")
    assert effects.loc["reward:kl=reward", "n_seeds"] == 2


def test_a_study_of_which_nothing_ran_has_a_report(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    results = collect_results(root, root, make_cells(shape=SHAPE), DOCUMENT)

    assert "pending" in report_text(results)
    assert "no finished run" in [
        text.get_text()
        for text in curve_figure(panel_of(results, "reward"), results.arms, "t").axes[0].texts
    ]


def test_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    cells = write_study(root, make_cells(seeds=(1,), shape=SHAPE), SHAPE)
    document = copy.deepcopy(DOCUMENT)
    document["primary_metrics"] = ["acuracy_easy"]
    with pytest.raises(UsageError, match="acuracy_easy"):
        collect_results(root, root, cells, document)


def test_a_damaged_stream_stops_the_report(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    cells = make_cells(seeds=(1,), shape=SHAPE)
    path = write_run(root, cells[0], SHAPE) / "metrics.jsonl"
    path.write_text("no\n" + path.read_text())

    with pytest.raises(DamagedError, match=r"metrics\.jsonl"):
        collect_results(root, root, cells, DOCUMENT)


def test_stored_cells_are_those_of_the_tables_or_of_the_whole_study(
    study: Any, tmp_path: Path
) -> None:
    root, cells, _ = study
    names = [cell.run_name for cell in cells]
    found = stored_cells(RunStore(root), root, 12)
    assert [cell.run_name for cell in found] == names
    assert [cell.cell_id for cell in found] == [cell.cell_id for cell in cells]

    with pytest.raises(UsageError, match="holds no run of this request"):
        stored_cells(RunStore(root), root / "partial" / "never-written", 12)

    copy_of = tmp_path / "micro" / "invented"
    shutil.copytree(root / "runs", copy_of / "runs")
    assert {c.run_name for c in stored_cells(RunStore(copy_of), copy_of, 12)} == set(names)
    with pytest.raises(UsageError, match="holds no run of this request"):
        stored_cells(RunStore(copy_of), copy_of, 13)


@pytest.mark.parametrize("has_other_runs", [False, True])
def test_without_its_runs_the_tables_give_every_file_again(
    study: tuple[Path, list[CellSpec], Results], tmp_path: Path, has_other_runs: bool
) -> None:
    root, cells, _ = study
    fresh = tmp_path / "results" / "micro" / "invented"
    fresh.mkdir(parents=True)
    for name in ("runs.parquet", "steps.parquet", "samples.parquet", "study.json"):
        shutil.copy(root / name, fresh)
    if has_other_runs:
        write_run(fresh, cells[0], SHAPE)
    assert not has_runs(RunStore(fresh), fresh)
    write_report(read_results(fresh, DOCUMENT), fresh, fresh)
    assert files_of(fresh) == files_of(root)


def test_a_table_that_lacks_its_study_is_told(study: Any, tmp_path: Path) -> None:
    root, _, _ = study
    for name in ("runs.parquet", "steps.parquet", "samples.parquet"):
        shutil.copy(root / name, tmp_path)
    with pytest.raises(DamagedError, match=r"study\.json is missing"):
        read_results(tmp_path, DOCUMENT)
    for text in ("[]", "{}", '{"schema_version": 1}', '{"schema_version": 99}', "no"):
        (tmp_path / "study.json").write_text(text)
        with pytest.raises(DamagedError, match=r"study\.json"):
            read_results(tmp_path, DOCUMENT)


def files_of(root: Path) -> dict[str, bytes]:
    found = [*root.glob("*.*"), *root.glob("figures/*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_two_runs_of_one_arm_and_seed_are_not_mixed(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    for shape in (SHAPE, Shape(questions=9)):
        write_study(root, make_cells(seeds=(1,), shape=shape, levels=("none",)), shape)

    with pytest.raises(UsageError, match="two runs of kl=none seed 1"):
        stored_cells(RunStore(root), root, 12)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ablation=nope"], "choose one of"),
        (["partial=seeds=1"], "give ablation=<name>"),
        (["ablation=kl_penalty", "results=x"], "results_dir"),
        (["ablation=kl_penalty", "results_dir=nowhere"], "a directory that is there"),
        (["ablation=kl_penalty", "results_dir=."], "holds no run"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    words: Any,
    said: Any,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_arms_come_in_the_order_of_the_file_control_first() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["control"] = {"kl": "loss"}

    assert arm_order(document, {"kl=reward", "kl=none", "kl=loss"}) == (
        "kl=loss",
        "kl=none",
        "kl=reward",
    )
    assert arm_order(document, {"kl=none"}) == ("kl=none",)


@pytest.mark.parametrize(("share", "is_told"), [(1.0, False), (0.4, False), (0.01, True)])
def test_a_reference_that_moves_with_the_policy_is_told(
    tmp_path: Path, share: float, is_told: bool
) -> None:
    root = tmp_path / "micro" / "invented"
    cells = write_study(root, make_cells(seeds=(1,), shape=SHAPE), SHAPE)
    for path in root.glob("runs/kl=loss-*/attempt-0/metrics.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            if kl := row["data"].pop("actor/kl_loss", None):
                row["data"] |= {"actor/kl_loss": share * kl, "rollout/kl_to_base": kl}
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = report_text(collect_results(root, root, cells, DOCUMENT))
    assert ("is the reference policy frozen?" in said) is is_told
    assert ("The reference policy did not move" in said) is not is_told
