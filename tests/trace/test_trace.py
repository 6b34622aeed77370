"""Every number of the stored KL study leads back to its runs, files, code and formula."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.claims import __main__ as claims
from harness.compare.comparison import compare_sides
from harness.compare.document import comparison_document
from harness.compare.effects import Settings
from harness.compare.sides import side_of
from harness.metrics.columns import column_of
from harness.metrics.finals import final_values
from harness.metrics.tables import Tables, write_parquet
from harness.paths import ROOT
from harness.provenance import commit_note
from harness.report.health import COUNTS
from harness.schema import DamagedError, ExitCode, UsageError
from harness.store.bundle import read_bundle
from harness.text import number, spread
from harness.trace import __main__ as trace
from harness.trace.origins import MAKERS, _taken
from harness.trace.runs import _of_bundle, note_of
from harness.trace.tables import find_row, read_rows

RESULTS = ROOT / "results" / "micro" / "kl_penalty"
BUNDLE = ROOT / "baselines" / "runs" / "micro" / "kl_penalty" / "v1"
TABLES = ("runs.parquet", "steps.parquet", "samples.parquet", "effects.csv", "verdicts.json")


def runs() -> pd.DataFrame:
    return read_rows(RESULTS / "runs.parquet")[0]


def ids_of(path: Path) -> list[str]:
    return list(read_rows(path)[0]["row_id"].astype(str))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_id_names_one_row_and_its_run_is_known(name: str) -> None:
    rows, _ = read_rows(RESULTS / name)
    assert rows["row_id"].is_unique
    if "run_id" in rows.columns:
        short = rows["row_id"].astype(str).str.split("/").str[0]
        assert set(short) == set(runs()["row_id"])
        ends = rows["run_id"].astype(str).str.rpartition("-")[2]
        assert (short == ends).all()


@pytest.mark.parametrize("name", ["runs.parquet", "effects.csv", "verdicts.json"])
def test_every_row_of_the_short_tables_is_traced(name: str) -> None:
    commit = str(runs()["commit"].iloc[0])
    for row_id in ids_of(RESULTS / name):
        text = trace.trace_text(RESULTS / name, row_id)
        assert "made by harness/" in text
        if find_row(RESULTS / name, row_id).values.get("run_ids") != []:
            # a claim that nothing has measured yet has no runs
            assert commit in text


def test_every_metric_of_the_steps_is_traced_to_its_stream_and_formula() -> None:
    rows, _ = read_rows(RESULTS / "steps.parquet")
    for _, own in rows.groupby(rows["metric"].astype(str)):
        row_id = str(own["row_id"].iloc[len(own) // 2])
        text = trace.trace_text(RESULTS / "steps.parquet", row_id)
        assert "docs/metrics.md:" in text, row_id
        assert "metrics.jsonl" in text or "generations/" in text
        assert str(own["run_id"].iloc[len(own) // 2]) in text


def test_samples_and_both_tables_of_a_bundle_are_traced() -> None:
    places = [RESULTS / "samples.parquet", BUNDLE / "curves.parquet", BUNDLE / "scores.parquet"]
    for path in places:
        ids = ids_of(path)
        for row_id in ids[:: len(ids) // 5]:
            text = trace.trace_text(path, row_id)
            assert "run kl=" in text
            assert "code " in text
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    assert manifest["commits"][0] in trace.trace_text(places[1], ids_of(places[1])[0])
    assert "seeds=[1,2,3]" in text


@pytest.mark.parametrize("version", ["kl_penalty/v1", "kl_penalty/v2", "maxrl/v1"])
def test_a_commit_that_cannot_be_looked_at_is_said(version: str) -> None:
    path = BUNDLE.parents[1] / version / "curves.parquet"
    (commit,) = json.loads((path.parent / "manifest.json").read_text())["commits"]
    text = trace.trace_text(path, ids_of(path)[0])
    note = commit_note(ROOT, commit)
    assert f"code {commit}" + (f" ({note})" if note else "") + "\n" in text


def test_a_commit_of_the_history_is_told_from_one_that_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, lost = BUNDLE / "curves.parquet", "commit not in this repository's history"
    for note in ("", lost):
        note_of.cache_clear()
        monkeypatch.setattr("harness.trace.runs.commit_note", lambda _root, _commit, n=note: n)
        assert (lost in trace.trace_text(path, ids_of(path)[0])) is bool(note)
    note_of.cache_clear()


def test_the_runs_of_a_bundle_are_made_again_by_a_command_that_there_is() -> None:
    study = BUNDLE.parents[1] / "maxrl" / "v1" / "curves.parquet"
    text = trace.trace_text(study, ids_of(study)[0])
    # the bundle is older than the suite's habit of storing its command
    assert "ablation=maxrl" not in text
    assert "with algorithm=maxrl in place of PPO" in text
    manifest = {"name": "micro/x@v1", "cells": [], "command": "python -m harness.run a=1"}
    assert _of_bundle(BUNDLE, manifest).command == "python -m harness.run a=1"


def test_the_rows_behind_an_effect_give_its_estimate() -> None:
    effects, _ = read_rows(RESULTS / "effects.csv")
    for effect in effects.to_dict("records"):
        text = trace.trace_text(RESULTS / "effects.csv", str(effect["row_id"]))
        values: dict[str, list[float]] = {}
        for line in text.splitlines():
            if ", seed " in line and "/final/" in line:
                arm, _, rest = line.strip().partition(", seed ")
                values.setdefault(arm, []).append(float(rest.split(": ")[1].split(",")[0]))
        treat, control = values[str(effect["arm"])], values[str(effect["control"])]
        assert len(treat) == len(control) == effect["n_seeds"]
        found = sum(treat) / len(treat) - sum(control) / len(control)
        assert found == pytest.approx(effect["estimate"], abs=1e-7)


def test_a_value_at_the_end_names_the_rows_of_its_window() -> None:
    short = str(runs()["row_id"].iloc[0])
    text = trace.trace_text(RESULTS / "steps.parquet", f"{short}/final/reward")
    assert "mean of 10 rows" in text
    assert text.count("/reward = ") == 10
    assert "mean of 1 rows" in trace.trace_text(
        RESULTS / "steps.parquet", f"{short}/final/accuracy_easy"
    )


def test_a_value_at_the_end_is_that_of_the_suite_s_own_window() -> None:
    steps, all_runs = read_rows(RESULTS / "steps.parquet")[0], runs()
    tables = Tables(runs=all_runs, steps=steps, samples=pd.DataFrame())
    metrics = ["reward", "accuracy_hard", "evaluation_time"]
    for final in final_values(tables, metrics).iloc[::7].to_dict("records"):
        text = trace.trace_text(RESULTS / "steps.parquet", final["row_id"])
        assert f"mean of {final['points']} rows" in text
        assert f": {final['value']:.9g}\n" in text


def test_a_value_at_another_end_is_that_of_its_step() -> None:
    steps = read_rows(RESULTS / "steps.parquet")[0]
    run_id = str(runs()["run_id"].iloc[0])
    own = steps[(steps["run_id"].astype(str) == run_id) & (steps["metric"] == "reward")]
    mean = own.loc[own["step"].between(11, 20), "value"].mean()
    short = run_id.rpartition("-")[2]
    text = trace.trace_text(RESULTS / "steps.parquet", f"{short}/final/reward@20")
    assert f"mean of 10 rows of results/micro/kl_penalty/steps.parquet: {mean:.9g}" in text
    with pytest.raises(UsageError, match="nearest"):
        find_row(RESULTS / "steps.parquet", f"{short}/final/reward@end")


def cells_of(title: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table below a title of REPORT.md."""
    section = (RESULTS / "REPORT.md").read_text().split(f"## {title}")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [head.split(" [")[0] for head in table[0]], table[2:]


