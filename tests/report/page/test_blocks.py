"""Blocks as Markdown and as HTML: the same words, and markup in them is never run."""

import pytest

from harness.report.page.page import html, inline, sort_key
from harness.report.sections import (
    Block,
    Caution,
    Code,
    Items,
    Paragraph,
    Picture,
    markdown,
)
from harness.text import Cell, Table, numeric

BAD = '<script>alert(1)</script><img src=x onerror="alert(2)">[x](javascript:alert(3))'
TABLE = Table(["arm", "value"], [["a|b", numeric(-0.25, sign=True)], ["c", Cell("-")]])


@pytest.mark.parametrize(
    ("block", "as_markdown", "as_html"),
    [
        (
            Paragraph("**Yes.** See `a_b`, 2 * 3 * 4."),
            "**Yes.** See `a_b`, 2 * 3 * 4.",
            "<p><strong>Yes.</strong> See <code>a_b</code>, 2 * 3 * 4.</p>",
        ),
        (
            Caution("Only `seeds=1`."),
            "> **Only `seeds=1`.**",
            "<blockquote><p><strong>Only <code>seeds=1</code>.</strong></p></blockquote>",
        ),
        (
            Items(["one", "`two`"]),
            "- one\n- `two`",
            "<ul>\n<li>one</li>\n<li><code>two</code></li>\n</ul>",
        ),
        (Picture("Arms", "a.svg"), "![Arms](a.svg)", "<p>Arms: <code>a.svg</code></p>"),
        (Code("a < `b`"), "```\na < `b`\n```", "<pre><code>a &lt; `b`</code></pre>"),
    ],
)
def test_a_block_says_the_same_in_both_forms(block: Block, as_markdown: str, as_html: str) -> None:
    assert markdown([block]) == as_markdown
    assert html(block) == as_html


@pytest.mark.parametrize("make", [Paragraph, Caution, Code, lambda text: Items([text])])
def test_markup_in_a_text_is_shown_and_not_run(make: type[Paragraph]) -> None:
    shown = str(html(make(BAD)))
    assert "<script" not in shown
    assert "<img" not in shown
    assert "href" not in shown
    assert shown.count("&lt;script&gt;") == 1
    assert "&lt;script&gt;" in inline(f"`{BAD}`")


def test_a_table_is_one_value_in_every_form() -> None:
    assert markdown([TABLE]).splitlines()[2] == r"| a\|b | -0.250 |"
    assert TABLE.plain().splitlines()[2] == "a|b  -0.250"
    assert TABLE.cells()[0] == [Cell("a|b"), Cell("-0.250", -0.25)]
    with pytest.raises(TypeError):
        html(TABLE)


def test_what_is_undefined_has_no_number_to_be_sorted_by() -> None:
    assert [sort_key(value) for value in (0.0, -0.5, 2.7e-7)] == ["0", "-0.5", "2.7e-07"]
    assert sort_key(float("nan")) == sort_key(float("inf")) == ""
    assert numeric(float("nan")).text == "-"
