"""`python -m harness.evaluate suite=general`: what lm-evaluation-harness does for it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

from harness.cli import suggest
from harness.evaluate import general
from harness.evaluate.definitions import Suite
from harness.evaluate.folder import GROUP, open_folder
from harness.evaluate.options import (
    NEEDED_BYTES,
    collected,
    data_root,
    find_model,
    out_of,
    say,
    settings_of,
)
from harness.evaluate.output import PAGE, SUMMARY
from harness.schema import DamagedError, ExitCode, UsageError
from harness.store.files import check_writable, write_atomic
from harness.store.locks import locked
from harness.writing import written_together


def run_general(suite: Suite, given: Mapping[str, Any]) -> int:
    """Write the task files, run the program and store what it found; return the exit code.

    Args:
        suite: of tasks.
        given: the options of the command line.

    Raises:
        HarnessError: an option is wrong, the data or the program are not there, or it failed.
    """
    if given["backend"] not in general.BACKENDS:
        hint = suggest(given["backend"], general.BACKENDS)
        raise UsageError(f"unknown backend {given['backend']!r}: {hint}")
    model = find_model(given["model"])
    run = general.Run(
        model=model.directory,
        tasks=general.chosen_tasks(suite, [n for n in given["benchmarks"].split(",") if n]),
        root=data_root(given),
        out=out_of(given).resolve(),
        backend=given["backend"],
        arguments=_arguments(given),
        seed=given["seed"],
        most=given["questions"],
        response_tokens=given["response_tokens"],
    )
    is_dry = given["dry_run"]
    program = given["lm_eval"] or general.PROGRAM
    argv = general.command_of(run, program if is_dry else general.find_program(given["lm_eval"]))
    identity = general.identity_of(run, model.sha256)
    check_writable(run.out, NEEDED_BYTES)
    with locked(run.out):
        open_folder(run.out, identity, lambda: {"provenance": collected()})
        for path in general.write_tasks(run):
            say(f"wrote {path}")
        print(shlex.join(argv), flush=True)
        if not is_dry:
            _run(run, argv)
    return ExitCode.OK


def _run(run: general.Run, argv: list[str]) -> None:
    done = subprocess.run(argv, check=False)
    if done.returncode:
        raise DamagedError(
            f"lm-evaluation-harness ended with exit code {done.returncode}: what it said stands"
            " above; correct it and run the same command again"
        )
    results = general.read_results(run)
    print(general.results_text(results))
    with written_together(run.out, GROUP) as half:
        write_atomic(half / SUMMARY, results.to_csv(index=False))
        write_atomic(half / PAGE, general.results_markdown(run, results, argv))
    say(f"wrote {run.out / PAGE}")


def _arguments(given: Mapping[str, Any]) -> dict[str, str]:
    settings = settings_of(given)
    if given["backend"] != "vllm":
        return {"dtype": given["dtype"] or "auto"}
    return {
        "dtype": given["dtype"] or "auto",
        "tensor_parallel_size": str(settings.tensor_parallel),
        "gpu_memory_utilization": f"{settings.memory_share:g}",
    }
