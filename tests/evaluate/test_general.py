"""lm-evaluation-harness: its task files, its command line, and what it wrote."""

import json
import math
import shutil
from pathlib import Path

import pytest
import yaml

from harness.compare import __main__ as compare
from harness.evaluate import __main__ as evaluate
from harness.evaluate import general
from harness.evaluate.definitions import suite_of
from harness.micro.template import PROMPT_TEMPLATE
from harness.schema import DamagedError, ExitCode, UsageError

# recorded from lm-evaluation-harness 0.4.13, one number replaced (docs/lab/0008-evaluation.md)
RECORDED = Path(__file__).with_name("recorded_results.json")


@pytest.fixture
def run(tmp_path: Path) -> general.Run:
    for name in ("mmlu", "mmlu_pro", "ifeval"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jsonl").write_text("{}\n")
    return general.Run(
        model=Path("/models/m"),
        tasks=suite_of("general").tasks,
        root=tmp_path,
        out=tmp_path / "out",
        backend="vllm",
        arguments={"dtype": "auto"},
        seed=3,
    )


def test_task_files_have_the_template_and_the_users_data(run: general.Run) -> None:
    written = general.write_tasks(run)
    assert [path.stem for path in written] == ["harness_mmlu", "harness_mmlu_pro", "harness_ifeval"]
    task = yaml.safe_load(written[0].read_text())
    before, after = PROMPT_TEMPLATE.split("{problem}")
    assert task["doc_to_text"].startswith(before)
    assert task["doc_to_text"].endswith(after)
    assert task["dataset_kwargs"]["data_files"]["test"].endswith("mmlu/mmlu.jsonl")
    # the tag that makes it a function, and the file where the function is
    text = written[2].read_text()
    assert "process_results: !function ifeval_checker.process_results" in text
    assert "'!function" not in text
    assert "lm_eval.tasks.ifeval" in (run.out / "tasks" / "ifeval_checker.py").read_text()
    assert PROMPT_TEMPLATE[:40] not in text


@pytest.mark.parametrize("name", suite_of("general").tasks)
def test_every_shipped_task_states_what_the_program_needs(name: str) -> None:
    task = general.read_task(name)
    assert {"title", "records", "metric", "task"} <= task.keys()
    assert task["task"]["output_type"] == "generate_until"
    metrics = [item["metric"] for item in task["task"]["metric_list"]]
    assert task["metric"].partition(",")[0] in metrics
    assert ("question" in task) != ("doc_to_text" in task["task"])


def test_the_command_says_everything(run: general.Run) -> None:
    argv = general.command_of(run, "lm_eval")
    assert argv[:2] == ["lm_eval", "run"]
    assert argv[argv.index("--model_args") + 1] == "pretrained=/models/m,dtype=auto"
    assert argv[argv.index("--tasks") + 1] == "harness_mmlu,harness_mmlu_pro,harness_ifeval"
    assert "--log_samples" in argv
    assert "--limit" not in argv


def test_results_are_read_with_their_errors(run: general.Run) -> None:
    chosen = general.Run(
        **{
            **{name: getattr(run, name) for name in run.__slots__},
            "tasks": ("mmlu", "ifeval"),
        }
    )
    with pytest.raises(DamagedError, match="has no results"):
        general.read_results(chosen)
    folder = chosen.out / "lm_eval" / "model"
    folder.mkdir(parents=True)
    shutil.copy(RECORDED, folder / "results_2026-11-25T04-16-22.json")
    rows = general.read_results(chosen).set_index("row_id")
    main = rows.loc["ifeval/prompt_level_strict_acc,none"]
    assert (main["value"], main["questions"]) == (0.25, 4)
    assert main["high"] == pytest.approx(0.25 + 1.96 * 0.25)
    assert math.isnan(rows.loc["ifeval/inst_level_strict_acc,none", "error"])
    page = general.results_markdown(chosen, general.read_results(chosen), ["lm_eval", "run"])
    assert "# m on MMLU, IFEval" in page
    with pytest.raises(DamagedError, match="not a result of mmlu, mmlu_pro, ifeval"):
        general.read_results(run)


def test_without_the_program_one_sentence_says_how_to_get_it(
    run: general.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["model=micro_0_8m", "suite=general", f"data={run.root}", f"out={run.out}"]
    assert evaluate.main([*words, "lm_eval=/no/such/program"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert 'pip install "lm-eval[vllm,ifeval]==' in error
    assert error.count("\n") == 1
    assert not run.out.exists()


def test_a_dry_run_writes_the_task_files_and_prints_the_command(
    run: general.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["model=micro_0_8m", "suite=general", f"data={run.root}", f"out={run.out}"]
    assert evaluate.main([*words, "dry_run=true", "response_tokens=99"]) == ExitCode.OK
    assert "lm_eval run --model vllm" in capsys.readouterr().out
    task = yaml.safe_load((run.out / "tasks" / "harness_mmlu.yaml").read_text())
    assert task["generation_kwargs"]["max_gen_toks"] == 99
    # the same directory for something else
    assert evaluate.main([*words, "dry_run=true"]) == ExitCode.USAGE
    assert "never mixed" in capsys.readouterr().err
    # no single samples in our form: not compared
    sides = [f"candidate={run.out}", f"baseline={run.out}"]
    assert compare.main(sides) == ExitCode.USAGE
    assert "by lm-evaluation-harness" in capsys.readouterr().err


def test_a_program_that_fails_is_said_and_one_that_writes_is_read(
    run: general.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "lm_eval"
    words = ["model=micro_0_8m", "suite=general", f"data={run.root}", f"out={run.out}"]
    words += [f"lm_eval={program}", "benchmarks=mmlu,ifeval"]
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    assert evaluate.main(words) == ExitCode.USAGE
    assert "ended with exit code 3" in capsys.readouterr().err
    target = run.out / "lm_eval" / "m"
    program.write_text(f"#!/bin/sh\nmkdir -p {target}\ncp {RECORDED} {target}/results_1.json\n")
    assert evaluate.main(words) == ExitCode.OK
    assert "prompt_level_strict_acc" in capsys.readouterr().out
    assert (run.out / "summary.csv").is_file()
    assert json.loads((run.out / "evaluation.json").read_text())["identity"]["suite"] == "general"


def test_data_and_tasks_that_are_not_there_are_named(run: general.Run, tmp_path: Path) -> None:
    (tmp_path / "ifeval" / "ifeval.jsonl").unlink()
    with pytest.raises(UsageError, match="prepare dataset=ifeval"):
        general.write_tasks(run)
    with pytest.raises(UsageError, match="has no task 'mlu'"):
        general.chosen_tasks(suite_of("general"), ["mlu"])
    assert general.chosen_tasks(suite_of("general"), ["ifeval"]) == ("ifeval",)
