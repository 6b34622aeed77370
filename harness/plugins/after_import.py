"""Run a function right after a module is imported, and never before.

verl loads the plugin in every process of a run. Most of them need neither vLLM nor the FSDP
engines, so a patch must not import what it patches: it waits until somebody else does.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

Patch = Callable[[ModuleType], None]


class _PatchingLoader(importlib.abc.Loader):
    """Loads a module with its own loader, then hands it to a patch."""

    def __init__(self, loader: importlib.abc.Loader, patch: Patch) -> None:
        self._loader = loader
        self._patch = patch

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._patch(module)


class _PatchingFinder(importlib.abc.MetaPathFinder):
    """Finds the modules that have a patch waiting; all others are left to the usual finders."""

    def __init__(self) -> None:
        self.patches: dict[str, Patch] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        patch = self.patches.pop(fullname, None)  # popped: the search below must not come back here
        if patch is None:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader, patch)
        return spec


_FINDER = _PatchingFinder()


def after_import(name: str, patch: Patch) -> None:
    """Call `patch(module)` once, after the module `name` is imported; at once if it already is.

    Args:
        name: full dotted name of the module.
        patch: changes the module in place.

    Raises:
        ValueError: another patch already waits for the same module.
    """
    if name in sys.modules:
        patch(sys.modules[name])
        return
    if name in _FINDER.patches:
        raise ValueError(f"a patch already waits for {name}: put both changes into one function")
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.patches[name] = patch
