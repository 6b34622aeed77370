"""Decides whether a running attempt may go on: pure rules over what was seen at one moment.

Files, processes and memory are observed elsewhere; a rule gets an `Observation` and the `Limits`
and gives a `Finding` or None. So every rule is tested without a process.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.launch.processes import Watched
from harness.schema import Status

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When an attempt is given up. Times in seconds, sizes in bytes.

    Attributes:
        start_s: from the start to the metrics of the first training step (step 1).
        step_s: from one row of metrics to the next, once there is a training step.
        exit_s: from the metrics of the last step to the end of the process.
        settle_s: how long a dead part is left alone: most often the trainer notices it too, and its
            own error says more.
        rss_bytes: largest sum of resident sizes of the attempt's processes; None for no limit.
        available_bytes: memory that the machine must keep available.
        disk_bytes: free space that the results' disk must keep.
        poll_s: time between two observations.
        grace_s: time that a process gets to end by itself after it was asked to.
    """

    start_s: float = 900.0
    step_s: float = 600.0
    exit_s: float = 180.0
    settle_s: float = 15.0
    rss_bytes: int | None = None
    available_bytes: int = 300 * MIB
    disk_bytes: int = 200 * MIB
    poll_s: float = 1.0
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of an attempt at one moment. Times are seconds since its start.

    Attributes:
        now: time of the observation.
        steps: training steps that were asked for.
        last_step: largest step with metrics (0 is the first validation); None before any.
        last_row: time at which the newest row of metrics was first seen; None before any.
        exit_code: of the trainer, negative for a signal; None while it runs.
        failure: line of the log that tells why it failed; empty if there is none.
        lost: processes of this attempt that must not die and did.
        engine_death / ray_death: line of the log that reports it; empty if none.
        death_since: time at which the oldest of these was first seen; None if none was.
        died_first: what died before the trainer itself began to fail; empty if nothing did.
        rss_bytes, available_bytes, disk_bytes: as in `Limits`.
    """

    now: float
    steps: int
    last_step: int | None = None
    last_row: float | None = None
    exit_code: int | None = None
    failure: str = ""
    lost: tuple[Watched, ...] = ()
    engine_death: str = ""
    ray_death: str = ""
    death_since: float | None = None
    died_first: str = ""
    rss_bytes: int = 0
    available_bytes: int = 1 << 62
    disk_bytes: int = 1 << 62

    @property
    def is_complete(self) -> bool:
        """True when every step that was asked for has its metrics."""
        return self.last_step is not None and self.last_step >= self.steps

    @property
    def is_training(self) -> bool:
        """True once a training step has its metrics; step 0 is only the first validation."""
        return self.last_step is not None and self.last_step >= 1


@dataclass(frozen=True, slots=True)
class Finding:
    """The end of an attempt.

    Attributes:
        status: DONE or FAILED.
        reason: one line without the name of the log; empty when done.
        log: stem of the log in Ray's directory which tells more; empty for the trainer's own log.
    """

    status: Status
    reason: str
    log: str = ""


Rule = Callable[[Observation, Limits], Finding | None]


def _fail(reason: str, log: str = "") -> Finding:
    return Finding(Status.FAILED, reason, log)


def _where(seen: Observation) -> str:
    if seen.last_step is None:
        return f"before any of {seen.steps} steps"
    return f"after step {seen.last_step} of {seen.steps}"


def exit_name(code: int) -> str:
    """Return "exit code 1", or "signal SIGKILL" for a negative code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def name_of_the_dead(lost: Sequence[Watched], engine_death: str, ray_death: str) -> str:
    """Name the dead part for a reason; empty if nothing died."""
    if lost:
        return f"{lost[0].role} (pid {lost[0].pid})"
    if engine_death:
        return "vLLM's engine"
    return "a part of Ray" if ray_death else ""


def ended(seen: Observation, _limits: Limits) -> Finding | None:
    """The trainer ended: done only with exit code 0 and the metrics of every step."""
    if seen.exit_code is None:
        return None
    if seen.exit_code == 0:
        if seen.is_complete:
            return Finding(Status.DONE, "")
        return _fail(f"the trainer ended with exit code 0 {_where(seen)}")
    how = f"the trainer ended with {exit_name(seen.exit_code)} {_where(seen)}"
    if seen.died_first:
        how = f"{seen.died_first} died, then {how}"
    if seen.failure:
        return _fail(f"{how}: {seen.failure}")
    if seen.exit_code == -signal.SIGKILL:
        return _fail(f"{how}, as the kernel does when memory runs out")
    return _fail(how)


def short_of_memory(seen: Observation, limits: Limits) -> Finding | None:
    """The attempt takes more memory than it may, or the machine has next to none left."""
    if limits.rss_bytes is not None and seen.rss_bytes > limits.rss_bytes:
        used, allowed = seen.rss_bytes // MIB, limits.rss_bytes // MIB
        return _fail(f"its processes held {used} MiB of memory, allowed are {allowed} MiB")
    if seen.available_bytes < limits.available_bytes:
        left, needed = seen.available_bytes // MIB, limits.available_bytes // MIB
        return _fail(f"the machine had {left} MiB of memory left, {needed} MiB must stay free")
    return None


def short_of_disk(seen: Observation, limits: Limits) -> Finding | None:
    """The disk of the results is nearly full."""
    if seen.disk_bytes >= limits.disk_bytes:
        return None
    left, needed = seen.disk_bytes // MIB, limits.disk_bytes // MIB
    return _fail(f"the disk of the results had {left} MiB left, {needed} MiB must stay free")


def part_died(seen: Observation, limits: Limits) -> Finding | None:
    """A process without which nothing goes on is dead, and the trainer lives on.

    Not asked once all steps are there: a trainer that ends takes its parts down in any order.
    """
    if seen.is_complete or seen.death_since is None:
        return None
    if seen.now - seen.death_since < limits.settle_s:
        return None
    what = name_of_the_dead(seen.lost, seen.engine_death, seen.ray_death)
    if seen.lost:
        log = seen.lost[0].log
        detail = f": {seen.engine_death}" if seen.engine_death and not log else ""
        return _fail(f"{what} died {_where(seen)}{detail}", log)
    if seen.last_row is not None and seen.last_row > seen.death_since:
        # Only a line says so, and steps came after it: what it tells of was not needed.
        return None
    log = "" if seen.engine_death else "raylet"
    return _fail(
        f"{what} died {_where(seen)}: {seen.engine_death or seen.ray_death}",
        log,
    )


def hung(seen: Observation, limits: Limits) -> Finding | None:
    """Nothing was written for longer than allowed."""
    if not seen.is_training and not seen.is_complete:
        if seen.now > limits.start_s:
            return _fail(f"no first step within {limits.start_s:g} s")
        return None
    waited = seen.now - (seen.last_row or 0.0)
    if seen.is_complete:
        if waited > limits.exit_s:
            return _fail(f"the trainer did not end within {limits.exit_s:g} s of its last step")
        return None
    if waited > limits.step_s:
        return _fail(f"no step within {limits.step_s:g} s {_where(seen)}")
    return None


RULES: tuple[Rule, ...] = (ended, short_of_memory, short_of_disk, part_died, hung)
"""Every rule, the most telling first."""


def judge(seen: Observation, limits: Limits) -> Finding | None:
    """Return the first finding of the rules, or None if the attempt may go on."""
    for rule in RULES:
        finding = rule(seen, limits)
        if finding is not None:
            return finding
    return None