def traced(row_id: str) -> tuple[float, float]:
    """Mean and standard deviation that a trace of the report gives."""
    text = trace.trace_text(RESULTS / "REPORT.md", row_id)
    found = re.search(
        r"mean of \d+ (?:runs|rows[^:]*): ([^,\n]+)(?:, standard deviation (.+))?", text
    )
    assert found, text
    assert str(runs()["commit"].iloc[0]) in text
    return float(found[1]), float(found[2] or "nan")


def test_every_mean_of_the_arms_table_is_traced() -> None:
    heads, rows = cells_of("Arms at the end of training")
    for arm, _, *cells in rows:
        for metric, cell in zip(heads[2:], cells, strict=True):
            unit = column_of(metric).unit
            start, end = (traced(f"{arm}/{part}/{metric}") for part in ("start", "final"))
            assert cell == f"{number(start[0], unit)} → {spread(*end, unit)}"


def test_every_mean_of_the_answers_and_times_is_traced() -> None:
    heads, rows = cells_of("Answers at the last evaluation")
    for split, arm, *cells in rows:
        for name, cell in zip(heads[2:], cells, strict=True):
            # a metric that is younger than the study has no number, and so no row
            if cell == "-":
                assert name in ("reflection_rate", "right_reflection_tokens")
                continue
            mean, _ = traced(f"{arm}/final/{name}_{split}")
            # a mean halfway between two last digits is rounded by the order of its sum
            unit = column_of(f"{name}_{split}").unit
            assert cell in {number(mean + away, unit) for away in (-1e-12, 1e-12)}
    heads, rows = cells_of("Where the time goes")
    for arm, *cells in rows:
        for name, cell in zip(heads[1:], cells, strict=True):
            if cell != "-":
                assert cell == number(traced(f"{arm}/mean/{name}_time")[0], "s")


