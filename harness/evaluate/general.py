"""Benchmarks that lm-evaluation-harness runs: its task files and command, and what it wrote.

It is not part of the environment: it brings a hundred megabytes that nothing else here needs.
"""

from __future__ import annotations

import hashlib
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from harness.cli import suggest
from harness.evaluate.definitions import HERE, Suite
from harness.micro.template import render_prompt
from harness.schema import DamagedError, UsageError
from harness.store.files import write_atomic
from harness.text import markdown_table, number, paragraphs, plain_table
from harness.untrusted.files import MIB, read_bytes
from harness.untrusted.json_text import parse_json

_MOST_RESULTS = 64 * MIB
PROGRAM = "lm_eval"
PREFIX = "harness_"
"""Of our tasks' names, which would else hide the program's own."""

BACKENDS = ("vllm", "hf")
CHECKER = "from lm_eval.tasks.ifeval.utils import agg_inst_level_acc, process_results\n"
"""The file ifeval_checker.py beside the task files: the program looks for functions there."""

TASKS, RESULTS = "tasks", "lm_eval"
# PyYAML puts it in quotes; without them it is a tag of the program's own reader
_FUNCTION = re.compile(r"'(!function [\w.]+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the program is asked for.

    Attributes:
        model: directory of the model.
        tasks: names of task files, without the prefix.
        root: directory of prepared data.
        out: directory of the evaluation.
        backend: one of `BACKENDS`.
        arguments: of the backend, `key=value`.
        seed: of the sampling.
        most: of each task the first so many questions only; 0 takes all.
        response_tokens: longest response; 0 is the task file's. The program refuses one that is
            longer than the model's window.
    """

    model: Path
    tasks: tuple[str, ...]
    root: Path
    out: Path
    backend: str
    arguments: Mapping[str, str]
    seed: int
    most: int = 0
    response_tokens: int = 0


def chosen_tasks(suite: Suite, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the tasks of a suite, or those of them that were chosen.

    Raises:
        UsageError: one is not of the suite.
    """
    unknown = next((name for name in chosen if name not in suite.tasks), None)
    if unknown is not None:
        raise UsageError(f"{suite.name} has no task {unknown!r}: {suggest(unknown, suite.tasks)}")
    return tuple(name for name in suite.tasks if not chosen or name in chosen)


def find_program(given: str) -> str:
    """Return the path of the program.

    Args:
        given: its path, or "" for the one that the shell would find.

    Raises:
        UsageError: there is none.
    """
    found = shutil.which(given or PROGRAM)
    if found is None:
        raise UsageError(
            f"lm-evaluation-harness is not here ({given or PROGRAM} was not found): install it into"
            ' an environment of its own with pip install "lm-eval[vllm,ifeval]==0.4.13" and give'
            " lm_eval=<that environment>/bin/lm_eval"
        )
    return found


def command_of(run: Run, program: str) -> list[str]:
    """Return the program's command line, argument by argument."""
    arguments = {"pretrained": str(run.model), **run.arguments}
    limit = ["--limit", str(run.most)] if run.most else []
    return [
        *(program, "run"),
        *("--model", run.backend),
        *("--model_args", ",".join(f"{key}={value}" for key, value in arguments.items())),
        *("--tasks", ",".join(f"{PREFIX}{name}" for name in run.tasks)),
        *("--include_path", str(run.out / TASKS)),
        *("--output_path", str(run.out / RESULTS)),
        # what was answered before an interruption is not asked again
        *("--use_cache", str(run.out / "answers")),
        *("--batch_size", "auto" if run.backend == "vllm" else "16"),
        *("--seed", str(run.seed)),
        "--log_samples",
        *limit,
    ]


def task_document(run: Run, name: str) -> dict[str, Any]:
    """Return a task in the program's own form, with our template and the user's data.

    Args:
        run: where the data are, and the longest response.
        name: of a task file.

    Raises:
        UsageError: its data are not there.
    """
    ours = read_task(name)
    document = {
        "task": f"{PREFIX}{name}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(find_records(ours["records"], run.root))}},
        **ours["task"],
    }
    if run.response_tokens:
        document["generation_kwargs"]["max_gen_toks"] = run.response_tokens
    if "question" in ours:
        document["doc_to_text"] = render_prompt(ours["question"])
    return document


def read_task(name: str) -> dict[str, Any]:
    """Return a task file of `tasks/`."""
    document: dict[str, Any] = yaml.safe_load((HERE / TASKS / f"{name}.yaml").read_text())
    return document


def find_records(name: str, root: Path) -> Path:
    """Return the file with a data set's own records, JSON lines.

    Raises:
        UsageError: there is none.
    """
    places = [root / f"{name}.jsonl", root / name / f"{name}.jsonl", root / name / "records.jsonl"]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise UsageError(
            f"the records of {name} are not below {root}: prepare them with python -m harness.data"
            f" prepare dataset={name}, or give data=<directory with {name}.jsonl>"
            " (docs/evaluation.md), or leave them out by benchmarks="
        )
    return found.resolve()


def identity_of(run: Run, model_sha256: str) -> dict[str, Any]:
    """Return the document that two calls must share to be parts of one evaluation.

    Raises:
        UsageError: the data of a task are not there.
    """
    hashes = {
        name: hashlib.sha256(find_records(read_task(name)["records"], run.root).read_bytes())
        for name in run.tasks
    }
    return {
        "suite": "general",
        "model": {"name": run.model.name, "sha256": model_sha256},
        "tasks": {name: read_task(name) for name in run.tasks},
        "records": {name: digest.hexdigest() for name, digest in hashes.items()},
        "backend": run.backend,
        "dtype": run.arguments.get("dtype", ""),
        "seed": run.seed,
        "questions": run.most,
        "response_tokens": run.response_tokens,
    }


def write_tasks(run: Run) -> list[Path]:
    """Write the task files that the program reads; return them.

    Raises:
        UsageError: the data of a task are not there.
    """
    folder = run.out / TASKS
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in run.tasks:
        text = yaml.safe_dump(task_document(run, name), sort_keys=False, width=10_000)
        path = folder / f"{PREFIX}{name}.yaml"
        write_atomic(path, _FUNCTION.sub(r"\1", text))
        written.append(path)
    if "ifeval" in run.tasks:
        write_atomic(folder / "ifeval_checker.py", CHECKER)
    return written


def read_results(run: Run) -> pd.DataFrame:
    """Return the results that the program wrote last.

    Returns:
        Columns row_id, task, metric, value, low, high (95 %, normal, NaN without an error), error,
        questions.

    Raises:
        DamagedError: it wrote no results, or not of the tasks that were asked.
    """
    # the program names results by the time: those of an earlier call stay beside them
    files = sorted((run.out / RESULTS).rglob("results_*.json"), key=lambda p: p.stat().st_mtime)
    if not files:
        raise DamagedError(f"{run.out / RESULTS} has no results_*.json: run the command again")
    try:
        document = parse_json(read_bytes(files[-1], _MOST_RESULTS), as_python=True)
        rows = [row for name in run.tasks for row in _task_rows(name, document)]
    except (ValueError, KeyError) as error:
        raise DamagedError(
            f"{files[-1]} is not a result of {', '.join(run.tasks)} ({error!r}): expected that of"
            " lm-evaluation-harness 0.4"
        ) from error
    return pd.DataFrame(rows)


def results_text(results: pd.DataFrame) -> str:
    """Return the results for a terminal."""
    return plain_table(*_table(results))


def results_markdown(run: Run, results: pd.DataFrame, argv: Sequence[str]) -> str:
    """Return the results as EVALUATION.md."""
    body = paragraphs(
        f"# {run.model.name} on {', '.join(read_task(name)['title'] for name in run.tasks)}",
        markdown_table(*_table(results)),
        "How the paper measured MMLU and MMLU-Pro is not stated, so that these numbers and the"
        " paper's may be of different protocols. Brackets: 95 %, from the error that"
        " lm-evaluation-harness states.",
        "Made by:\n\n```\n" + " ".join(argv) + "\n```",
    )
    return f"{body}\n"


def _task_rows(name: str, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document["results"][f"{PREFIX}{name}"]
    count = document["n-samples"][f"{PREFIX}{name}"]["effective"]
    main = read_task(name)["metric"]
    metrics = [key for key in found if "," in key and "_stderr" not in key]
    rows = []
    for metric in sorted(metrics, key=lambda key: key != main):
        stated = found.get(metric.replace(",", "_stderr,"))
        error = float(stated) if isinstance(stated, int | float) else math.nan
        rows.append(
            {
                "row_id": f"{name}/{metric}",
                "task": name,
                "metric": metric,
                "value": float(found[metric]),
                "low": float(found[metric]) - 1.96 * error,
                "high": float(found[metric]) + 1.96 * error,
                "error": error,
                "questions": int(count),
            }
        )
    return rows


def _table(results: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            str(row["task"]),
            str(row["metric"]),
            number(row["value"], "fraction"),
            f"[{number(row['low'], 'fraction')}, {number(row['high'], 'fraction')}]"
            if row["error"] > 0.0
            else "-",
            str(row["questions"]),
        ]
        for row in results.to_dict("records")
    ]
    return ["task", "metric", "value", "95 % interval", "questions"], rows
