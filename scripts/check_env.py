"""Import everything the suite needs and say what does not load; run by .venv's own Python.

Words: the accelerator (``cpu``, ``cuda``) and, for a machine without the driver of its GPUs,
``driver=later``. Prints ``importing NAME`` before each import (so that a crash names its culprit)
and one ``FAIL`` line per fault. Exit code 0: all is well; 1: at least one fault.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from setup_kinds import CPU, KINDS, Kind
from setup_state import Pin, read_pins

# In this order: an engine that fails is named before those that import it.
IMPORTS = (
    *("numpy", "scipy.stats", "pandas", "pyarrow.parquet", "duckdb", "yaml", "psutil", "filelock"),
    *("omegaconf", "hydra", "matplotlib.pyplot", "seaborn"),
    *("torch", "tensordict", "safetensors.torch", "tokenizers", "transformers", "datasets"),
    *("math_verify", "ray", "transfer_queue", "vllm", "vllm.engine.arg_utils"),
    *("verl", "verl.trainer.main_ppo", "verl.trainer.ppo.v1", "verl.workers.engine_workers"),
    *("pytest", "ruff", "mypy", "harness"),
)
# Packages that have not been seen to import in their builds for CUDA where there is no driver.
NEED_DRIVER = ("vllm", "verl")
# The only requirements of an installed package that are left open on purpose.
DECLARED_MISSING = frozenset(CPU.unwanted)


def import_faults(names: tuple[str, ...] = IMPORTS) -> list[str]:
    """Import modules one after the other; return one sentence for each that fails."""
    faults = []
    for name in names:
        print(f"importing {name}", flush=True)
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken build raises anything: RuntimeError, OSError, ...
            reason = " ".join(str(error).split())[:200]
            faults.append(f"{name} does not import: {type(error).__name__}: {reason}")
    return faults


def torch_faults(version: str) -> list[str]:
    """Return a fault if a torch version is not a ``+cpu`` build."""
    return [] if version.endswith("+cpu") else [f"torch is {version}, expected a +cpu build"]


def cuda_faults(version: str, sees_gpu: bool) -> list[str]:
    """Return a fault if a torch is a ``+cpu`` build or sees no GPU."""
    if version.endswith("+cpu"):
        return [f"torch is {version}, expected the build for CUDA"]
    if not sees_gpu:
        return [f"torch {version} sees no GPU: see whether nvidia-smi lists one and its driver"]
    return []


def unwanted_faults(names: tuple[str, ...] = CPU.unwanted) -> list[str]:
    """Return a fault for each package that must not be there."""
    return [f"{name} must not be installed" for name in names if importlib.util.find_spec(name)]


def requirement_faults(
    pins: list[Pin], allowed_missing: frozenset[str] = DECLARED_MISSING
) -> list[str]:
    """Compare what the locked packages ask of each other with what is there, like ``pip check``."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    faults = []
    for name, _ in pins:
        for text in importlib.metadata.requires(name) or ():
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            if canonicalize_name(wanted.name) in allowed_missing:
                continue
            try:
                found = importlib.metadata.version(wanted.name)
            except importlib.metadata.PackageNotFoundError:
                faults.append(f"{name} needs {wanted}, which is not installed")
                continue
            if not wanted.specifier.contains(found, prereleases=True):
                faults.append(f"{name} needs {wanted}, found {found}")
    return faults


def imports_for(has_driver: bool) -> tuple[str, ...]:
    """Return the modules to import on a machine with the driver of its accelerator, or without."""
    if has_driver:
        return IMPORTS
    return tuple(name for name in IMPORTS if name.split(".")[0] not in NEED_DRIVER)


def accelerator_faults(kind: Kind, has_driver: bool) -> list[str]:
    """Return a fault if torch, imported before, is not the build that the accelerator needs."""
    if "torch" not in sys.modules:
        return []
    version = importlib.metadata.version("torch")
    if kind == CPU:
        return torch_faults(version)
    return cuda_faults(version, not has_driver or sys.modules["torch"].cuda.is_available())


def main(argv: Sequence[str]) -> int:
    """Run every check and print the faults."""
    import platform

    kind = next((KINDS[argument] for argument in argv if argument in KINDS), CPU)
    has_driver = "driver=later" not in argv
    os.environ.update(VLLM_NO_USAGE_STATS="1", RAY_USAGE_STATS_ENABLED="0", HF_HUB_OFFLINE="1")
    requirements = Path(__file__).resolve().parent.parent / "requirements"
    pins = [p for f in kind.files for p in read_pins(requirements / f, platform.machine())]
    faults = [
        *unwanted_faults(kind.unwanted),
        *requirement_faults(pins, frozenset(kind.unwanted)),
        *import_faults(imports_for(has_driver)),
        *accelerator_faults(kind, has_driver),
    ]
    for fault in faults:
        print(f"FAIL {fault}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
