"""Suites, benchmarks and protocols: one YAML file each, the file's stem is the name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from harness.cli import suggest
from harness.schema import UsageError
from harness.typed import Form, Many, read_form

HERE = Path(__file__).parent
_Any = TypeVar("_Any", "Suite", "Benchmark", "Protocol")


class Benchmark(Form):
    """A set of questions.

    Attributes:
        name: stem of its file; ends the names of its metrics.
        title: for tables and pictures.
        questions: how many there are; another number is another benchmark.
        files: stems of the prepared file, the first that is there counts.
        micro_split: of the micro-world, which makes its questions itself; "" reads a file.
        note: what a reader of its numbers should know.
    """

    name: str
    title: str
    questions: int
    note: str
    files: Many[str] = ()
    micro_split: str = ""


class Protocol(Form):
    """How answers are sampled and what counts as right: numbers of two protocols do not mix.

    Attributes:
        name: stem of its file.
        what: whose numbers it makes.
        samples: per question.
        grader: whose verdict counts, a name of `harness.graders.registry.GRADERS`.
        stop_rule: a response that was cut off is not correct, whatever it says.
        stop: stop strings; the one that ends a response stays in it.
        temperature / top_p / top_k: of the sampling; top_k -1 is off.
        prompt_tokens: longest prompt; a longer one is refused.
        response_tokens: longest response.
        assumed: what its source leaves unsaid -> what is assumed, and why.
    """

    name: str
    what: str
    samples: int
    grader: str
    stop_rule: bool
    stop: Many[str]
    temperature: float
    top_p: float
    top_k: int
    prompt_tokens: int
    response_tokens: int
    assumed: Mapping[str, str] = {}


class Suite(Form):
    """Benchmarks that are run together.

    Attributes:
        name: stem of its file.
        what: it measures.
        benchmarks: names, in the order shown; empty for a suite of lm-evaluation-harness.
        tasks: task files of `tasks/` for lm-evaluation-harness; empty otherwise.
        prompt_tokens / response_tokens: replace the protocol's; 0 does not.
        dtype: precision of the weights unless the user names one, as vLLM names it.
    """

    name: str
    what: str
    benchmarks: Many[str] = ()
    tasks: Many[str] = ()
    prompt_tokens: int = 0
    response_tokens: int = 0
    dtype: str = "auto"


def suite_of(name: str) -> Suite:
    """Return a suite by its name; `UsageError` if there is none, or its file is wrong."""
    return _read("suite", Suite, name)


def benchmark_of(name: str) -> Benchmark:
    """Return a benchmark by its name; raises as `suite_of`."""
    return _read("benchmark", Benchmark, name)


def protocol_of(name: str) -> Protocol:
    """Return a protocol by its name; raises as `suite_of`."""
    return _read("protocol", Protocol, name)


def names_of(kind: str) -> tuple[str, ...]:
    """Return all names of a kind: "suite", "benchmark" or "protocol"."""
    return tuple(sorted(path.stem for path in (HERE / f"{kind}s").glob("*.yaml")))


def _read(kind: str, form: type[_Any], name: str) -> _Any:
    known = names_of(kind)
    if name not in known:
        raise UsageError(f"unknown {kind} {name!r}: {suggest(name, known)}")
    path = HERE / f"{kind}s" / f"{name}.yaml"
    return read_form(form, path, wrong=UsageError, own={"name": name})
