"""The three command lines in a row, on invented runs of the KL ablation."""

import json
from pathlib import Path

import pytest

from harness.baseline import __main__ as baseline
from harness.claims.rows import rows_of_results
from harness.compare import __main__ as compare
from harness.metrics.tables import write_parquet
from harness.report import __main__ as report
from harness.report.stored import collect_results
from harness.schema import DamagedError, ExitCode
from harness.spec.ablation import load_ablation
from tests.synthetic_runs import Shape, make_cells, write_study

SHAPE = Shape(steps=40, every=20, questions=6)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    base = tmp_path_factory.mktemp("cli")
    root = base / "results" / "micro" / "kl_penalty"
    write_study(root, make_cells(shape=SHAPE), SHAPE)
    return ["ablation=kl_penalty", f"results_dir={base / 'results'}", f"baselines_dir={base / 'b'}"]


def test_report_then_store_then_compare(
    places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    results = Path(places[1].partition("=")[2])
    root = results / "micro" / "kl_penalty"
    assert report.main(places[:2]) == ExitCode.OK
    claims = json.loads((root / "verdicts.json").read_text())["claims"]
    assert {"f01a", "f07a", "f07b", "f07c"} <= {claim["id"] for claim in claims}
    assert "\nf07a  " in capsys.readouterr().out

    assert compare.main(places) == ExitCode.USAGE
    assert "none yet" in capsys.readouterr().err
    assert baseline.main(["save", *places]) == ExitCode.OK
    assert baseline.main(["save", *places]) == ExitCode.USAGE
    assert "already" in capsys.readouterr().err

    before = {path: path.read_bytes() for path in root.glob("*.*")}
    assert compare.main(places) == ExitCode.OK
    said = capsys.readouterr().out
    assert said.count("your run lies inside the band of the stored seeds") == 9
    assert compare.main([*places, "baseline=micro/kl_penalty@v1"]) == ExitCode.OK
    assert {path: path.read_bytes() for path in root.glob("*.*")} == before


def test_runs_with_other_steps_end_with_the_code_for_not_comparable(
    places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baselines = tmp_path / "b"
    root = tmp_path / "short" / "micro" / "kl_penalty"
    quick = Shape(steps=3, every=3, questions=6)
    cells = make_cells(seeds=(1,), shape=quick)
    write_study(root, cells, quick)
    out = root / "partial" / "seeds=1,steps=3"
    results = collect_results(root, out, cells, load_ablation("kl_penalty"))
    out.mkdir(parents=True)
    write_parquet(results.tables.runs, out / "runs.parquet")
    assert baseline.main(["save", *places[:2], f"baselines_dir={baselines}"]) == ExitCode.OK

    words = [places[0], f"results_dir={tmp_path / 'short'}", f"baselines_dir={baselines}"]
    assert compare.main([*words, "partial=seeds=1,steps=3"]) == ExitCode.NOT_COMPARABLE
    assert "3 training steps, the stored study 40" in capsys.readouterr().out


def test_a_place_that_is_not_there_gets_no_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([f"results_dir={tmp_path / 'typo'}"]) == ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []
    assert "a directory that is there" in capsys.readouterr().err


def test_a_report_that_was_cut_off_is_written_again_and_till_then_refused(
    places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "micro" / "kl_penalty"
    write_study(root, make_cells((1, 2), shape=SHAPE), SHAPE)
    words = [places[0], f"results_dir={tmp_path}"]
    assert report.main(words) == ExitCode.OK
    mark = root / "UNFINISHED-tables.txt"
    mark.write_text("as a kill between two renames leaves it\n")
    with pytest.raises(DamagedError, match="partly old and partly new"):
        rows_of_results(root)
    # the same command goes on from there: a file is whole, if not all are of one time
    assert report.main(words) == ExitCode.OK
    assert not mark.exists() and len(rows_of_results(root).tables.runs) == 6


def test_a_file_of_no_known_kind_is_no_missing_baseline(
    places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("reward 0.5\n")
    words = [f"candidate={tmp_path / 'notes.txt'}", "baseline=micro/kl_penalty"]
    assert compare.main(words) == ExitCode.USAGE
    assert "notes.txt is no log of a known form" in capsys.readouterr().err
