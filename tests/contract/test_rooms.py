"""Who may import whom: a complete table of the house, held over every module of the suite."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

_ROOMS = {
    # the ground: imported by everything, imports nothing above it
    "schema": "",
    "paths": "",
    "environments": "",
    "provenance": "environments",
    "text": "",
    "writing": "schema",
    "cli": "schema text writing",
    "untrusted": "",
    "typed": "schema untrusted cli",
    "plots": "writing",
    "stats": "",
    # what runs inside veRL
    "graders": "",
    "rewards": "graders",
    "algorithms": "",
    "plugins": "graders",
    "extensions": "plugins",
    # the world, the published numbers, the pipeline
    "micro": "schema cli writing",
    "references": "schema",
    "spec": "schema untrusted typed paths provenance cli writing micro",
    "metrics": "schema untrusted writing graders",
    "store": "schema untrusted provenance writing metrics",
    "launch": "schema untrusted paths cli text plugins spec store",
    "plan": "schema typed paths cli text writing plots references spec store",
    "claims": "schema untrusted paths typed provenance cli text writing stats spec metrics store",
    "run": "schema paths provenance cli text spec metrics store launch plan claims",
    "report": "schema typed paths cli text writing plots stats graders spec metrics store claims",
    "evaluate": (
        "schema untrusted typed paths provenance cli text writing plots stats graders rewards "
        "micro spec metrics store"
    ),
    "baseline": "schema untrusted typed provenance text writing metrics store report evaluate",
    "compare": "schema paths cli text writing plots stats metrics store report evaluate",
    # the side doors
    "grade": "schema untrusted text writing plots graders rewards micro metrics store",
    "data": "schema untrusted typed cli text writing micro store",
    "profile": "schema text",
    "trace": "schema untrusted paths provenance writing metrics",
    "docs": "schema paths cli text plots spec metrics store plan claims report",
    # commands of one module
    "__main__": "schema paths text cli",
    "cells": "schema cli text spec store launch run",
    "deviations": "schema cli spec store report",
    "doctor": "schema cli paths environments provenance text micro launch",
    "mine": "schema untrusted cli writing metrics store",
    "power": "schema paths text cli stats store",
    # beside the harness
    "paper": (
        "schema typed paths cli text writing plots stats micro references spec "
        "metrics store claims report baseline"
    ),
    "scripts": (
        "schema untrusted paths cli text writing plots stats micro spec metrics store plan claims "
        "report baseline profile compare"
    ),
}
ROOMS = {room: set(others.split()) for room, others in _ROOMS.items()}
"""Room -> other rooms that it may import. The order is that of the floors: a room imports what
stands above it here."""

_ENTRIES = {
    "run": "report compare",
    "plan": "run",
    "report": "",
    "claims": "",
    "compare": "baseline",
    "baseline": "paths cli",
    "evaluate": "",
    "grade": "cli",
    "data": "paths spec",
    "profile": "cli writing plots spec store",
    "trace": "cli text",
    "docs": "",
}
ENTRIES = {room: set(others.split()) for room, others in _ENTRIES.items()}
"""Command -> rooms that its `__main__` may import beside those of its own room."""

COMMANDS = ("__main__", "cells", "deviations", "doctor", "mine", "power")
"""Commands of one module; like a `__main__`, they are imported by nobody."""

PACKAGES: dict[str, set[str]] = {
    "pydantic": {"typed", "claims", "spec", "report", "baseline", "paper"},
    "pydantic_core": {"typed"},
    "hydra": {"spec", "plugins"},
    "omegaconf": {"spec"},
    "torch": {"plugins", "algorithms", "extensions"},
    "verl": {"plugins", "algorithms", "extensions"},
    "vllm": {"plugins"},
    "transfer_queue": {"plugins"},
    "tensordict": {"plugins"},
    "transformers": {"plugins"},
    "ray": {"plugins"},
    "scipy": {"stats", "claims"},
    "matplotlib": {"plots", "profile", "plan", "paper", "evaluate", "compare", "scripts"},
    "seaborn": {"plots", "paper"},
    "duckdb": {"store", "metrics"},
    "pyarrow": {"untrusted", "store", "metrics", "data", "baseline"},
    "psutil": {"launch"},
    "jinja2": {"report"},
    "markupsafe": {"report"},
}
"""Package -> rooms that may import it when they are imported themselves."""

LATE: dict[str, set[str]] = {
    "torch": {"micro"},
    "transformers": {"micro", "evaluate"},
    "tokenizers": {"micro"},
    "ray": {"launch"},
    "vllm": {"evaluate"},
    "huggingface_hub": {"data"},
    "sympy": {"graders"},
    "antlr4": {"graders"},
    "math_verify": {"graders"},
    "typst": {"paper"},
}
"""Package -> rooms that may import it inside a function."""


TOOLS = ("scripts",)
"""Rooms that may import any package: programs of the maintainers."""


class Import(NamedTuple):
    """One import statement: where, of what, and whether it runs with the module."""

    path: str
    target: str
    is_late: bool


def room_of(path: str) -> str:
    """Return the room of a file: the folder or module below harness/, or the folder beside it."""
    first, *rest = Path(path).with_suffix("").parts
    return rest[0] if first == "harness" else first


def imports_of(source: str, path: str) -> Iterator[Import]:
    """Yield every import of a module, also those inside functions."""
    tree = ast.parse(source)
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            # the last part may be a module: `from harness.report import __main__`
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield Import(path, name, id(node) in late)


def violations(found: Iterable[Import]) -> list[str]:
    """Return a sentence for each import that the tables do not allow."""
    return [reason for item in found if (reason := _violation(item))]


def _violation(item: Import) -> str:
    room, top = room_of(item.path), item.target.split(".")[0]
    if room not in ROOMS:
        return f"{item.path} is in no room: name {room} in ROOMS"
    if top == "paper" and room != "paper":
        return f"{item.path}: only paper/ may import {item.target}"
    if top == "harness":
        return _violation_inside(item, room)
    if top in PACKAGES or top in LATE:
        allowed = PACKAGES.get(top, set()) | (LATE.get(top, set()) if item.is_late else set())
        if room not in allowed and room not in TOOLS:
            return f"{item.path}: {room} may not import {top} here"
    return ""


def _violation_inside(item: Import, room: str) -> str:
    other, *rest = item.target.split(".")[1:]
    if "__main__" in rest or other in COMMANDS:
        return f"{item.path}: {item.target} is a command's entry, which nothing imports"
    is_entry = item.path == f"harness/{room}/__main__.py"
    allowed = {room} | ROOMS[room] | (ENTRIES[room] if is_entry else set())
    return "" if other in allowed else f"{item.path}: {room} may not import {item.target}"


def all_files() -> list[Path]:
    folders = ("harness", "paper", "scripts")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if path != ROOT / "harness" / "__init__.py")


def all_imports() -> Iterator[Import]:
    for path in all_files():
        yield from imports_of(path.read_text(), path.relative_to(ROOT).as_posix())


def against_the_order(rooms: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Return (room, other) where a room may import one that does not stand above it."""
    order = {room: number for number, room in enumerate(rooms)}
    return {(room, other) for room in rooms for other in rooms[room] if order[other] >= order[room]}


