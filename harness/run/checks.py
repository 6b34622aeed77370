"""Checks before a study starts: each wrong thing is one sentence, nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from harness.cli import suggest
from harness.launch.watchdog import Limits
from harness.metrics.columns import column_of
from harness.provenance import ABSENT, hardware, package_versions
from harness.schema import UsageError
from harness.spec.inputs import verify_data, verify_model
from harness.spec.study import Study
from harness.store.files import MIB, check_writable
from harness.store.ledger import RunStore

CELL_BYTES = 32 * MIB
"""What the streams of a cell may take, generously; a disk with less is refused beforehand."""

ENGINES = ("verl", "torch", "ray", "TransferQueue")
"""Packages without which no cell can start."""


def check_request(study: Study, store: RunStore, environment: Mapping[str, str]) -> None:
    """Check what matters even if nothing is left to run.

    Raises:
        HarnessError: a stray Ray cluster, an unknown metric or limit, or records that this version
            cannot read.
    """
    check_environment(environment)
    for metric in study.ablation.primary_metrics:
        column_of(metric)
    watchdog_limits(study)
    for _ in store.runs():
        # reading refuses the records of another version
        continue


def check_launch(study: Study, store: RunStore) -> None:
    """Check what a launch needs.

    Raises:
        HarnessError: no engine, too few GPUs, a model or data set that is damaged or not here, a
            cell at work elsewhere, or a results directory that takes no files.
    """
    absent = [name for name, found in package_versions(ENGINES).items() if found == ABSENT]
    if absent:
        raise UsageError(
            f"the training engines are not installed ({', '.join(absent)} missing): run `make"
            " setup` and use the Python of .venv"
        )
    check_accelerators(study)
    check_attention(study, package_versions(["flash-attn"])["flash-attn"])
    for settings in _distinct(study, "model"):
        verify_model(settings)
    for settings in _distinct(study, "dataset"):
        verify_data(settings)
    store.check_free(study.cells)
    check_writable(store.root, CELL_BYTES * len(study.cells))


def check_accelerators(study: Study) -> None:
    """Refuse to start cells on this machine that need more GPUs than it has.

    Raises:
        UsageError: naming the numbers, and what can be done without GPUs.
    """
    trainer = study.cells[0].config["verl"]["trainer"]
    if study.request.launcher.get("name") != "local" or trainer.get("device") == "cpu":
        return
    needed = trainer["nnodes"] * trainer["n_gpus_per_node"]
    found = len(hardware()["accelerators"])
    if found < needed:
        raise UsageError(
            f"scale {study.request.scale} needs {needed} GPUs and this machine has {found}:"
            " shadow=true runs it in miniature on a CPU, dry_run=true verbose=true prints its"
            " commands"
        )


def check_attention(study: Study, flash_attention: str) -> None:
    """Refuse cells that train on GPUs of this machine with kernels that are not installed.

    Args:
        study: the request.
        flash_attention: the installed version of flash-attn, or "absent".

    Raises:
        UsageError: veRL would take flash-attention, its default, and there is none.
    """
    verl = study.cells[0].config["verl"]
    given = (verl["actor_rollout_ref"]["model"].get("override_config") or {}).get(
        "attn_implementation", "flash_attention_2"
    )
    is_here = study.request.launcher.get("name") == "local"
    on_gpu = verl["trainer"].get("device") != "cpu"
    if is_here and on_gpu and given == "flash_attention_2" and flash_attention == ABSENT:
        raise UsageError(
            f"scale {study.request.scale} trains with flash-attention and flash-attn is not"
            " installed: build it as docs/installing-on-gpus.md says"
        )


def _distinct(study: Study, part: str) -> list[Mapping[str, Any]]:
    """Return the different values that the cells have for a part of their config."""
    # compared one by one, since mappings cannot be members of a set
    found: list[Mapping[str, Any]] = []
    for cell in study.cells:
        if cell.config[part] not in found:
            found.append(cell.config[part])
    return found


def check_environment(environment: Mapping[str, str]) -> None:
    """Refuse an environment that names a Ray cluster: every cell starts its own private one.

    Raises:
        UsageError: RAY_ADDRESS is set.
    """
    address = environment.get("RAY_ADDRESS")
    if address:
        raise UsageError(
            f"RAY_ADDRESS={address} is set in the environment, and a cell never joins a cluster:"
            " unset RAY_ADDRESS and run this again"
        )


def watchdog_limits(study: Study) -> Limits:
    """Return the watchdog's limits of a request, `launcher.limits` over its defaults.

    Raises:
        UsageError: there is no such limit.
    """
    given = study.request.launcher.get("limits") or {}
    names = [field.name for field in fields(Limits)]
    for name in given:
        if name not in names:
            raise UsageError(f"unknown limit launcher.limits.{name}: {suggest(name, names)}")
    return Limits(**given)


def cells_at_once(study: Study) -> int:
    """Return `launcher.cells_at_once`, 1 where the launcher has none."""
    return int(study.request.launcher.get("cells_at_once", 1))
