"""The installed verl with one seeded defect of defects.yaml in it."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One edit; the fields are those of defects.yaml."""

    name: str
    what: str
    place: str
    old: str
    new: str
    component: str
    cells: Mapping[str, str] = field(default_factory=dict)

    def edited(self, source: str) -> str:
        assert source.count(self.old) == 1, f"{self.name} fits {source.count(self.old)} places"
        return source.replace(self.old, self.new)


def read_defects() -> dict[str, Defect]:
    found = yaml.safe_load((Path(__file__).with_name("defects.yaml")).read_text())
    return {name: Defect(name=name, **item) for name, item in found.items()}


@contextmanager
def seeded(defect: Defect) -> Iterator[None]:
    """Have the defect in this process."""
    module_name, is_function, path = defect.place.partition(":")
    if not is_function:
        with mock.patch.dict(sys.modules, {_module_name(defect): _edited_module(defect)}):
            yield
        return
    right = _function(importlib.import_module(module_name), path)
    kept = right.__code__
    right.__code__ = _edited_code(defect, right)
    try:
        yield
    finally:
        right.__code__ = kept


def install(name: str) -> None:
    """Have the defect in this process for good, as soon as its module is imported.

    Stands at the end of harness/plugins/cpu.py in a checkout that has the defect.
    """
    from harness.plugins import after_import

    defect = read_defects()[name]
    module_name, is_function, path = defect.place.partition(":")
    if not is_function:
        return
    later = after_import._FINDER.patches.pop(module_name, None)

    def patch(module: ModuleType) -> None:
        right = _function(module, path)
        right.__code__ = _edited_code(defect, right)
        # our own patches wrap verl's function, defect and all
        if later is not None:
            later(module)

    after_import.after_import(module_name, patch)


def _function(module: ModuleType, path: str) -> Any:
    """Return the function itself: with its code exchanged, whoever knows it has the defect."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part)
    return inspect.unwrap(found)


def _edited_code(defect: Defect, right: Any) -> Any:
    lines = textwrap.dedent(inspect.getsource(right)).splitlines()
    # without the decorators, which would register it once more
    first = next(n for n, line in enumerate(lines) if line.startswith("def "))
    source = "from __future__ import annotations\n" + "\n".join(lines[first:])
    scope: dict[str, Any] = {}
    exec(compile(defect.edited(source), defect.place, "exec"), right.__globals__, scope)
    return scope[right.__name__].__code__


def _module_name(defect: Defect) -> str:
    return defect.place.removesuffix(".py").replace("/", ".")


def _edited_module(defect: Defect) -> ModuleType:
    right = importlib.import_module(_module_name(defect))
    wrong = ModuleType(right.__name__)
    wrong.__file__ = right.__file__
    source = defect.edited((ROOT / defect.place).read_text())
    exec(compile(source, defect.place, "exec"), vars(wrong))
    return wrong