def test_every_number_under_health_is_traced() -> None:
    text = (RESULTS / "REPORT.md").read_text().partition("## Health")[2].partition("\n## ")[0]
    means = dict(re.findall(r"(kl=[\w.]+) (\S+?e-\d+)", text))
    assert set(means) == set(runs()["arm"].astype(str))
    for arm, mean in means.items():
        assert mean == f"{traced(f'{arm}/mean/rollout_probs_diff')[0]:.2g}"
    most, row_id = re.findall(r"at most (\S+) .*`([^`]+/rollout_probs_diff)`\.", text)[0]
    row = find_row(RESULTS / "REPORT.md", row_id)
    assert most == f"{row.values['value']:.2g}"
    for column, counted in COUNTS.items():
        total = runs()[column].sum()
        assert f"- {total:.0f} {counted}" in text
        assert f"`{column}`" in text
    first = find_row(RESULTS / "REPORT.md", str(runs()["run_id"].iloc[0]))
    assert set(COUNTS) <= set(first.values)


def test_a_report_is_searched_with_its_tables() -> None:
    report = RESULTS / "REPORT.md"
    short, run_id = str(runs()["row_id"].iloc[0]), str(runs()["run_id"].iloc[0])
    assert find_row(report, run_id).row_id == short
    assert find_row(report, f"{short}/final/reward").kind == "final"
    for name in TABLES:
        assert find_row(report, ids_of(RESULTS / name)[-1]).table.name == name
    with pytest.raises(UsageError, match="nearest"):
        find_row(report, "nothing")


