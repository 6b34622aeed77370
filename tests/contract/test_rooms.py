"""Who may import what: the table of the architecture, held over every module of the suite."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

PURE = ("schema", "seeds", "environments", "names")
"""Modules that import no other room."""

ROOMS: dict[str, set[str]] = {
    **{name: set() for name in PURE},
    "provenance": {"environments"},
    "rewards": {"graders"},
    "shadow": {"schema"},
    "composing": set(),
    "config": {"schema", "shadow", "composing"},
    "ablation": {"schema", "names"},
    "matrix": {"schema", "seeds", "names", "ablation"},
    "store": {"schema", "provenance"},
    "metrics": {"schema", "provenance"},
    "launch": {"schema", "names", "store"},
    "profiling": {"schema", "reports"},
    "references": {"schema"},
    "claimsheet": {"schema", "names", "stats", "metrics", "verdicts", "reports"},
    "plugins": {"rewards"},
    "algorithms": set(),
    "extensions": {"plugins"},
    "stats": set(),
    "verdicts": {"schema", "stats"},
    "datasets": {"schema", "names", "micro", "store", "reports"},
    "evaluation": {
        *("schema", "names", "rewards", "graders", "micro", "metrics", "stats"),
        *("plots", "reports", "store"),
    },
    "plots": set(),
    "reports": {"schema", "provenance", "metrics", "stats", "verdicts", "plots"},
    "graders": {"rewards"},
    "graderlab": {"schema", "graders", "metrics", "micro", "reports", "plots", "store"},
    "tracing": {"schema", "provenance", "metrics"},
    "imports": {"schema", "provenance", "metrics", "reports"},
    "bundles": {"schema", "names", "provenance", "metrics", "reports"},
    "comparing": {
        *("schema", "names", "metrics", "stats", "reports", "plots", "evaluation", "store"),
    },
    "micro": {"schema"},
    "planning": {"schema", "names", "references", "reports"},
    "paper": {
        *("schema", "names", "arguments", "config", "claims", "claimsheet", "deviations"),
        *("metrics", "micro", "plots", "power", "references", "reports"),
        *("sources", "stats", "store", "verdicts"),
    },
    "webpage": {"schema", "metrics", "reports", "plots"},
}
"""Room -> other rooms that it may import. What is not named is part of the command lines."""

PACKAGES: dict[str, set[str]] = {
    "hydra": {"config", "composing", "application", "plugins"},
    "omegaconf": {"config", "composing", "application"},
    "torch": {"plugins", "algorithms", "extensions"},
    "verl": {"plugins", "algorithms", "extensions"},
    "vllm": {"plugins"},
    "transfer_queue": {"plugins"},
    "tensordict": {"plugins"},
    "transformers": {"plugins"},
    "ray": {"plugins"},
    "scipy": {"stats"},
    "matplotlib": {"plots", "profiling", "planning", "paper", "evaluation", "comparing"},
    "seaborn": {"plots", "paper"},
    "duckdb": {"store", "metrics"},
    "pyarrow": {"store", "metrics", "datasets"},
    "psutil": {"launch"},
    "jinja2": {"webpage"},
    "markupsafe": {"webpage"},
    "markdown_it": {"webpage"},
}
"""Package -> rooms that may import it when they are imported themselves."""

LATE: dict[str, set[str]] = {
    "torch": {"micro"},
    "transformers": {"micro", "evaluation"},
    "tokenizers": {"micro"},
    "ray": {"launch"},
    "vllm": {"evaluation"},
    "huggingface_hub": {"datasets"},
    "sympy": {"graders"},
    "antlr4": {"graders"},
    "math_verify": {"graders"},
    "typst": {"paper"},
}
"""Package -> rooms that may import it inside a function."""


class Import(NamedTuple):
    """One import statement: where, of what, and whether it runs with the module."""

    room: str
    path: str
    target: str
    is_late: bool


def imports_of(source: str, room: str, path: str) -> Iterator[Import]:
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
            names = [node.module or ""]
            if node.module == "harness":
                names = [f"harness.{alias.name}" for alias in node.names]
        for name in names:
            yield Import(room, path, name, id(node) in late)


def violations(found: Iterator[Import]) -> list[str]:
    """Return a sentence for each import that the tables do not allow."""
    wrong = []
    for item in found:
        top, *rest = item.target.split(".")
        if top == "paper" and item.room != "paper":
            wrong.append(f"{item.path}: the harness may not import {item.target}")
        elif top == "harness" and item.room in ROOMS:
            other = rest[0] if rest else ""
            if other not in {item.room, *ROOMS[item.room], ""}:
                wrong.append(f"{item.path}: {item.room} may not import {item.target}")
        elif top in PACKAGES or top in LATE:
            allowed = PACKAGES.get(top, set()) | (LATE.get(top, set()) if item.is_late else set())
            if item.room not in allowed:
                wrong.append(f"{item.path}: {item.room} may not import {top} here")
    return wrong


def all_imports() -> Iterator[Import]:
    for path in sorted((ROOT / "harness").rglob("*.py")):
        parts = path.relative_to(ROOT / "harness").with_suffix("").parts
        yield from imports_of(path.read_text(), parts[0], str(path.relative_to(ROOT)))
    for path in sorted((ROOT / "paper").rglob("*.py")):
        yield from imports_of(path.read_text(), "paper", str(path.relative_to(ROOT)))


def test_every_module_keeps_to_its_room() -> None:
    assert violations(all_imports()) == []


def test_every_room_of_the_table_is_looked_at() -> None:
    seen = {item.room for item in all_imports()}
    assert {"matrix", "store", "metrics", "launch", "plugins", "stats", "verdicts"} <= seen


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("matrix", "from harness.config import compose\n"),
        ("matrix", "from harness import config\n"),
        ("store", "import harness.launch.local\n"),
        ("stats", "def f():\n    from harness.schema import Status\n"),
        ("launch", "import verl\n"),
        ("launch", "import ray\n"),
        ("micro", "import torch\n"),
        ("plots", "from omegaconf import DictConfig\n"),
        ("report", "import torch\n"),
        ("report", "from paper.series import Series\n"),
        ("paper", "from harness.launch import local\n"),
    ],
)
def test_a_forbidden_import_is_found(room: str, source: str) -> None:
    assert len(violations(imports_of(source, room, "x.py"))) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("matrix", "from harness.schema import CellSpec\nimport json\n"),
        ("micro", "def f():\n    import torch\n"),
        ("run", "from harness.store import ledger\n"),
        ("plugins", "import torch\n"),
    ],
)
def test_an_allowed_import_is_not_found(room: str, source: str) -> None:
    assert violations(imports_of(source, room, "x.py")) == []


def test_the_core_is_imported_without_the_engines() -> None:
    """The command line's own modules load none of the engines, so that `[train]` is optional."""
    import subprocess

    code = (
        "import sys, harness.run, harness.plan\n"
        "print([m for m in ('torch', 'verl', 'vllm', 'ray', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
