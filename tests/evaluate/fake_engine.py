"""An engine that answers without a model: what it says is decided by question and sample."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from harness.evaluate.engine import Request, Response
from harness.graders.verdict import Sample, Verdict, right, ungradable, wrong
from harness.micro.dataset import SOURCES, rows_of
from harness.micro.sampling import RESPONSE_LIMIT
from harness.rewards.response import extract_answer, same_answer

MICRO = {
    row["extra_info"]["question_id"]: str(row["reward_model"]["ground_truth"])
    for split in SOURCES
    if split != "train"
    for row in rows_of(split, 48)
}
"""Question id -> reference, of the micro suite."""


def boxed(answer: str) -> str:
    """A whole response with an answer."""
    return f" so it is </think>\n<answer> \\boxed{{{answer}}} </answer>"


class FakeEngine:
    """Sample 0 is right; sample 1 is cut off, and right; every other one has no box.

    Args:
        dies_after: kills its own process once it has given so many responses; -1 never does.
        wrong: question ids whose samples are all wrong.
        references: question id -> right answer.
        leaves_out: gives no response to the last so many requests.
    """

    def __init__(
        self,
        dies_after: int = -1,
        wrong: Sequence[str] = (),
        references: Mapping[str, str] = MICRO,
        leaves_out: int = 0,
    ) -> None:
        self.dies_after, self.wrong, self.references = dies_after, wrong, references
        self.leaves_out = leaves_out
        self.asked: list[Request] = []
        self.is_closed = False

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Response]]:
        """Give the responses in an order that mixes neighbouring questions."""
        self.asked = list(requests)
        mixed = _mixed(requests)
        for number, request in enumerate(mixed[: len(mixed) - self.leaves_out]):
            if number == self.dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            yield request, self._response(request)

    def close(self) -> None:
        """Remember that somebody closed it."""
        self.is_closed = True

    def _response(self, request: Request) -> Response:
        if request.question in self.wrong:
            return Response(boxed("-7"), "stop", 9)
        right = boxed(self.references[request.question])
        kinds = {0: Response(right, "stop", 10), 1: Response(right, "length", RESPONSE_LIMIT)}
        return kinds.get(request.sample, Response(" no box", "stop", 3))


class QuickPool:
    """The micro-world's rule instead of a grader's processes, which take a second to start."""

    def __init__(self, grader: str, *, workers: int) -> None:
        assert grader == "orz"
        assert workers > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def grade(self, samples: Sequence[Sample]) -> list[Verdict]:
        """Give one verdict per sample, in their order."""
        return [self._grade(sample) for sample in samples]

    def _grade(self, sample: Sample) -> Verdict:
        answer = extract_answer(sample.response)
        if not answer:
            return ungradable("no box")
        is_same = same_answer(answer, sample.reference)
        return right("same", answer) if is_same else wrong("another", answer)


def _mixed(requests: Sequence[Request]) -> list[Request]:
    swapped = list(requests)
    for place in range(0, len(swapped) - 3, 4):
        swapped[place + 1], swapped[place + 2] = swapped[place + 2], swapped[place + 1]
    return swapped
