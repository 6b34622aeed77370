"""``key=value`` command lines."""

import pytest

from harness.micro.arguments import read_arguments
from harness.schema import UsageError


def test_values_take_the_type_of_their_default() -> None:
    defaults = {"out": None, "steps": 10, "seed": 0}
    assert read_arguments(["out=x", "steps=3"], defaults) == {"out": "x", "steps": 3, "seed": 0}


@pytest.mark.parametrize(
    ("argv", "message"),
    [(["setps=3"], "unknown argument"), (["steps=x"], "whole number"), ([], "missing argument")],
)
def test_bad_arguments_name_the_choices(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_arguments(argv, {"out": None, "steps": 10})
