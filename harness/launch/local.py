"""Runs one attempt of a cell on this machine: start, watch, end, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

import psutil

from harness.launch import nursery, supervise
from harness.launch.accounting import ACCOUNTS_FILE, Accounts
from harness.launch.cleanup import Leftovers, ProcessNote, remove_note, write_note
from harness.launch.environment import trainer_environment
from harness.launch.logs import LogFollower, MetricsFollower, keep_ray_logs, last_lines
from harness.launch.processes import Family, end_processes, tagged
from harness.launch.progress import Pace, Progress
from harness.launch.stop import StopRequest, catch_stop
from harness.launch.watchdog import Finding, Limits, Observation, judge, name_of_the_dead
from harness.plugins import fingerprint
from harness.schema import Status

LOG_FILE = "log.txt"
METRICS_FILE = "metrics.jsonl"


class Command(Protocol):
    """What is needed of `harness.launch.command.Command`."""

    @property
    def argv(self) -> tuple[str, ...]:
        """Program and arguments."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that the command sets."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """How an attempt ended.

    Attributes:
        status: DONE, FAILED or INTERRUPTED.
        reason: one line that names the log; empty when done.
        exit_code: of the trainer, negative for a signal; None if it did not end by itself.
        last_step: largest step with metrics; None if there was none.
        torn_lines: lines of the metrics stream that could not be read.
        log: path of the log that tells most.
        tail: its last lines; empty when done.
        formulas: what the installed verl computes (`harness.plugins.fingerprint`); "" if the
            trainer did not come so far.
    """

    status: Status
    reason: str
    exit_code: int | None
    last_step: int | None
    torn_lines: int
    log: Path
    tail: tuple[str, ...] = ()
    formulas: str = ""


def run_attempt(
    command: Command,
    attempt_dir: Path,
    *,
    steps: int,
    limits: Limits,
    observe: Callable[[Progress], None],
    scratch: Path | None = None,
) -> AttemptEnd:
    """Run the command to its end, or to the first finding of the watchdog.

    Standard output and errors go to log.txt in the attempt's folder, which is also the working
    directory; the metrics are read from metrics.jsonl there. Ctrl-C, SIGTERM and SIGHUP end the
    attempt in order; the caller sees INTERRUPTED and ends too. In every case all processes of the
    attempt, their shared-memory segments and sockets are gone afterwards.

    Args:
        command: argv, and the environment variables that it sets.
        attempt_dir: existing folder of the attempt.
        steps: training steps that must have metrics for success.
        limits: of the watchdog.
        observe: called about every `limits.poll_s` seconds.
        scratch: directory from `cleanup.scratch_directory()`, for sockets and temporary files; its
            removal is the caller's.

    Raises:
        OSError: the log cannot be written; nothing was started.
        UsageError: process.json cannot be written; nothing is left running.
    """
    with catch_stop() as stop:
        attempt = _Attempt(command, attempt_dir.absolute(), steps, limits, scratch)
        try:
            finding = attempt.watch(observe, stop)
            log, tail = attempt.evidence(finding)
        finally:
            attempt.end()
        return attempt.describe(finding, log, tail)


