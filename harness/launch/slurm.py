"""Slurm as a queue: sbatch, squeue, sacct, scancel and scontrol, read by pure functions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.launch.queue import QueuedJob, QueueError
from harness.store.states import InQueue
from harness.store.submissions import NAME_PREFIX

SQUEUE_FORMAT = "%i|%j|%T|%r|%N"
"""Job id, name, state, reason, nodes."""

SACCT_FIELDS = "JobID,JobName,State,NodeList"
LIMIT_S = 60.0

_PENDING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"}
    | {"RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
_RUNNING = frozenset(
    {"RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "RESIZING", "SUSPENDED", "STOPPED"}
)


def queue_state(state: str) -> InQueue:
    """Return the queue state that a job state of Slurm means.

    Args:
        state: as squeue or sacct writes it: "RUNNING", "CANCELLED by 1000", "CANCELLED+".

    Source: man squeue and man sacct of Slurm 22.05, section JOB STATE CODES.
    """
    first = state.split(" ", 1)[0].rstrip("+").upper()
    if first in _PENDING:
        return InQueue.PENDING
    if first in _RUNNING:
        return InQueue.RUNNING
    return InQueue.CANCELLED if first == "CANCELLED" else InQueue.ENDED


def read_squeue(text: str) -> dict[str, QueuedJob]:
    """Read what `squeue -h -o SQUEUE_FORMAT` printed; jobs that are not ours are left out."""
    return _read(line.split("|") for line in text.splitlines() if line.count("|") == 4)


def read_sacct(text: str) -> dict[str, QueuedJob]:
    """Read what `sacct -X -n -P -o SACCT_FIELDS` printed; jobs that are not ours are left out.

    A job that was queued again has a line for each start: the last one holds.
    """
    lines = (line.split("|") for line in text.splitlines() if line.count("|") == 3)
    return _read([job, name, state, "", node] for job, name, state, node in lines)


def _read(rows: Iterable[Sequence[str]]) -> dict[str, QueuedJob]:
    jobs = {}
    for job, name, state, reason, node in rows:
        if name.startswith(NAME_PREFIX):
            detail = state if reason in ("", "None") else f"{state} ({reason})"
            given = "" if node in ("None assigned", "") else node
            jobs[job] = QueuedJob(
                job=job, name=name, state=queue_state(state), detail=detail, node=given
            )
    return jobs


class Slurm:
    """The Slurm that this machine's commands talk to."""

    @property
    def name(self) -> str:
        """Slurm's own name of the cluster is not asked for: its commands know only one."""
        return "slurm"

    def jobs(self) -> Mapping[str, QueuedJob]:
        """Return our jobs: those of the accounting, where there is one, under those of squeue.

        Raises:
            QueueError: squeue cannot be run, or Slurm does not answer.
        """
        listed = read_squeue(
            _run(["squeue", "--me", "--noheader", "--states=all", f"--format={SQUEUE_FORMAT}"])
        )
        try:
            command = ["sacct", "-X", "-n", "-P", f"--format={SACCT_FIELDS}", "-S", "now-30days"]
            ended = read_sacct(_run(command))
        except QueueError:
            # without accounting squeue alone knows, and for some minutes after the end only
            ended = {}
        return {**ended, **listed}

    def submit(self, script: Path) -> str:
        """Submit a script and return the id of its job; `QueueError` if sbatch refuses it."""
        # it prints "id;cluster" where there are several clusters
        return _run(["sbatch", "--parsable", str(script)]).strip().split(";")[0]

    def cancel(self, job: str) -> None:
        """End a job; `QueueError` if scancel refuses."""
        _run(["scancel", job])

    def requeue(self, job: str) -> None:
        """Stop a running job and queue it again under its id; `QueueError` if that is refused."""
        _run(["scontrol", "requeue", job])


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError as error:
        raise QueueError(
            f"{command[0]} is not installed here: launcher=slurm works on a machine with Slurm's"
            " commands; dry_run=true verbose=true prints the scripts anywhere"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise QueueError(f"{command[0]} gave no answer within {LIMIT_S:g} s: try again") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise QueueError(f"{' '.join(command[:2])} was refused: {said}")
    return done.stdout
