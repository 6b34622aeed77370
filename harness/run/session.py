"""Carries out a study: data, then its cells. What is done is not done again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.launch.cleanup import end_leftovers, scratch_directory
from harness.launch.command import CellPaths, Cluster, build_command
from harness.launch.environment import CLUSTER_ADDRESS
from harness.launch.local import AttemptEnd, run_attempt
from harness.launch.nursery import kept_nurseries
from harness.launch.progress import CellLine, Display, Progress
from harness.launch.stop import StopRequest, catch_stop
from harness.metrics.health.evidence import setting_of
from harness.metrics.streams import RunFiles
from harness.paths import ROOT
from harness.provenance import collect
from harness.run.budget import Guard, allowed_gpu_hours
from harness.run.checks import cells_at_once, check_launch, watchdog_limits
from harness.run.vigil import Vigil
from harness.schema import FORMULAS, Attempt, CellSpec, DamagedError, RunRecord, Status
from harness.spec import inputs
from harness.spec.seeds import derived_seeds
from harness.spec.study import Study
from harness.store.ledger import RunStore
from harness.store.records import spec_document
from harness.store.resuming import Checkpoint, join_streams, newest_checkpoint
from harness.store.submissions import job_name

DATA = ".data"
"""Directory of the data sets, beside the runs that read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a study in this session.

    Attributes:
        launched: cells that were started.
        unfinished: cells of the request that are not done now.
        is_stopped: the user asked for the end.
    """

    launched: int
    unfinished: tuple[CellSpec, ...]
    is_stopped: bool


def pending_cells(study: Study, store: RunStore) -> list[CellSpec]:
    """Return the cells that are not done, in the order in which they run."""
    return [cell for cell in study.cells if store.status(cell) is not Status.DONE]


def data_dir(store: RunStore, spec: CellSpec) -> Path:
    """Return the directory of a cell's data set, which need not exist."""
    settings, parent = spec.config["dataset"], store.runs_dir / DATA
    return inputs.data_dir(settings, parent, spec.inputs.data).absolute()


def run_cells(study: Study, store: RunStore) -> Outcome:
    """Run every cell that is not done; a failed one does not stop the others.

    Raises:
        HarnessError: something that every cell needs is missing; nothing was started.
    """
    waiting = pending_cells(study, store)
    if not waiting:
        return Outcome(launched=0, unfinished=(), is_stopped=False)
    check_launch(study, store)
    # what reads claims and tables takes a second to import, and --help needs none of it
    from harness.claims.registration import at_launch

    data = {str(cell.config["dataset"]["name"]) for cell in study.cells}
    registered = at_launch(waiting[0].ablation, waiting[0].scale, ROOT, data)
    provenance = {**collect(ROOT), "registered": registered}
    at_once = min(cells_at_once(study), len(waiting))
    display = Display(len(study.cells), len(waiting), at_once=at_once)
    with catch_stop() as stop, kept_nurseries():
        session = _Session(study, store, provenance, display, stop)
        launched = sum(_each(session.run, waiting, at_once))
        is_stopped = stop.is_set
    return Outcome(
        launched=launched,
        unfinished=tuple(pending_cells(study, store)),
        is_stopped=is_stopped,
    )


def _each(
    run: Callable[[CellSpec], bool], cells: Sequence[CellSpec], at_once: int
) -> Iterator[bool]:
    """Call `run` for every cell, in order, in as many threads as cells run side by side."""
    if at_once == 1:
        yield from map(run, cells)
        return
    # threads will do: each only waits for its trainer's process
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        yield from pool.map(run, cells)


