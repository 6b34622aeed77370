"""What an evaluation is: everything that its numbers depend on, in one document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.cli import suggest
from harness.evaluate.definitions import Protocol, Suite, benchmark_of
from harness.evaluate.questions import Set, load_set
from harness.micro.template import PROMPT_TEMPLATE
from harness.schema import UsageError

_BITS = 31
"""vLLM hands the seed to a torch generator; 31 bits fit every integer type on the way."""


class Model(NamedTuple):
    """The model that answers: its name for tables, its directory, and the hash of its files."""

    name: str
    directory: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One evaluation.

    Attributes:
        suite: which benchmarks, and lengths of its own.
        protocol: how they are sampled and judged, with all replacements made.
        sets: the questions.
        model: that answers.
        seed: of the sampling; every (question, sample) has its own, derived from it.
        dtype: precision of the weights, as vLLM names it.
        versions: package -> version of the engine.
    """

    suite: Suite
    protocol: Protocol
    sets: tuple[Set, ...]
    model: Model
    seed: int
    dtype: str
    versions: Mapping[str, str]

    @property
    def responses(self) -> int:
        """Number of responses that a complete evaluation has."""
        return self.protocol.samples * sum(len(subset.questions) for subset in self.sets)

    def identity(self) -> dict[str, Any]:
        """Return the document that two runs must share to be parts of one evaluation."""
        return {
            "suite": self.suite.name,
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "measured": self.measured(),
            "seed": self.seed,
            "dtype": self.dtype,
            "versions": dict(self.versions),
        }

    def measured(self) -> dict[str, Any]:
        """Return the document that the evaluations of two models must share to be comparable."""
        protocol = self.protocol
        return {
            "protocol": protocol.name,
            "grader": protocol.grader,
            "stop_rule": protocol.stop_rule,
            "template": hashlib.sha256(PROMPT_TEMPLATE.encode()).hexdigest(),
            "stop": list(protocol.stop),
            "prompt_tokens": protocol.prompt_tokens,
            "response_tokens": protocol.response_tokens,
            "samples": protocol.samples,
            "temperature": protocol.temperature,
            "top_p": protocol.top_p,
            "top_k": protocol.top_k,
            "questions": {
                subset.benchmark.name: {"count": len(subset.questions), "sha256": subset.sha256}
                for subset in self.sets
            },
        }


def adjusted(protocol: Protocol, suite: Suite, samples: int = 0, response: int = 0) -> Protocol:
    """Return a protocol with the lengths of a suite, and what the user gave.

    Args:
        protocol: as its file says.
        suite: its lengths replace the protocol's; 0 does not.
        samples: per question; 0 is the protocol's.
        response: longest response, tokens; 0 is the suite's, else the protocol's.
    """
    changes = {
        "samples": samples or protocol.samples,
        "prompt_tokens": suite.prompt_tokens or protocol.prompt_tokens,
        "response_tokens": response or suite.response_tokens or protocol.response_tokens,
    }
    return protocol.model_copy(update=changes)


def load_sets(suite: Suite, chosen: Sequence[str], root: Path, most: int = 0) -> tuple[Set, ...]:
    """Return the questions of a suite's benchmarks, prepared below `root`.

    `chosen` names some of them, empty takes all; `most` takes the first so many questions of each,
    0 takes all.

    Raises:
        HarnessError: a benchmark is not of the suite, or see `questions.load_set`.
    """
    unknown = next((name for name in chosen if name not in suite.benchmarks), None)
    if unknown is not None:
        raise UsageError(
            f"suite {suite.name} has no benchmark {unknown!r}: {suggest(unknown, suite.benchmarks)}"
        )
    names = [name for name in suite.benchmarks if not chosen or name in chosen]
    return tuple(load_set(benchmark_of(name), root, most) for name in names)


def sample_seed(seed: int, benchmark: str, question: str, sample: int) -> int:
    """Return the sampling seed of one response, in [0, 2**31); `sample` counts from 0."""
    # the model does not enter: two models answer a question with the same random numbers
    text = f"evaluation|{seed}|{benchmark}|{question}|{sample}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % (1 << _BITS)
