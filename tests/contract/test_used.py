"""What only tests call is no part of the suite: every function and class has another user."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("harness", "paper")
USERS = (*CODE, "scripts", "tests/bench")
"""Programs of the maintainers count as users; `tests/bench` is one, whatever its folder says."""

BY_NAME = tuple(
    f"harness/{folder}/"
    for folder in ("plugins", "extensions", "algorithms", "rewards", "graders", "data/forms")
)
"""Folders whose functions configs, verl and data set files call by a name that they make."""


def sources(*folders: str) -> dict[str, str]:
    """Return path -> text of every module below some folders."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the full name of everything that a module takes from another one."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                modules[alias.asname or alias.name] = name
                yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{modules.get(node.value.id, '')}.{node.attr}"


def unused(code: Mapping[str, str], users: Mapping[str, str]) -> list[str]:
    """Return the full names of functions and classes that neither their module nor a user names."""
    taken = {name for text in users.values() for name in imported(ast.parse(text))}
    found = []
    for path, text in code.items():
        body = ast.parse(text).body
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name == "main":
                continue
            others = [other for other in body if other is not node]
            own = {n.id for other in others for n in ast.walk(other) if isinstance(n, ast.Name)}
            name = f"{module_name(path)}.{node.name}"
            if node.name not in own and name not in taken:
                found.append(name)
    return found


def test_every_function_has_a_user_that_is_no_test() -> None:
    code = {path: text for path, text in sources(*CODE).items() if not path.startswith(BY_NAME)}
    assert unused(code, sources(*USERS)) == []


def test_a_function_that_nobody_but_a_test_calls_is_found() -> None:
    code = {
        "harness/a.py": "def used(): pass\ndef named(): used()\ndef alone(): alone()\n",
        "harness/b/__init__.py": "def whole(): pass\ndef main(): pass\n",
    }
    user = "from harness.a import named\nfrom harness import b as other\nother.whole()\n"
    users = {"harness/c.py": user}
    assert unused(code, users) == ["harness.a.alone"]
    assert unused(code, {}) == ["harness.a.named", "harness.a.alone", "harness.b.whole"]
