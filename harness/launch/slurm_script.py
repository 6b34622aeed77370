"""The batch script of a cell: pure text, complete, valid for bash and for sbatch.

On one node it is the ordinary cell, whose Ray is private anyhow. On several it brings up a Ray
cluster of the job's own: ports that follow the job's number, a temporary directory per node, a
token that no command line shows, and a namespace of the cell's name. The cell then joins it by its
address, which is given and never found by chance.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cli import suggest
from harness.schema import UsageError

FIRST_PORT, PORTS_PER_JOB, PORT_BLOCKS = 20000, 8, 1500
"""A job takes the 8 ports from 20000 + 8 x (its number mod 1500): below Linux's own, from 32768."""

NODES_LIMIT_S = 600
"""Within which all nodes of a job must have joined its Ray cluster."""

OWN_DIRECTIVES = frozenset(
    {"job-name", "output", "open-mode", "nodes", "ntasks-per-node", "gpus-per-node", "partition"}
    | {"account", "time", "requeue", "no-requeue", "signal", "chdir"}
)
"""Directives that this file or a key of its own decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmJob:
    """What a script is made from.

    Attributes:
        name: of the job.
        title: one line: which cell.
        log: file for everything that the job prints.
        nodes: machines.
        gpus: per node; 0 asks for none.
        logical: CPUs and GPUs that Ray counts on a node, "-" for what the machine has.
        worker: argv that runs the cell.
        python: the interpreter.
        root: the checkout, at the same place on all nodes.
        settings: the launcher's keys.
    """

    name: str
    title: str
    log: Path
    nodes: int
    gpus: int
    logical: tuple[str, str]
    worker: tuple[str, ...]
    python: str
    root: Path
    settings: Mapping[str, Any]


def job_script(job: SlurmJob) -> str:
    """Return the script.

    Raises:
        UsageError: a directive is one that the suite sets itself, or would end its line.
    """
    parts = [
        "#!/bin/bash",
        f"# {job.title}",
        *(f"#SBATCH --{directive}" for directive in directives(job)),
        "",
        *_START,
        f"cd {shlex.quote(str(job.root))}",
        f"python={shlex.quote(job.python)}",
        *map(str, job.settings.get("setup") or ()),
        "",
        *_HANDLERS,
        "",
    ]
    if job.nodes > 1:
        parts += [*_cluster(job), ""]
    parts += ['if [ -n "$is_stopped" ]; then exit 20; fi', f"{shlex.join(job.worker)} &", *_WAIT]
    return "\n".join(parts) + "\n"


def directives(job: SlurmJob) -> list[str]:
    """Return the directives of sbatch, without their dashes.

    Raises:
        UsageError: see `job_script`.
    """
    settings = job.settings
    found = [
        f"job-name={job.name}",
        f"output={_one_word(job.log)}",
        "open-mode=append",
        f"nodes={job.nodes}",
        "ntasks-per-node=1",
        # said, since clusters differ in what they do with a preempted job by default
        "requeue",
        # B: to the batch shell alone, which stops the cell in order (`near_the_end`)
        f"signal=B:USR1@{int(settings['stop_before_s'])}",
    ]
    if job.gpus:
        found.append(f"gpus-per-node={job.gpus}")
    for key in ("partition", "account", "time"):
        if settings.get(key) is not None:
            found.append(f"{key}={_one_word(settings[key])}")
    return [*found, *_extra(settings.get("directives") or {})]


def _extra(given: Mapping[str, Any]) -> list[str]:
    found = []
    for key, value in given.items():
        name = str(key).replace("_", "-")
        if name in OWN_DIRECTIVES:
            keys = ("partition", "account", "time", "nodes", "gpus_per_node", "stop_before_s")
            raise UsageError(
                f"launcher.directives.{key} is one that the suite sets itself:"
                f" {suggest(f'launcher.{key}', [f'launcher.{own}' for own in keys])}"
            )
        if value is None or value is False:
            continue
        found.append(name if value is True else f"{name}={_one_word(value)}")
    return found


def _one_word(value: Any) -> str:
    """Return a value as sbatch reads it, quoted if it has blanks; `UsageError` for a line end."""
    text = str(value)
    if "\n" in text or '"' in text:
        raise UsageError(f"{text!r} cannot stand in a directive of sbatch: leave out the quotes")
    return f'"{text}"' if " " in text else text


_START = (
    "set -uo pipefail",
    "# a cell never joins a cluster that it finds",
    "unset RAY_ADDRESS HARNESS_RAY_ADDRESS",
    "# srun does not take the number of CPUs over from sbatch since Slurm 22.05",
    'if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then',
    '  export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"',
    "fi",
)

_HANDLERS = (
    'cell="" daemons="" is_over="" is_stopped=""',
    "# the job's time is nearly over: stop in order, then queue again",
    "near_the_end() { is_over=yes; stop_cell; }",
    "# cancelled or preempted: Slurm itself queues a preempted job again",
    'stop_cell() { is_stopped=yes; if [ -n "$cell" ]; then kill -TERM "$cell" 2>/dev/null; fi; }',
    "trap near_the_end USR1",
    "trap stop_cell TERM",
    "# a signal to the steps reaches what srun started; one to srun would let it be killed at once",
    "end_daemons() {",
    '  if [ -z "$daemons" ]; then return; fi',
    '  scancel --signal=TERM "$SLURM_JOB_ID" || kill $daemons 2>/dev/null',
    "  wait $daemons",
    "}",
    "trap end_daemons EXIT",
)

_WAIT = (
    "cell=$!",
    "# a signal ends a wait, not the cell",
    'while kill -0 "$cell" 2>/dev/null; do wait "$cell"; done',
    'wait "$cell"',
    "code=$?",
    'if [ -n "$is_over" ] && [ "$code" -ne 0 ]; then',
    '  scontrol requeue "$SLURM_JOB_ID"',
    "fi",
    'exit "$code"',
)


def _cluster(job: SlurmJob) -> list[str]:
    """Return the lines that start a Ray head and its workers and wait until all have joined."""
    node = '"$python" -m harness.launch.ray_node'
    sizes = " ".join(job.logical)
    counts = f"--nodes={job.nodes - 1} --ntasks={job.nodes - 1}"
    return [
        "# a private Ray cluster: own ports, temporary directories and token",
        f"port=$(({FIRST_PORT} + {PORTS_PER_JOB} * (SLURM_JOB_ID % {PORT_BLOCKS})))",
        'RAY_AUTH_TOKEN=$("$python" -c "import secrets; print(secrets.token_hex(32))") || exit 1',
        "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN",
        'mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")',
        'rest=$(IFS=,; echo "${nodes[*]:1}")',
        'on_first=(srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}")',
        f'on_others=(srun --overlap {counts} --ntasks-per-node=1 --nodelist="$rest")',
        f'ip=$("${{on_first[@]}}" {node} address) || exit 1',
        f'"${{on_first[@]}}" {node} head "$ip" "$port" {sizes} &',
        "daemons=$!",
        f'{node} wait "$ip" "$port" 1 {NODES_LIMIT_S} || exit 1',
        f'"${{on_others[@]}}" {node} worker "$ip" "$port" {sizes} &',
        'daemons="$daemons $!"',
        f'{node} wait "$ip" "$port" {job.nodes} {NODES_LIMIT_S} || exit 1',
        'export HARNESS_RAY_ADDRESS="$ip:$port"',
    ]