@pytest.mark.parametrize("name", TABLES)
def test_an_unknown_row_is_told_with_the_nearest_ids(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = ids_of(RESULTS / name)[-1]
    argv = [f"table={RESULTS / name}", f"row={last[:-1]}~"]
    assert trace.main(argv) == ExitCode.USAGE
    assert last in capsys.readouterr().err


def test_runs_that_are_there_are_named_with_their_files(tmp_path: Path) -> None:
    for name in TABLES:
        shutil.copy(RESULTS / name, tmp_path / name)
    row = runs().iloc[0]
    # the last one by its number: as text, attempt-10 comes before attempt-9
    attempt = tmp_path / "runs" / str(row["run_id"]) / "attempt-10"
    for folder in (attempt, attempt.with_name("attempt-9")):
        folder.mkdir(parents=True)
    for name in ("spec.yaml", "record.json"):
        (attempt.parent / name).write_text("{}")
    text = trace.trace_text(tmp_path / "steps.parquet", f"{row['row_id']}/1/reward")
    assert f"{attempt}/metrics.jsonl" in text
    assert "record.json" in text
    assert "not on this machine" not in text
    assert "the table is not committed" in text


def test_a_comparison_is_traced_to_the_values_of_both_sides(tmp_path: Path) -> None:
    bundle = read_bundle(BUNDLE)
    sides = side_of(bundle, "kl=loss", "candidate"), side_of(bundle, "kl=none", "baseline")
    comparison = compare_sides(*sides, settings=Settings(level=0.95, margin=None, metric=""))
    document = comparison_document(comparison, "python -m harness.compare ...")
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(document))
    (tmp_path / "COMPARISON.md").write_text("")
    for row_id in ids_of(path):
        text = trace.trace_text(path, row_id)
        assert "candidate: micro/kl_penalty@v1, arm kl=loss" in text
        assert "python -m harness.compare" in text
    text = trace.trace_text(tmp_path / "COMPARISON.md", "effect/accuracy_easy")
    assert "6 values at the end of training" in text


@pytest.mark.parametrize("name", ["claims.json", "claims.csv", "CLAIMS.md"])
def test_every_claim_of_the_sheet_is_traced_to_its_file_and_runs(sheet: Path, name: str) -> None:
    rows, _ = read_rows(sheet / "claims.json")
    assert len(rows) > 20
    for row in rows.to_dict("records"):
        text = trace.trace_text(sheet / name, str(row["row_id"]))
        assert f"claims/{row['id']}_" in text
        assert trace.trace_text(sheet / name, str(row["id"])) == text
        assert all(f"run {run_id}" in text for run_id in row["run_ids"])
        # in CSV each part of a rule is a line of its own, and the first is traced
        for part in row["differences"][: 1 if name == "claims.csv" else None]:
            told = text.split(f"\n    {part['quantity_name']}\n")[1]
            assert point_of(part, told) == pytest.approx(part["point"], abs=1e-8)


def point_of(part: Any, told: str) -> float:
    """The number of a part, computed again from the values that a trace names below it."""
    ends: dict[str, list[float]] = {}
    is_ratio = " over " in part["quantity_name"]
    for line in told.splitlines():
        if not line.startswith("      "):
            break
        run, _, said = line.strip().partition(": ")
        if said.startswith("the curve") and "mean of steps" not in part["quantity_name"]:
            value = of_curve(run, part)
        else:
            first, *rest = (number_of(x, run, part) for x in said.split("; "))
            value = math.log(first) if is_ratio else first
            value -= sum(math.log(x) if is_ratio else x for x in rest)
        ends.setdefault(run.rpartition("-s")[0], []).append(value)
    arms = [sum(ends[arm]) / len(ends[arm]) for arm in part["arms"]]
    found = arms[0] - sum(arms[1:])
    return math.exp(found) if is_ratio else found


def number_of(said: str, run_id: str, part: Any) -> float:
    """The number that a trace names, or the mean of a curve over the steps of its quantity."""
    if not said.startswith("the curve"):
        return float(said.split(",")[0].split()[1])
    first, last = map(int, re.findall(r"mean of steps (\d+) to (\d+)", part["quantity_name"])[0])
    curve = curve_of(run_id, part["metric"])
    return float(curve[curve["step"].between(first, last)]["value"].mean())


def curve_of(run_id: str, metric: str) -> pd.DataFrame:
    """The rows of a metric of a run, of whatever stored study it is."""
    for path in RESULTS.parent.glob("*/steps.parquet"):
        rows = read_rows(path)[0].astype({"run_id": str, "metric": str})
        own = rows[(rows["run_id"] == run_id) & (rows["metric"] == metric)]
        if not own.empty:
            return own.sort_values("step")
    raise AssertionError(run_id)