class _Session:
    """What the cells of one session share; `run` may be called from several threads."""

    def __init__(
        self,
        study: Study,
        store: RunStore,
        provenance: Mapping[str, Any],
        display: Display,
        stop: StopRequest,
    ) -> None:
        self.study, self.store, self.provenance = study, store, provenance
        self.display, self.stop = display, stop
        self.guard = Guard(store, allowed_gpu_hours(study.request.launcher))
        self._data_lock = threading.Lock()
        self._is_broken = False

    def run(self, cell: CellSpec) -> bool:
        """Run a cell unless the end was asked for; return whether it was started."""
        self.keep_budget()
        if self.stop.is_set or self._is_broken:
            return False
        number = self.study.cells.index(cell) + 1
        line = self.display.cell(number, f"{cell.arm} s{cell.seed}")
        try:
            return self._claim_and_run(cell, line)
        except BaseException:
            # a fault of the harness itself: no further cell starts, those that run may end
            self._is_broken = True
            raise

    def keep_budget(self) -> None:
        """Ask for the end if the study has used up its GPU-hours."""
        reason = self.guard.exceeded()
        if reason and not self.stop.is_set:
            self.stop.signal_name = reason

    def _claim_and_run(self, cell: CellSpec, line: CellLine) -> bool:
        """Run one cell under its lock."""
        store = self.store
        with store.claim(cell) as record:
            if record.status is Status.DONE:
                # another process was faster
                return False
            directory = store.run_dir(cell)
            for attempt in record.attempts:
                # before anything is read: what a killed harness left may still write
                end_leftovers(directory / f"attempt-{attempt.number}")
            # cells of one seed share their data set
            with self._data_lock:
                data = inputs.write_data(cell.config["dataset"], store.runs_dir / DATA).absolute()
            seeds = derived_seeds(cell.seed)
            join_streams(directory, record.attempts)
            checkpoint = newest_checkpoint(directory, record.attempts)
            path = store.begin_attempt(
                cell,
                record,
                seeds=seeds,
                provenance=self._provenance(cell, record),
                resumed_from=None if checkpoint is None else checkpoint.step,
            )
            try:
                end = self._attempt(cell, path.absolute(), data, checkpoint, line)
                join_streams(directory, record.attempts)
            except BaseException as error:
                # the record must not say "running" when nothing runs, whatever went wrong here
                reason = f"the harness failed: {type(error).__name__}: {error}"
                failed = Attempt(number=0, status=Status.FAILED, reason=reason)
                store.end_attempt(cell, record, failed)
                raise
            ended = _finish(store, cell, record, end)
            line.close(ended.status, ended.reason, end.tail, str(end.log))
        return True

    def _provenance(self, cell: CellSpec, record: RunRecord) -> dict[str, Any]:
        """Return the provenance of an attempt; its rules are those of the session's beginning."""
        from harness.claims.hashing import config_hash
        from harness.claims.registration import continued

        # the hash of the config is the cell's own; all else was collected once for the session
        now = {**self.provenance["registered"], "config": config_hash(cell.config)}
        return {**self.provenance, "registered": continued(record, now)}

    def _attempt(
        self, cell: CellSpec, path: Path, data: Path, checkpoint: Checkpoint | None, line: CellLine
    ) -> AttemptEnd:
        resumed_from = None if checkpoint is None else checkpoint.step
        setting = setting_of(cell.config["verl"], resumed_from)
        vigil = Vigil(path, setting, lambda finding: line.warn(finding.text))

        def observe(progress: Progress) -> None:
            self.keep_budget()
            line.observe(progress)
            vigil.look()

        with scratch_directory() as scratch:
            model = inputs.model_dir(cell.config["model"])
            filled = CellPaths(model=model, data=data, attempt=path, scratch=scratch)
            command = build_command(
                cell,
                filled,
                cluster=given_cluster(os.environ, cell),
                checkpoint=None if checkpoint is None else checkpoint.path.absolute(),
            )
            self.store.write_command(path, command.argv, command.environment)
            end = run_attempt(
                command,
                path,
                steps=self.study.steps,
                limits=watchdog_limits(self.study),
                observe=observe,
                scratch=scratch,
            )
            # the last lines are written after the last look
            vigil.look()
            return end


def given_cluster(environment: Mapping[str, str], cell: CellSpec) -> Cluster | None:
    """Return the Ray cluster that this process was told to join; None for a private one."""
    address = environment.get(CLUSTER_ADDRESS)
    return Cluster(address=address, namespace=job_name(cell.cell_id)) if address else None


def _finish(store: RunStore, cell: CellSpec, record: RunRecord, end: AttemptEnd) -> Attempt:
    """Write how the attempt ended, with the number of its evaluation rows; return it."""
    ended = Attempt(
        number=record.attempts[-1].number,
        status=end.status,
        reason=end.reason,
        exit_code=end.exit_code,
        last_step=end.last_step,
        torn_lines=end.torn_lines,
    )
    run = RunFiles(path=store.run_dir(cell), spec=spec_document(cell), record=record)
    # tables take half a second to import, and a dry run needs none of them
    from harness.metrics.evaluation import evaluation_plan, read_samples

    if end.formulas:
        versions = {**record.provenance["versions"], FORMULAS: end.formulas}
        record.provenance = {**record.provenance, "versions": versions}
    rows = {"expected": int(evaluation_plan(run.spec).rows)}
    try:
        rows["found"] = len(read_samples(run).rows)
    except DamagedError as error:
        # a cell whose samples cannot be read has no result, however it ended
        ended.status, ended.reason = Status.FAILED, ended.reason or str(error)
    store.end_attempt(cell, record, ended, rows)
    return ended
