"""What each launcher makes of a cell: a command, a batch script, or a job of a Ray cluster.

Pure but for reading where things lie: the same text is printed by `dry_run=true verbose=true` and
submitted.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.launch.command import LOGICAL_CPUS, CellPaths, build_command
from harness.launch.environment import CLUSTER_ADDRESS
from harness.launch.queue import Queue
from harness.launch.ray_jobs import Needs, RayJobs
from harness.launch.slurm import Slurm
from harness.launch.slurm_script import SlurmJob, job_script
from harness.paths import ROOT
from harness.plan.recipe import value_of
from harness.run.session import data_dir
from harness.schema import CellSpec, UsageError
from harness.spec.inputs import model_dir
from harness.spec.study import Study
from harness.store.ledger import RunStore
from harness.store.submissions import Submission, job_name

LOCAL, SLURM, RAY = "local", "slurm", "ray"
SCRATCH = Path("/tmp/scratch")
"""Shown in the place of the directory that a launch makes for itself."""

SCRIPT_FILE = "job.sh"
JOB_LOG = "job.log"
GIB = 1 << 30


def launcher_name(study: Study) -> str:
    """Return the launcher of a request."""
    return str(study.request.launcher["name"])


def shown_launch(study: Study, cell: CellSpec) -> str:
    """Return the launch of a cell as text, as `dry_run=true verbose=true` prints it."""
    return _SHOWN[launcher_name(study)](study, cell)


def shell_line(study: Study, cell: CellSpec) -> str:
    """Return the command of a cell's next attempt, quoted for a shell."""
    store = RunStore(study.root)
    paths = CellPaths(
        model=model_dir(cell.config["model"]),
        data=data_dir(store, cell),
        attempt=(store.run_dir(cell) / "attempt-0").absolute(),
        scratch=SCRATCH,
    )
    command = build_command(cell, paths)
    environment = [f"{name}={value}" for name, value in command.environment.items()]
    return shlex.join(["env", *environment, *command.argv])


def worker_argv(study: Study, cell: CellSpec) -> tuple[str, ...]:
    """Return the command that runs one cell of a request where it is started.

    It composes the request again and finds the cell by its id, so that a checkout, data or packages
    that changed since the submission are refused and never mixed up.
    """
    overrides = [
        text
        for text in study.request.overrides
        if not text.startswith(("dry_run=", "verbose=", "results_dir="))
    ]
    # absolute: a job is not started in this directory
    results = f"results_dir={study.request.results_dir.absolute()}"
    run = (sys.executable, "-m", "harness.cells", "run", f"cell={cell.cell_id[:16]}")
    return (*run, *overrides, results)


def slurm_job(study: Study, cell: CellSpec) -> SlurmJob:
    """Return the fields of the batch script of a cell.

    Raises:
        UsageError: the nodes that are asked for are fewer than the cell needs.
    """
    settings, trainer = study.request.launcher, cell.config["verl"]["trainer"]
    needed = int(value_of(cell.config["verl"], "trainer.nnodes"))
    nodes = _at_least("nodes", settings.get("nodes"), needed)
    on_cpu = trainer.get("device") == "cpu"
    own = 0 if on_cpu else int(value_of(cell.config["verl"], "trainer.n_gpus_per_node"))
    gpus = _at_least("gpus_per_node", settings.get("gpus_per_node"), own)
    run_dir = RunStore(study.root).run_dir(cell).absolute()
    return SlurmJob(
        name=job_name(cell.cell_id),
        title=f"{study.ablation.name} at scale {study.request.scale}: {cell.run_name}",
        log=run_dir / JOB_LOG,
        nodes=nodes,
        gpus=gpus,
        # veRL counts "GPU" on a CPU too, and its actors wait for slots rather than for cores
        logical=(str(LOGICAL_CPUS), "1") if on_cpu else ("-", str(gpus)),
        worker=worker_argv(study, cell),
        python=sys.executable,
        root=ROOT,
        settings=settings,
    )


def ray_needs(study: Study, cell: CellSpec) -> Needs:
    """Return the resources that a cell takes of a Ray cluster.

    A cell that fits on one node reserves its GPUs there and has a private Ray beside its job. One
    that needs more nodes joins the cluster, whose placement groups then reserve the GPUs.
    """
    settings, verl = study.request.launcher, cell.config["verl"]
    on_cpu = verl["trainer"].get("device") == "cpu"
    nodes, per_node = value_of(verl, "trainer.nnodes"), value_of(verl, "trainer.n_gpus_per_node")
    joins = not on_cpu and int(nodes) > 1
    return Needs(
        cpus=float(settings["cpus"]),
        gpus=0.0 if on_cpu or joins else float(per_node),
        memory=int(float(settings.get("memory_gib") or 0) * GIB),
        resources={str(k): float(v) for k, v in (settings.get("resources") or {}).items()},
        joined_gpus=int(nodes) * int(per_node) if joins else 0,
    )


def ray_entrypoint(study: Study, cell: CellSpec) -> str:
    """Return the line for the shell of the node on which a cell's job is placed.

    What the cell prints goes to the log of the job, which Ray keeps, and its own files to the
    results directory, which all nodes must see at the same place, as the checkout.
    """
    joins = bool(ray_needs(study, cell).joined_gpus)
    # the cluster that runs the job, by the address with which it starts each of them
    cluster = f'export {CLUSTER_ADDRESS}="$RAY_ADDRESS"' if joins else f"unset {CLUSTER_ADDRESS}"
    run = f"exec {shlex.join(worker_argv(study, cell))}"
    return f"cd {shlex.quote(str(ROOT))} && {cluster} && {run}"


def ray_job(study: Study, cell: CellSpec) -> str:
    """Return a cell's job for the eye: its entrypoint and what it needs, as JSON."""
    needs = {key: value for key, value in asdict(ray_needs(study, cell)).items() if value}
    shown = {
        "name": job_name(cell.cell_id),
        "needs": needs,
        "entrypoint": ray_entrypoint(study, cell),
    }
    return json.dumps(shown, indent=2)


def open_queue(launcher: str, settings: Mapping[str, Any]) -> Slurm | RayJobs:
    """Return the queue of a launcher.

    Raises:
        UsageError: the launcher has none, or no address is given.
    """
    if launcher == SLURM:
        return Slurm()
    if launcher == RAY:
        return RayJobs(settings.get("address"))
    raise UsageError(f"launcher={launcher} has no queue: its cells run where it is started")


def queue_of(submission: Submission) -> Queue:
    """Return the queue that a cell was handed to."""
    return open_queue(submission.launcher, {"address": submission.queue})


def _at_least(key: str, given: Any, needed: int) -> int:
    if given is None:
        return needed
    if isinstance(given, bool) or not isinstance(given, int) or given < max(needed, 0):
        raise UsageError(f"launcher.{key} is {given!r}: the cells need at least {needed}")
    return given


_SHOWN: Mapping[str, Callable[[Study, CellSpec], str]] = {
    LOCAL: shell_line,
    SLURM: lambda study, cell: job_script(slurm_job(study, cell)),
    RAY: ray_job,
}