def of_curve(run_id: str, part: Any) -> float:
    """The number of a whole curve: largest fall, first step above a value, or share below one."""
    name, rows = part["quantity_name"], curve_of(run_id, part["metric"])
    number = float(re.findall(r"(?:of|below) (-?[\d.]+)", name)[-1]) if "fall" not in name else 0.0
    if "share of" in name:
        return float((rows["value"].dropna() < number).mean())
    window = int(re.findall(r"(\d+)-step mean", name)[0])
    mean = rows.set_index("step")["value"].rolling(window).mean().dropna()
    if "first step" in name:
        return float(mean.index[mean >= number][0])
    return float((mean.cummax() - mean).max())


def test_a_window_of_steps_is_traced_to_the_curve() -> None:
    rows = read_rows(RESULTS / "steps.parquet")[0]
    run_id = str(runs()["run_id"].iloc[0])
    for name, said in {
        "reward of a=1, mean of steps 10 to 20": ["the curve"],
        "reward of a=1, end of training over mean of steps 1 to 5": ["end", "the curve"],
        "reward of a=1, mean of steps 10 to 20 minus the start": ["the curve", "start"],
        "reward of a=1, step at which two straight lines fit best": ["the curve"],
    }.items():
        parts = _taken(name, rows, run_id, "reward").split("; ")
        assert len(parts) == len(said)
        assert all(part.startswith(word) for part, word in zip(parts, said, strict=True))


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("claims")
    assert claims.main([f"out={out}"]) == ExitCode.OK
    return out


def test_a_row_of_another_table_is_traced_by_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "others.json"
    row = {"row_id": "claim/1", "runs": ["kl=none-s1-x"], "source": "Fig. 8", "value": 1.0}
    path.write_text(json.dumps({"command": "python -m harness.claims", "rows": [row]}))
    text = trace.trace_text(path, "claim/1")
    for part in ("Fig. 8", "run kl=none-s1-x", "made by: python -m harness.claims"):
        assert part in text


def test_a_row_of_a_redrawn_figure_is_traced_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "fig2.csv"
    path.write_text("panel,x,y,source\nreward,0,0.5,fig2_reward\nreward,6,0.6,kl=none-s4-x\n")
    with pytest.raises(UsageError, match="nearest"):
        find_row(path, "3")
    assert "source: fig2_reward" in trace.trace_text(path, "1")
    run_id = str(runs()["run_id"].iloc[0])
    path.write_text(path.read_text().replace("kl=none-s4-x", run_id))
    made = {
        "command": "python -m paper.build figure=fig2",
        "runs": {"micro/kl_penalty": [run_id]},
    }
    (tmp_path / "fig2.json").write_text(json.dumps(made))
    read_rows.__globals__["_read"].cache_clear()
    text = trace.trace_text(path, "2")
    assert "y: 0.6" in text
    assert "made by: python -m paper.build figure=fig2" in text
    assert f"run {run_id}" in text
    assert f"code {runs()['commit'].iloc[0]}" in text
    assert "run kl" not in trace.trace_text(path, "1")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "no table was named"),
        (["table=nowhere.parquet", "row=x"], "there is no table"),
        ([f"table={ROOT / 'README.md'}", "row=x"], "none of its tables"),
        ([f"table={BUNDLE / 'manifest.json'}", "row=x"], "no column row_id"),
    ],
)
def test_wrong_arguments_are_told(argv: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace.main(argv) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_damaged_tables_are_told(tmp_path: Path) -> None:
    torn = tmp_path / "steps.parquet"
    torn.write_bytes((RESULTS / "steps.parquet").read_bytes()[:1000])
    with pytest.raises(DamagedError, match="cannot be read"):
        find_row(torn, "x")
    twice = pd.concat([runs(), runs()], ignore_index=True)
    write_parquet(twice, tmp_path / "runs.parquet")
    with pytest.raises(DamagedError, match="2 rows"):
        find_row(tmp_path / "runs.parquet", str(runs()["row_id"].iloc[0]))


def test_every_maker_is_a_file_that_is_there() -> None:
    for text in MAKERS.values():
        assert (ROOT / text.split()[0].rstrip(",")).exists()
