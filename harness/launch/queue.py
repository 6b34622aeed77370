"""What a queue is to the suite: jobs with states, whoever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.schema import UsageError
from harness.store.states import InQueue


class QueueError(UsageError):
    """The queue does not answer, or it refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A job as its queue shows it.

    Attributes:
        job: its id.
        name: that it was given; begins with `harness.store.submissions.NAME_PREFIX` if it is ours.
        state: as a state of ours.
        detail: state and reason as the queue writes them.
        node: where it runs or ran; "" if the queue does not say.
    """

    job: str
    name: str
    state: InQueue
    detail: str
    node: str = ""


class Queue(Protocol):
    """Slurm, or a Ray cluster."""

    @property
    def name(self) -> str:
        """Which one: stands in the submissions."""
        ...

    def jobs(self) -> Mapping[str, QueuedJob]:
        """Return id -> job of this user, as far as the queue knows; `QueueError` if silent."""
        ...

    def cancel(self, job: str) -> None:
        """End a job; `QueueError` if the queue refuses."""
        ...
