r"""verl's built-in grader of MATH: the last box of the whole response, equal as normalised text.

Source: verl 0.9.1, `utils/reward_score/math_reward.py`, which its default reward takes for the MATH
data sources.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from harness.graders.verdict import Verdict, right, ungradable, wrong

_FILE = Path("utils", "reward_score", "math_reward.py")


def prepare() -> None:
    """Load verl's file.

    Raises:
        ImportError: verl is not installed, or the file is not where it was.
    """
    _verl_module()


def grade(response: str, reference: str) -> Verdict:
    """Grade one response.

    Args:
        response: text after the prompt.
        reference: the expected answer, without a box.
    """
    verl = _verl_module()
    box = verl.last_boxed_only_string(response)
    if box is None:
        return ungradable("no closed box")
    if verl.compute_score(response, reference) == 1.0:
        return right("same text", box)
    return wrong("another text", box)


@cache
def _verl_module() -> ModuleType:
    """Load the one file: importing verl as a package would import torch, for seconds."""
    package = find_spec("verl")
    if package is None or package.origin is None:
        raise ImportError("verl is not installed")
    path = Path(package.origin).parent / _FILE
    spec = spec_from_file_location("harness_verl_math_reward", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"verl has no {_FILE}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
