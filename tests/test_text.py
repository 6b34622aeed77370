from typing import Any

import pytest

from harness.text import (
    NOTHING,
    duration,
    interval,
    markdown_table,
    number,
    plain_table,
    spread,
    value_text,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "unit", "sign", "text"),
    [
        (0.12345, "fraction", False, "0.123"),
        (0.12345, "fraction", True, "+0.123"),
        (-0.0001, "fraction", True, "0.000"),
        (12.34, "tokens", False, "12.3"),
        (NAN, "tokens", False, NOTHING),
        (float("inf"), "1", False, NOTHING),
        (7.0, "rows", False, "7"),
    ],
)
def test_numbers(value: Any, unit: Any, sign: Any, text: str) -> None:
    assert number(value, unit, sign=sign) == text


def test_what_is_undefined_is_a_dash() -> None:
    assert interval(NAN, 1.0, "1") == NOTHING
    assert interval(-1.0, 1.0, "fraction") == "[-1.000, +1.000]"
    assert spread(0.5, NAN, "fraction") == "0.500"
    assert spread(0.5, 0.25, "fraction") == "0.500 ± 0.250"
    assert duration(NAN) == NOTHING
    assert duration(61.2) == "1 min 01 s"
    assert duration(3720) == "1 h 02 min"
    assert value_text(None) == NOTHING
    assert value_text({"a": True}) == "{a: true}"


def test_a_markdown_table_is_aligned_and_escapes_pipes() -> None:
    assert markdown_table(["a", "b"], [["x|y", "1"], ["z", "10"]]) == (
        "| a    |   b |\n| ---- | --: |\n| x\\|y |   1 |\n| z    |  10 |"
    )


def test_a_plain_table_is_aligned() -> None:
    assert plain_table(["a", "b"], [["xyz", "1"]]) == "a    b\n---  -\nxyz  1"
