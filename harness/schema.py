"""The nouns of the suite: what was asked for (Spec), what happened (Record), and how things fail.

Plain data and nothing else: this module imports no other room, so every room may import it.
Files are written by their owners (`harness.store`); here is what stands in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

SCHEMA_VERSION = 1
"""Version of spec.yaml, record.json and the tables; a reader refuses any other."""

FORMULAS = "verl's formulas"
"""What the installed verl computes (`harness.plugins.fingerprint`), among the versions of a run."""

OTHER_FORMULAS = "other: "
"""How that begins where verl computes something else than its formulas say."""

REPORTED_ONLY = ("verl.trainer.logger", "verl.trainer.project_name", "verl.trainer.experiment_name")
"""Config keys that say how a cell is logged, not what it computes: they are not part of its id."""


class ExitCode(IntEnum):
    """Exit codes of every command line (architecture: command lines)."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    WORSE = 10
    CANNOT_TELL = 11
    NOT_COMPARABLE = 12
    CELLS_FAILED = 20
    # as a shell says of a program that the signal for a closed pipe ended
    CLOSED_PIPE = 141


class HarnessError(Exception):
    """An error that is told in one sentence: what was wrong, found, expected, and what to do."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(HarnessError):
    """The request itself is wrong: nothing was started and nothing was changed."""


class DamagedError(HarnessError):
    """A file that the suite relies on is not what it was when it was written."""


class BusyError(HarnessError):
    """Another process holds what this one needs; nothing was changed."""


class Status(StrEnum):
    """State of a cell, and of each of its attempts."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Content hashes of everything besides the config that decides what a cell computes.

    Attributes:
        data: sha256 of the training and evaluation rows.
        model: sha256 over the files of the initial model.
        sources: repository path -> sha256 of each source file that runs inside the cell
            (reward, plugin package, agent loop).
        versions: distribution name -> version of the engine packages ("absent" if not installed).
    """

    data: str
    model: str
    sources: Mapping[str, str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpec:
    """One cell of a matrix: one arm of one ablation at one training seed.

    Attributes:
        scale: scale name, for example "micro".
        ablation: stem of the ablation file.
        levels: factor -> level, in the order in which the ablation names its factors.
        seed: the training seed, the replicate (one of `harness.spec.seeds.SEEDS`).
        config: the resolved config of this cell. Its `verl` mapping mirrors verl's own keys.
            Paths in it are tokens ("@model", "@data/train.parquet", "@attempt/generations"), filled
            in at launch, so that the same work has the same id everywhere.
        inputs: hashes of what the config refers to.
    """

    scale: str
    ablation: str
    levels: Mapping[str, str]
    seed: int
    config: Mapping[str, Any]
    inputs: Inputs

    @property
    def arm(self) -> str:
        """Name of the arm, "factor=level" joined by commas in factor order."""
        return ",".join(f"{factor}={level}" for factor, level in self.levels.items())

    @property
    def cell_id(self) -> str:
        """sha256 (hex) of what the cell computes: config, seed and inputs; no paths, no logging.

        The ablation's and the arm's names do not enter: the same work asked for by two ablations
        is the same work.
        """
        return content_hash(
            {
                "schema": SCHEMA_VERSION,
                "seed": self.seed,
                "config": dict(computed_items(self.config)),
                "inputs": asdict(self.inputs),
            }
        )

    @property
    def run_name(self) -> str:
        """Directory name of the cell: `<arm>-s<seed>-<first 8 hex digits of the id>`."""
        return f"{self.arm}-s{self.seed}-{self.cell_id[:8]}"


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One start of a cell's training process.

    Attributes:
        number: counts from 0; the folder is `attempt-<number>`.
        status: how it ended, or RUNNING.
        reason: one line; empty when done.
        started / ended: ISO 8601 UTC; `ended` is None while it runs.
        last_step: last training step whose metrics were written; None if there was none.
        exit_code: of the training process; None if it was not seen to end.
        torn_lines: number of incomplete last lines dropped from its streams.
        resumed_from: step of the checkpoint of an earlier attempt from which it went on; None for
            one that began at step 0.
    """

    number: int
    status: Status = Status.RUNNING
    reason: str = ""
    started: str = ""
    ended: str | None = None
    last_step: int | None = None
    exit_code: int | None = None
    torn_lines: int = 0
    resumed_from: int | None = None


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """What happened to one cell: record.json.

    Attributes:
        cell_id: full id of the cell.
        arm, seed, ablation, scale: as in the spec.
        status: of the cell; that of its last attempt.
        reason: one line; empty when done.
        attempts: every start, oldest first.
        seeds: purpose -> derived seed (see `harness.spec.seeds`).
        provenance: versions, code commit and diff, hardware, environment (`harness.provenance`).
        evaluation_rows: "expected" and "found" numbers of per-sample validation rows.
    """

    cell_id: str
    arm: str
    seed: int
    ablation: str
    scale: str
    status: Status = Status.PENDING
    reason: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    evaluation_rows: dict[str, int] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, leaf) of a nested mapping, in its own order.

    Lists are leaves. An empty mapping is a leaf too, so that no key is lost.
    """
    for key, value in tree.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from flatten(value, path)
        else:
            yield path, value


def unflatten(items: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested mapping of dotted keys: the inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for path, value in items.items():
        *parents, last = path.split(".")
        node = tree
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = value
    return tree


def computed_items(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the flattened config without the keys of `REPORTED_ONLY`."""
    for key, value in flatten(config):
        if not key.startswith(REPORTED_ONLY):
            yield key, value


def content_hash(value: object) -> str:
    """Return the sha256 (64 hex digits) of a JSON-like value, independent of key order.

    Raises:
        TypeError: the value holds something that JSON cannot express.
        ValueError: the value holds NaN or an infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
