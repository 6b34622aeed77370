"""The work that a peer is given, how its responses are graded, and the line that it prints.

Light to import: what a peer takes to start is measured.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from harness.rewards import rule

STOP_TEXT = "</answer>"
"""The one stop string of the suite's agent loop that is a single token of the micro models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a cell of the suite did, as settings for a peer.

    Attributes:
        model: directory of the base model.
        batches: [step][prompt] -> (prompt, reference answer); the steps that are to be made.
        samples: responses per prompt.
        response_limit: longest response [tokens].
        temperature: of sampling.
        rate: of AdamW.
        clip: of the ratio, on both sides.
        clip_grad: largest gradient norm.
        micro_batch: sequences of one training pass.
        threads: of torch.
        seed: of sampling.
    """

    model: str
    batches: list[list[tuple[str, str]]]
    samples: int
    response_limit: int
    temperature: float
    rate: float
    clip: float
    clip_grad: float
    micro_batch: int
    threads: int
    seed: int

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_work(argv: Sequence[str]) -> Work:
    """Return the work that the command line names: ``work=<file>``."""
    if len(argv) != 1 or not argv[0].startswith("work="):
        sys.exit(
            f"found {' '.join(argv) or 'no argument'}: expected work=<file>, one of Work.write"
        )
    document = json.loads(Path(argv[0].removeprefix("work=")).read_text(encoding="utf-8"))
    return Work(**document)


def grade(text: str, reference: str, *, is_finished: bool) -> float:
    """Return what the suite's rule pays for a response: 0 or 1."""
    extra = {"finish_reason": "stop" if is_finished else "length"}
    return float(rule.compute_score("micro_train", text, reference, extra)["score"])


@dataclass(slots=True)
class Report:
    """What a peer did.

    Attributes:
        packages: whose versions are told.
        step_s: seconds of each step, generation included.
        generation_s: seconds of each step's generation and scoring.
        response_tokens: mean tokens of a response, of each step.
        reward: mean reward of each step.
        first_step_end: `time.time()` at the end of the first step.
    """

    packages: Sequence[str]
    step_s: list[float] = field(default_factory=list)
    generation_s: list[float] = field(default_factory=list)
    response_tokens: list[float] = field(default_factory=list)
    reward: list[float] = field(default_factory=list)
    first_step_end: float = float("nan")

    def note_responses(self, tokens: Sequence[int], rewards: Sequence[float]) -> None:
        """Take note of the responses of one step."""
        self.response_tokens.append(sum(tokens) / len(tokens))
        self.reward.append(sum(rewards) / len(rewards))

    def note_step(self, seconds: float) -> None:
        """Take note of the end of a step."""
        if not self.step_s:
            self.first_step_end = time.time()
        self.step_s.append(seconds)

    def print(self) -> None:
        """Print everything as one line of JSON, the process's own times and memory included."""
        # late, as everything that the work itself does not need
        import psutil

        begin = psutil.Process().create_time()
        versions = {name: version(name) for name in self.packages}
        document = {
            "versions": {"python": platform.python_version(), **versions},
            "step_s": self.step_s,
            "generation_s": self.generation_s,
            "response_tokens": self.response_tokens,
            "reward": self.reward,
            "to_first_step_s": self.first_step_end - begin,
            "process_s": time.time() - begin,
            "peak_rss_mib": getrusage(RUSAGE_SELF).ru_maxrss / 2**10,
        }
        print(json.dumps(document), flush=True)
