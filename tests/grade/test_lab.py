"""The lab: on a recorded run, on a table of samples, and on rows whose grades are known."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from harness.grade import __main__ as grade
from harness.grade import responses as responses_module
from harness.grade import tables
from harness.grade.output import Lab, lab_document, lab_text, write_lab
from harness.grade.responses import COLUMNS, load_responses, read_references
from harness.grade.tables import Timing, verdict_table
from harness.graders.verdict import Verdict, right, ungradable, wrong
from harness.metrics.evaluation import TEXT_LIMIT, _capped
from harness.metrics.tables import write_parquet
from harness.micro.dataset import SOURCES, rows_of
from harness.schema import DamagedError, ExitCode, UsageError

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "tests" / "recorded" / "ppo"
STORED = ROOT / "tests/recorded/first_world/micro/kl_penalty/samples.parquet"
TIMING = Timing(distinct=4, seconds=0.5, cpu_s=0.4, workers=1, replaced=0)
GRADERS = ("orz", "verl")


def rows(*ends: str) -> pd.DataFrame:
    """Four responses of one question, at steps 0 and 1."""
    return pd.DataFrame(
        {
            "row_id": [f"r{place}" for place in range(4)],
            "arm": "a",
            "seed": "1",
            "step": [0, 0, 1, 1],
            "split": "easy",
            "question_id": "q",
            "sample": [0, 1, 0, 1],
            "response": ["one", "two", "three", "four"],
            "reference": "7",
            "finish_reason": list(ends) or ["stop"] * 4,
            "score": [1.0, 0.0, 1.0, 1.0],
        },
        columns=list(COLUMNS),
    )


def verdicts() -> dict[str, list[Verdict]]:
    return {
        "orz": [right("r", "7"), wrong("w", "8"), right("r", "7"), ungradable("u")],
        "verl": [right("t", "7"), wrong("w", "8"), wrong("w", "7.0"), wrong("w", "9")],
    }


def made_lab(frame: pd.DataFrame, *, has_stop_rule: bool = True) -> Lab:
    table = verdict_table(frame, verdicts(), has_stop_rule=has_stop_rule)
    return Lab(
        source="here",
        graders=GRADERS,
        table=table,
        timings=dict.fromkeys(GRADERS, TIMING),
        has_stop_rule=has_stop_rule,
    )


def test_graders_disagree_where_one_pays_and_the_other_does_not() -> None:
    table = made_lab(rows()).table
    assert list(tables.disagreements(table, GRADERS)["row_id"]) == ["r2"]
    pair = tables.pairs(table, GRADERS).to_dict("records")[0]
    counts = [pair[key] for key in ("both", "first_only", "second_only", "neither")]
    assert (counts, pair["agreement"]) == ([1, 1, 0, 2], 0.75)


def test_totals_count_the_three_outcomes_apart() -> None:
    orz, verl = tables.totals(made_lab(rows()).table, GRADERS).to_dict("records")
    assert (orz["right"], orz["wrong"], orz["ungradable"], orz["reward"]) == (2, 1, 1, 0.5)
    assert (verl["right"], verl["wrong"], verl["ungradable"], verl["reward"]) == (1, 3, 0, 0.25)


def test_curves_are_what_each_grader_would_have_paid_per_step() -> None:
    curves = tables.curves(made_lab(rows()).table, GRADERS).set_index(["grader", "step"])
    assert list(curves.loc["orz", "reward"]) == [0.5, 0.5]
    assert list(curves.loc["orz", "ungradable"]) == [0.0, 0.5]
    assert list(curves.loc["verl", "reward"]) == [0.5, 0.0]
    assert list(curves.loc["stored", "reward"]) == [0.5, 1.0]


def test_the_stop_rule_can_be_left_out() -> None:
    ends = ("length", "stop", "stop", "stop")
    with_rule = tables.totals(made_lab(rows(*ends)).table, GRADERS)
    without = tables.totals(made_lab(rows(*ends), has_stop_rule=False).table, GRADERS)
    assert list(with_rule["reward"]) == [0.25, 0.0]
    assert list(without["reward"]) == [0.5, 0.25]


def test_files_text_and_document_say_the_same(tmp_path: Path) -> None:
    lab = made_lab(rows())
    written = {path.name for path in write_lab(lab, tmp_path / "new")}
    assert written == {
        *("GRADERS.md", "graders.json", "verdicts.csv", "disagreements.csv", "curves.csv"),
        *("rewards.svg", "rewards.png"),
    }
    document = json.loads((tmp_path / "new" / "graders.json").read_text())
    assert document == lab_document(lab)
    with (tmp_path / "new" / "disagreements.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [row["row_id"] for row in listed] == ["r2"]
    assert [row["row_id"] for row in document["disagreements"]] == ["r2"]
    assert document["curves"][-1]["ungradable"] is None
    assert "disagree on 1 of 4 responses" in lab_text(lab)
    assert "![rewards.svg](rewards.svg)" in (tmp_path / "new" / "GRADERS.md").read_text()


def test_rows_without_a_step_have_no_curve(tmp_path: Path) -> None:
    lab = made_lab(rows().assign(step=None))
    assert "rewards.svg" not in {path.name for path in write_lab(lab, tmp_path)}
    assert lab_document(lab)["curves"] == []


def test_a_recorded_run_is_read_with_its_rows_named() -> None:
    frame = load_responses(RECORDED)
    lines = sum(len(path.read_text().splitlines()) for path in (RECORDED / "generations").iterdir())
    assert len(frame) == lines and frame["row_id"].is_unique
    assert sorted(set(frame["step"])) == [0, 15, 30]
    assert set(frame["finish_reason"]) <= {"stop", "length"}
    first = load_responses(RECORDED / "generations" / "0.jsonl")
    assert len(first) < len(frame) and set(first["step"]) == {0}


def test_of_a_run_the_last_attempt_counts(tmp_path: Path) -> None:
    for number, text in ((0, "old"), (1, "new")):
        folder = tmp_path / "runs" / "kl=none-s3-0123abcd" / f"attempt-{number}" / "generations"
        folder.mkdir(parents=True)
        row = {"output": text, "gts": "7", "question_id": "q", "split": "easy", "sample": 0}
        (folder / "5.jsonl").write_text(json.dumps(row) + "\n")
    frame = load_responses(tmp_path)
    (found,) = frame.to_dict("records")
    assert (found["response"], found["arm"], found["seed"]) == ("new", "kl=none", "3")
    assert found["row_id"] == "0123abcd/5/easy/q/0"


def micro_table(path: Path, *, of: int) -> Path:
    """A table of samples as a study has it, four questions of each held-out set; no references."""
    questions = [row for split in SOURCES if split != "train" for row in rows_of(split, of)[-4:]]
    ids = [row["extra_info"]["question_id"] for row in questions]
    parts = [rows().assign(question_id=id_, row_id=f"{id_}/{n}") for n, id_ in enumerate(ids)]
    write_parquet(pd.concat(parts, ignore_index=True).drop(columns="reference"), path)
    return path


def test_a_study_is_graded_with_the_answers_of_the_micro_world(tmp_path: Path) -> None:
    path = micro_table(tmp_path / "samples.parquet", of=responses_module.MICRO_QUESTIONS)
    with pytest.raises(UsageError, match="have no reference: give references=micro"):
        load_responses(path)
    frame = load_responses(path, "micro")
    # 4 questions of 3 sets, 4 responses each
    assert len(frame) == 3 * 4 * 4
    assert frame["reference"].str.isdigit().all()
    known = {row["extra_info"]["question_id"]: row for row in rows_of("eval_transfer", 256)}
    of_one = frame[frame["question_id"] == frame["question_id"].iloc[-1]].iloc[0]
    answer = known[of_one["question_id"]]["reward_model"]["ground_truth"]
    assert of_one["reference"] == answer


def test_questions_that_the_micro_world_does_not_ask_are_told_apart_from_those_of_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade.main([f"responses={STORED}", "references=micro"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "is of the first micro-world (chains alone), whose questions are no longer made" in said
    assert "have no reference" in said and said.count("\n") == 1
    with pytest.raises(UsageError, match="have no reference: give references=micro"):
        load_responses(STORED)

    # questions beyond those that are looked through, of no study that is known
    path = micro_table(tmp_path / "samples.parquet", of=responses_module.MICRO_QUESTIONS + 4)
    with pytest.raises(UsageError, match="and some of these are others"):
        load_responses(path, "micro")


def test_a_text_that_was_cut_is_not_graded(tmp_path: Path) -> None:
    whole, cut = "\\boxed{7}", _capped("x" * (TEXT_LIMIT + 1))
    path = tmp_path / "samples.parquet"
    texts = pd.Series([whole, cut, None, "x" * TEXT_LIMIT])
    frame = rows().assign(response=texts)
    write_parquet(frame, path)
    assert list(load_responses(path)["row_id"]) == ["r0", "r3"]


def test_references_come_from_a_file_too(tmp_path: Path) -> None:
    listed = tmp_path / "answers.jsonl"
    listed.write_text('{"question_id": "q", "reference": "7"}\n')
    assert read_references(str(listed)) == {"q": "7"}
    data = tmp_path / "train.parquet"
    row = {"extra_info": {"question_id": "p"}, "reward_model": {"ground_truth": "8"}}
    pd.DataFrame([row]).to_parquet(data)
    assert read_references(str(data)) == {"p": "8"}
    listed.write_text('{"question": "q"}\n')
    with pytest.raises(DamagedError, match="question_id"):
        read_references(str(listed))
    with pytest.raises(UsageError, match="no file"):
        read_references("nowhere.jsonl")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["graders=orzz"], "graders='orzz' cannot be: did you mean orz"),
        (["graders="], "graders= is empty"),
        (["split=eesy"], "unknown split 'eesy'"),
        (["workers=0"], "workers='0' cannot be: expected a whole number"),
        (["limit_s=soon"], "limit_s='soon' cannot be: expected a number above 0"),
        (["stop_rule=maybe"], "stop_rule='maybe' cannot be: choose one of"),
        (["format=xml"], "format='xml' cannot be: choose one of"),
    ],
)
def test_a_wrong_word_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    code = grade.main([f"responses={RECORDED}", *words])
    captured = capsys.readouterr()
    assert code == ExitCode.USAGE and said in captured.err and captured.out == ""


def test_responses_that_do_not_say_how_they_ended_are_refused_under_the_stop_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text('{"response": "\\\\boxed{7}", "reference": "7"}\n')
    assert grade.main([f"responses={path}"]) == ExitCode.USAGE
    assert "give stop_rule=no" in capsys.readouterr().err


def test_a_directory_or_stream_without_responses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no responses at"):
        load_responses(tmp_path / "nothing")
    with pytest.raises(UsageError, match="holds no text"):
        load_responses(tmp_path)
    (tmp_path / "1.jsonl").write_text('{"input": "x"}\n{"input": "y"}\n')
    with pytest.raises(DamagedError, match=r"line 1 .* has no response"):
        load_responses(tmp_path)


def test_the_command_grades_a_recorded_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Integers: verl's grader pays what was stored, but for boxes outside of the answer tags."""
    if find_spec("verl") is None:
        pytest.skip("verl is not installed")
    words = [f"responses={RECORDED}", "graders=verl", "workers=1", f"out={tmp_path}"]
    assert grade.main(words) == ExitCode.OK
    assert "disagree on 0 of" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "verdicts.csv")
    assert (table["verl_reward"] >= table["score"]).all()
    assert table["verl_reward"].mean() - table["score"].mean() < 0.05
    assert set(pd.read_csv(tmp_path / "curves.csv")["grader"]) == {"verl", "stored"}


@pytest.mark.engine
def test_all_graders_agree_on_a_recorded_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Integers in the format of the prompt: what was stored is what the paper's grader pays."""
    assert grade.main([f"responses={RECORDED}", "format=json"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    paid = {
        name: [row["reward"] for row in document["curves"] if row["grader"] == name]
        for name in ("orz", "stored")
    }
    assert paid["orz"] == pytest.approx(paid["stored"], abs=1e-12)
    assert all(pair["agreement"] > 0.9 for pair in document["pairs"])


def test_another_score_than_the_graders_would_be_noticed() -> None:
    curves = tables.curves(made_lab(rows()).table, GRADERS)
    orz, stored = (curves[curves["grader"] == name]["reward"] for name in ("orz", "stored"))
    assert list(orz) != list(stored)
    assert responses_module.MICRO_QUESTIONS >= 48
