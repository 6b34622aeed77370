"""The other two graders, and the three beside each other."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.graders import mathverify, registry, verl_math
from harness.graders.verdict import Outcome

ROOT = Path(__file__).resolve().parents[2]
BOXED = " so </think> <answer> \\boxed{%s} </answer>"


def test_every_grader_has_its_two_functions_and_a_source() -> None:
    from importlib import import_module

    for name, grader in registry.GRADERS.items():
        module = import_module(grader.module)
        assert callable(module.prepare) and callable(module.grade)
        assert grader.name == name and grader.source and grader.limit_s > 0


@pytest.mark.engine
@pytest.mark.parametrize(
    ("response", "reference", "outcome"),
    [
        (BOXED % "\\frac{2}{4}", "\\frac{1}{2}", Outcome.RIGHT),
        (BOXED % "x+1", "1+x", Outcome.RIGHT),
        (BOXED % "(1,2)", "(12)", Outcome.WRONG),
        ("The answer is $7$.", "7", Outcome.RIGHT),
        (BOXED % "8", "7", Outcome.WRONG),
        ("no number here", "7", Outcome.UNGRADABLE),
    ],
)
def test_math_verify_compares_values(response: str, reference: str, outcome: Outcome) -> None:
    pytest.importorskip("math_verify")
    mathverify.prepare()
    assert mathverify.grade(response, reference).outcome is outcome


@pytest.mark.parametrize(
    ("response", "reference", "outcome"),
    [
        (BOXED % "\\frac12", "\\frac{1}{2}", Outcome.RIGHT),
        ("\\boxed{7}", "7", Outcome.RIGHT),
        (BOXED % "7.0", "7", Outcome.WRONG),
        (BOXED % "\\frac{2}{4}", "\\frac{1}{2}", Outcome.WRONG),
        ("<answer> 7 </answer>", "7", Outcome.UNGRADABLE),
        ("\\boxed{7", "7", Outcome.UNGRADABLE),
    ],
)
def test_verl_compares_text(response: str, reference: str, outcome: Outcome) -> None:
    try:
        verl_math.prepare()
    except ImportError as error:
        pytest.skip(str(error))
    assert verl_math.grade(response, reference).outcome is outcome


def test_verls_grader_is_read_without_torch() -> None:
    code = (
        "import sys\n"
        "from harness.graders import verl_math\n"
        "try:\n    verl_math.prepare()\nexcept ImportError:\n    pass\n"
        "print([name for name in ('torch', 'verl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
