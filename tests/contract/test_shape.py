"""The shape of the code: short functions, few parameters, files that can be read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 6
LONGEST_FILE = 450
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}

FILES = sorted(path for room in ("harness", "paper") for path in (ROOT / room).rglob("*.py"))


def too_long_or_wide(source: str, path: str) -> Iterator[str]:
    """Yield a sentence for each function over the limits; docstrings count, `self` does not."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        assert node.end_lineno is not None
        length = node.end_lineno - node.lineno + 1
        if length > LONGEST_FUNCTION:
            yield f"{path}: {node.name} has {length} lines"
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        names = [name for name in names if name not in ("self", "cls")]
        if len(names) > MOST_PARAMETERS:
            yield f"{path}: {node.name} has {len(names)} parameters"


def test_functions_are_short_and_narrow() -> None:
    found = [line for path in FILES for line in too_long_or_wide(path.read_text(), path.name)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION,
        "def f(a, b, c, d, e, g, *, h):\n    pass\n",
    ],
)
def test_a_long_or_wide_function_is_found(source: str) -> None:
    assert len(list(too_long_or_wide(source, "x.py"))) == 1


def test_files_can_be_read_in_one_go() -> None:
    long = {p.name: n for p in FILES if (n := len(p.read_text().splitlines())) > LONGEST_FILE}
    assert long == {}


def test_no_module_is_named_after_nothing() -> None:
    assert not FORBIDDEN_NAMES & {path.stem for path in FILES}
