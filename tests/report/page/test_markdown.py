from pathlib import Path

import pytest

from harness.report.page.markdown import Table, blocks_of, sections_of, sort_key
from harness.text import markdown_table

ROOT = Path(__file__).resolve().parents[3]
REPORT = ROOT / "results" / "micro" / "kl_penalty" / "REPORT.md"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0.287 → 0.887 ± 0.019", "0.887"),
        ("20.1 → 39.9", "39.9"),
        ("[-0.031, +0.013]", "-0.031"),
        ("+0.2", "+0.2"),
        ("2.7e-07", "2.7e-07"),
        ("40 of 40", "40"),
        ("1280 / 1300", "1280"),
        ("5 min 16 s", "316"),
        ("1 h 02 min", "3720"),
        ("-", ""),
        ("", ""),
        ("7B training reward 0.073", ""),
        ("kl=none", ""),
    ],
)
def test_a_cell_is_sorted_by_its_number(text: str, key: str) -> None:
    assert sort_key(text) == key


def test_every_table_of_the_committed_report_is_found_with_every_cell() -> None:
    text = REPORT.read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    tables = [
        block
        for title, body in sections_of(text).items()
        for block in blocks_of(body, title)
        if isinstance(block, Table)
    ]

    assert sum(len(table.rows) + 2 for table in tables) == len(lines)
    assert all(len(row) == len(table.heads) for table in tables for row in table.rows)
    cells = [cell.text for table in tables for row in table.rows for cell in row]
    assert "0.287 → 0.887 ± 0.019" in cells
    assert "verl.algorithm.use_kl_in_reward" in cells


def test_sections_keep_their_order_and_lose_nothing() -> None:
    text = "# Title\n\nhead\n\n## One (x)\n\nfirst\n\n## Two\n\nsecond\n"
    assert sections_of(text) == {"": "head", "One (x)": "first", "Two": "second"}


def test_markup_in_a_text_is_shown_and_not_run() -> None:
    bad = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    table = markdown_table(["arm", "value"], [[bad, "a|b"]])
    blocks = blocks_of(f"{bad}\n\n{table}\n\n[x](javascript:alert(3))", "name")
    html = "".join(
        "".join(cell.html for row in block.rows for cell in row)
        if isinstance(block, Table)
        else block
        for block in blocks
    )

    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html
    assert html.count("&lt;script&gt;") == 2
    (found,) = [block for block in blocks if isinstance(block, Table)]
    assert found.rows[0][1].text == "a|b"
    assert [cell.is_right for cell in found.heads] == [False, True]