class _Attempt:
    """One running attempt: the supervisor, the followers of its streams, and what they saw."""

    def __init__(
        self,
        command: Command,
        attempt_dir: Path,
        steps: int,
        limits: Limits,
        scratch: Path | None,
    ) -> None:
        self.dir, self.steps, self.limits, self.scratch = attempt_dir, steps, limits, scratch
        self.tag = uuid.uuid4().hex
        self.leftovers = Leftovers()
        self.log, self.pace = LogFollower(attempt_dir / LOG_FILE), Pace()
        self.metrics = MetricsFollower(attempt_dir / METRICS_FILE)
        self.accounts = Accounts(attempt_dir / ACCOUNTS_FILE)
        self.last_row: float | None = None
        self.death_since: float | None = None
        self.exit_code: int | None = None
        self.died_first = ""
        self.started = time.monotonic()
        self.process = self._start(command)
        try:
            self.family = Family(self.process.pid)
            # until process.json is there, no later start would find these processes
            write_note(attempt_dir, self._note())
        except BaseException:
            self._stop_processes()
            raise

    def _start(self, command: Command) -> subprocess.Popen[bytes] | nursery.KeptProcess:
        environment = trainer_environment(os.environ, command.environment, self.tag, self.scratch)
        # appended to, so that nothing of a log that is there is lost
        with (self.dir / LOG_FILE).open("ab") as log:
            place = nursery.Place(self.dir, log, self.limits.grace_s)
            kept = nursery.start(command.argv, environment, place)
            return kept or self._start_new(command.argv, environment, log)

    def _start_new(
        self, argv: tuple[str, ...], environment: Mapping[str, str], log: BinaryIO
    ) -> subprocess.Popen[bytes]:
        # -S: the standard library is enough, and starts faster. -P: else its folder would be
        # searched first, and queue.py there hides the library's.
        program = (sys.executable, "-S", "-P", supervise.__file__)
        arguments = (str(os.getpid()), f"{self.limits.grace_s:g}", *argv)
        return subprocess.Popen(
            (*program, *arguments),
            cwd=self.dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _note(self) -> ProcessNote:
        return ProcessNote(
            tag=self.tag,
            pid=self.process.pid,
            created=self.family.created,
            started=self.leftovers.since,
            scratch=str(self.scratch or ""),
            before=self.leftovers.as_json(),
        )

    def watch(self, observe: Callable[[Progress], None], stop: StopRequest) -> Finding:
        """Observe until there is a finding or a request to stop."""
        while not stop.is_set:
            seen = self._observation()
            observe(self._progress(seen.now))
            finding = judge(seen, self.limits)
            if finding is not None:
                return finding
            self._sleep()
        return Finding(Status.INTERRUPTED, f"stopped by {stop.signal_name}")

    def _sleep(self) -> None:
        try:
            self.process.wait(timeout=self.limits.poll_s)
        except subprocess.TimeoutExpired:
            return

    def _observation(self) -> Observation:
        exit_code = self.exit_code = self.process.poll()
        now = time.monotonic() - self.started
        self.log.read()
        for step in self.metrics.read():
            self.last_row = now
            if step >= 1:
                self.pace.note(now, step)
        self.family.refresh()
        self.leftovers.note(process.pid for process in self.family.members)
        self.accounts.note(now, self.log.phase_name, self.metrics.last_step, self.family.members)
        lost = self.family.lost()
        dead = name_of_the_dead(lost, self.log.engine_death, self.log.ray_death)
        # a death is forgotten when nothing is dead any more
        self.death_since = (self.death_since or now) if dead else None
        # a trainer that fails or is killed takes its parts down: what dies then is no cause
        is_ending = self.log.is_failing or self.family.has_lost_trainer() or exit_code is not None
        before = () if is_ending else lost
        dead = name_of_the_dead(before, self.log.engine_death, self.log.ray_death)
        self.died_first = self.died_first or dead
        seen = Observation(
            now=now,
            steps=self.steps,
            last_step=self.metrics.last_step,
            last_row=self.last_row,
            exit_code=exit_code,
            lost=lost,
            engine_death=self.log.engine_death,
            ray_death=self.log.ray_death,
            death_since=self.death_since,
            died_first=self.died_first,
            # every process has to be read for it, so only where there is a limit
            rss_bytes=self.family.rss_bytes() if self.limits.rss_bytes is not None else 0,
            available_bytes=psutil.virtual_memory().available,
            disk_bytes=shutil.disk_usage(self.dir).free,
        )
        return seen if exit_code is None else replace(seen, failure=self._failure())

    def _failure(self) -> str:
        self.log.close()
        return self.log.failure

    def _progress(self, now: float) -> Progress:
        return Progress(
            phase=self.log.phase_name,
            step=self.metrics.last_step or 0,
            steps=self.steps,
            elapsed_s=now,
            step_s=self.pace.step_s,
            metrics=self.metrics.latest,
        )

    def _stop_processes(self) -> None:
        """Ask the supervisor to end its tree; if it cannot, do it in its place."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                # longer than what the supervisor itself waits for: grace, half of it again, and the
                # kill
                self.process.wait(timeout=2 * self.limits.grace_s + supervise.KILL_WAIT_S + 5.0)
            except subprocess.TimeoutExpired:
                end_processes(psutil.Process(self.process.pid).children(recursive=True), 1.0)
                self.process.kill()
                self.process.wait()
        # what left the supervisor's tree all the same still has the tag
        end_processes(tagged(self.tag), self.limits.grace_s)

    def end(self) -> None:
        """End every process of the attempt and remove what they left in shared directories."""
        self.leftovers.note(process.pid for process in self.family.members)
        self._stop_processes()
        # after the processes: a segment that is held is not removed
        self.leftovers.remove()
        remove_note(self.dir)

    def evidence(self, finding: Finding) -> tuple[Path, tuple[str, ...]]:
        """Return the log that tells most and its last lines; keeps Ray's logs of a failure.

        Taken before the end, because processes that are being ended write much that tells nothing.
        """
        log = self.dir / LOG_FILE
        if finding.status is Status.FAILED and self.scratch is not None:
            log = keep_ray_logs(self.scratch, self.dir, finding.log) or log
        return log, () if finding.status is Status.DONE else last_lines(log)

    def describe(self, finding: Finding, log: Path, tail: tuple[str, ...]) -> AttemptEnd:
        """Describe the end; the metrics that were written last are still read."""
        self.metrics.close()
        is_done = finding.status is Status.DONE
        return AttemptEnd(
            status=finding.status,
            reason=f"{finding.reason} ({log.relative_to(self.dir.parent)})" if not is_done else "",
            exit_code=self.exit_code,
            last_step=self.metrics.last_step,
            torn_lines=self.metrics.torn,
            log=log,
            tail=tail,
            formulas=fingerprint.read(self.dir),
        )