def test_every_import_is_allowed_by_the_table() -> None:
    assert violations(all_imports()) == []


def test_the_table_names_what_is_there_and_nothing_else() -> None:
    rooms = {room_of(path.relative_to(ROOT).as_posix()) for path in all_files()}
    assert rooms == set(ROOMS)
    assert {path.parent.name for path in ROOT.glob("harness/*/__main__.py")} == set(ENTRIES)
    assert all((ROOT / "harness" / f"{name}.py").is_file() for name in COMMANDS)


def test_the_table_has_no_arrow_that_nobody_walks() -> None:
    walked = {
        (room_of(item.path), item.target.split(".")[1])
        for item in all_imports()
        if item.target.startswith("harness.")
    }
    allowed = {(room, other) for room in ROOMS for other in ROOMS[room]}
    assert allowed - walked == set()


def test_rooms_import_only_what_stands_above_them() -> None:
    assert against_the_order(ROOMS) == set()


def test_an_arrow_against_the_order_is_found() -> None:
    assert against_the_order({"a": {"b"}, "b": set(), "c": {"a"}}) == {("a", "b")}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("harness/metrics/x.py", "from harness.spec.config import compose\n"),
        ("harness/metrics/x.py", "from harness import spec\n"),
        ("harness/store/x.py", "import harness.launch.local\n"),
        ("harness/stats/x.py", "def f():\n    from harness.schema import Status\n"),
        ("harness/launch/x.py", "import verl\n"),
        ("harness/launch/x.py", "import ray\n"),
        ("harness/micro/x.py", "import torch\n"),
        ("harness/plots.py", "from omegaconf import DictConfig\n"),
        ("harness/report/__main__.py", "import torch\n"),
        ("harness/report/__main__.py", "from harness.compare.band import Placement\n"),
        ("harness/report/x.py", "from paper.series import Series\n"),
        ("harness/report/x.py", "from harness.claims.__main__ import main\n"),
        ("harness/report/x.py", "from harness.claims import __main__\n"),
        ("harness/run/x.py", "from harness.doctor import main\n"),
        ("harness/run/x.py", "from harness.report.stored import write_results\n"),
        ("harness/unheard.py", "import json\n"),
        ("paper/x.py", "from harness.launch import local\n"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(violations(imports_of(source, path))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("harness/spec/matrix.py", "from harness.schema import CellSpec\nimport json\n"),
        ("harness/micro/x.py", "def f():\n    import torch\n"),
        ("harness/run/x.py", "from harness.store import ledger\n"),
        ("harness/run/__main__.py", "from harness.report.stored import write_results\n"),
        ("harness/plugins/x.py", "import torch\n"),
    ],
)
def test_an_allowed_import_is_not_found(path: str, source: str) -> None:
    assert violations(imports_of(source, path)) == []


@pytest.mark.parametrize("room", ["run", "plan", "report", "claims", "compare"])
def test_the_core_is_imported_without_the_engines(room: str) -> None:
    """The command line's own modules load none of the engines, so that `[train]` is optional."""
    code = (
        f"import importlib, pkgutil, sys, harness.{room} as room\n"
        f"for module in pkgutil.walk_packages(room.__path__, 'harness.{room}.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([m for m in ('torch', 'verl', 'vllm', 'ray', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
