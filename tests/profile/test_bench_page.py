"""Parts of different code stand apart on the page of `make bench-cell`."""

from harness.profile.bench import MEASURES
from harness.profile.bench_page import page


def part(day: str, naive: float, final: float | None) -> dict:
    variants = {"naive": naive, "final": final}
    runs = [
        {"extra_info": {"variant": name, "values": dict.fromkeys(MEASURES, value)}}
        for name, value in variants.items()
        if value is not None
    ]
    commit = {"id": f"{day.replace('-', '')}abcdef"}
    return {"datetime": f"{day}T07:20:50", "commit": commit, "steps": 6, "benchmarks": runs}


def test_every_part_has_its_own_table_date_and_commit_and_the_newest_is_first() -> None:
    text = page([part("2026-11-25", 20.0, 10.0), part("2026-11-27", 12.0, 3.0)])
    new, old = (
        text.index("2026-11-27 at commit 2026112"),
        text.index("2026-11-25 at commit 2026112"),
    )
    assert new < old
    assert "4.00 |" in text[new:old] and "2.00 |" in text[old:]


def test_a_number_of_one_part_is_in_no_ratio_of_another() -> None:
    text = page([part("2026-11-25", 20.0, None), part("2026-11-27", 12.0, 3.0)])
    assert text.count("naive / final") == 1
    assert "6.67" not in text
