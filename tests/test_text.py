from typing import Any

import pytest

from harness import text
from harness.text import (
    NOTHING,
    duration,
    folded,
    in_line,
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


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int | None) -> None:
    monkeypatch.setattr(text, "console_width", lambda: columns)


ROWS = [["first", "a text of seven words and no more", "0.5"], ["second", "short", "12.25"]]


def test_a_table_shrinks_to_the_terminal_and_breaks_no_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_terminal(monkeypatch, None)
    whole = plain_table(["name", "what", "value"], ROWS, "<<>")
    on_terminal(monkeypatch, 30)
    narrow = plain_table(["name", "what", "value"], ROWS, "<<>").split("\n")
    assert narrow[2:5] == [
        "first   a text of seven    0.5",
        "        words and no",
        "        more",
    ]
    assert max(map(len, narrow)) == 30
    # no width that keeps the words whole: the terminal breaks the lines itself
    on_terminal(monkeypatch, 15)
    assert plain_table(["name", "what", "value"], ROWS, "<<>") == whole


def test_lines_are_folded_below_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "  out=     directory for everything that is made\n\n    python -m harness.run ablation=x"
    on_terminal(monkeypatch, None)
    assert folded(key) == key
    on_terminal(monkeypatch, 30)
    assert folded(key).split("\n") == [
        "  out=     directory for",
        "           everything that is",
        "           made",
        "",
        "    python -m harness.run ablation=x",
    ]
    paragraph = "one two three four five six seven\neight nine\n\nten"
    assert folded(paragraph) == "one two three four five six\nseven\neight nine\n\nten"
    prose = folded(paragraph, is_prose=True)
    assert prose == "one two three four five six\nseven eight nine\n\nten"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("plain text", "plain text"),
        ("a title\n\n## of two lines", "a title  ## of two lines"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("`<arm>/start/<metric>` < 2", "`<arm>/start/<metric>` < 2"),
        ("a `<b", "a `&lt;b"),
        ("``a ` <b>`` <c>", "``a ` <b>`` &lt;c>"),
        ("\x1b[31mred", "\\x1b[31mred"),
    ],
)
def test_a_text_in_a_line_of_markdown_is_one_line_without_html(said: str, written: str) -> None:
    assert in_line(said) == written
    assert in_line(said) in markdown_table(["a"], [[said]]).replace(r"\|", "|")
