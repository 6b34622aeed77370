"""Spec -> argv and environment of veRL's own trainer. Pure: reads nothing but veRL's key list.

The argv that is stored beside a run is the command that reproduces it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.paths import ROOT
from harness.schema import CellSpec, flatten
from harness.spec.verl_keys import verl_keys

LOGICAL_CPUS = 16
"""What Ray is told on a CPU: its actors wait for each other's slots, not for real cores."""

QUIET_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HYDRA_FULL_ERROR": "1",
    "PYTHONUNBUFFERED": "1",
}
"""Nothing calls home; errors and output arrive whole and at once."""

HYDRA_OVERRIDES = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=stdout")
"""veRL's own Hydra then writes no file: its output is in log.txt, its config in spec.yaml."""

_PLAIN_WORD = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:-]*")
_READ_AS_OTHER = frozenset({"null", "true", "false", "nan", "inf"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPaths:
    """Directories that the tokens of a config stand for.

    Attributes:
        model: of the initial model, "@model".
        data: of the parquet files, "@data/...".
        attempt: of this attempt's streams, "@attempt/...".
        scratch: short-lived and with a short path (Ray puts Unix sockets there), "@scratch/...".
    """

    model: Path
    data: Path
    attempt: Path
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Ray cluster that a cell joins, for one that needs more than a machine.

    Attributes:
        address: ip:port, given by whoever started it for this cell, never found.
        namespace: for the cell's actors alone.
    """

    address: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What starts a cell: the argv, and the variables set for it."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


def build_command(
    spec: CellSpec,
    paths: CellPaths,
    *,
    cluster: Cluster | None = None,
    checkpoint: Path | None = None,
) -> Command:
    """Return the command that runs one cell.

    Args:
        spec: the cell.
        paths: what its path tokens stand for.
        cluster: that it joins; None starts a private Ray head on this machine.
        checkpoint: `global_step_<n>` of an earlier attempt, from which it goes on; None begins at
            step 0. The evaluation of that step is the earlier attempt's.

    Raises:
        ValueError: the config holds a token or a value that cannot be written on a command line.
    """
    settings = dict(flatten(spec.config["verl"]))
    settings["trainer.experiment_name"] = spec.run_name
    device = settings.get("trainer.device", "cuda")
    settings.update(_joining(cluster) if cluster else _ray_settings(device))
    if checkpoint is not None:
        settings["trainer.resume_mode"] = "resume_path"
        settings["trainer.resume_from_path"] = str(checkpoint)
        # the step of the checkpoint was evaluated by the attempt that saved it
        settings["trainer.val_before_train"] = False
    # null: the variable is not set, which is not the same as an empty one
    given = {k: str(v) for k, v in spec.config["environment"].items() if v is not None}
    environment = {
        **given,
        **QUIET_ENVIRONMENT,
        "VERL_FILE_LOGGER_PATH": str(paths.attempt / "metrics.jsonl"),
        "PYTHONPATH": str(ROOT),
    }
    if cluster is not None:
        # workers of a cluster inherit nothing from here, and cannot start from a warm process here
        environment.update({"HARNESS_WARM": "0"} if "HARNESS_WARM" in given else {})
        settings.update(_worker_variables(environment))
    # on a CPU all workers are on this machine and inherit the environment
    elif device != "cpu":
        settings.update(_worker_variables(given))
    overrides = [
        # Hydra refuses a key that no file has unless it is added with a plus
        f"{'' if key in verl_keys() else '+'}{key}={hydra_value(fill(value, paths))}"
        for key, value in settings.items()
    ]
    argv = (sys.executable, "-m", "verl.trainer.main_ppo", *overrides, *HYDRA_OVERRIDES)
    return Command(argv=argv, environment=environment)


def fill(value: Any, paths: CellPaths) -> Any:
    """Return a config value with its path tokens filled in, inside lists too.

    Raises:
        ValueError: an unknown token.
    """
    if isinstance(value, list):
        return [fill(item, paths) for item in value]
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    token, _, rest = value[1:].partition("/")
    roots = {
        "model": paths.model,
        "data": paths.data,
        "attempt": paths.attempt,
        "scratch": paths.scratch,
        "plugins": ROOT / "harness" / "plugins",
    }
    if token not in roots:
        raise ValueError(f"unknown path token {value!r}: expected one of @{', @'.join(roots)}")
    return str(roots[token] / rest) if rest else str(roots[token])


def hydra_value(value: Any) -> str:
    """Write a value in Hydra's override grammar.

    Raises:
        ValueError: not a scalar, list or mapping, or text that would be read as an interpolation.
    """
    if value is None:
        return "null"
    # before the numbers: in Python a bool is an int
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(hydra_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        items = (f"{key}:{hydra_value(item)}" for key, item in value.items())
        return f"{{{','.join(items)}}}"
    raise ValueError(f"cannot write {value!r} as a Hydra override")


def _quoted(text: str) -> str:
    if _PLAIN_WORD.fullmatch(text) and text.lower() not in _READ_AS_OTHER:
        return text
    if "${" in text:
        raise ValueError(f"cannot write {text!r}: ${{ would be read as an interpolation")
    # backslashes count as escapes only before a quote, or at the end
    escaped = re.sub(r"(\\*)'", lambda m: m[1] * 2 + "\\'", text)
    escaped = re.sub(r"(\\+)$", lambda m: m[1] * 2, escaped)
    return f"'{escaped}'"


def _ray_settings(device: str) -> dict[str, Any]:
    """Ask for a private Ray head: no cluster found by chance, no file outside the scratch."""
    settings: dict[str, Any] = {
        "ray_kwargs.ray_init.address": "local",
        "ray_kwargs.ray_init.include_dashboard": False,
        "ray_kwargs.ray_init._temp_dir": "@scratch/ray",
    }
    if device == "cpu":
        # veRL's resource check counts "GPU": one logical one stands for the CPU
        settings["ray_kwargs.ray_init.num_cpus"] = LOGICAL_CPUS
        settings["ray_kwargs.ray_init.num_gpus"] = 1
    return settings


def _joining(cluster: Cluster) -> dict[str, Any]:
    return {
        "ray_kwargs.ray_init.address": cluster.address,
        "ray_kwargs.ray_init.namespace": cluster.namespace,
    }


def _worker_variables(given: Mapping[str, str]) -> dict[str, str]:
    # workers on the machine that starts Ray inherit its variables; those on others do not
    prefix = "ray_kwargs.ray_init.runtime_env.env_vars"
    return {f"{prefix}.{name}": value for name, value in {**given, "PYTHONPATH": str(ROOT)}.items()}
