"""Measurements of different days stand apart on the page of `make bench-cell`."""

import json
from pathlib import Path

from harness.profile.bench import MEASURES
from harness.profile.bench_page import page

BENCH = Path(__file__).parents[2] / "results" / "bench"


def part(day: str, commit: str = "abcdef012", **variants: float) -> dict:
    runs = [
        {"extra_info": {"variant": name, "values": dict.fromkeys(MEASURES, value)}}
        for name, value in variants.items()
    ]
    when, sha = f"{day}T07:20:50", {"id": commit}
    return {"datetime": when, "commit": sha, "steps": 6, "benchmarks": runs}


def test_every_day_has_its_own_table_with_its_commits_and_the_newest_is_first() -> None:
    old = part("2026-11-25", "aaaaaaaaa", naive=20.0, final=10.0)
    text = page([old, part("2026-11-27", "bbbbbbbbb", naive=12.0, final=3.0)])
    new, old_place = (
        text.index(f"2026-11-{day} at {sha}") for day, sha in ((27, "bbbbbbb"), (25, "aaaaaaa"))
    )
    assert new < old_place
    assert "4.00 |" in text[new:old_place] and "2.00 |" in text[old_place:]


def test_a_number_of_one_day_is_in_no_ratio_of_another() -> None:
    text = page([part("2026-11-25", naive=20.0), part("2026-11-27", naive=12.0, final=3.0)])
    assert text.count("naive / final") == 1
    assert "6.67" not in text


def test_pieces_of_one_day_are_one_measurement() -> None:
    pieces = [part("2026-11-25", final=10.0), part("2026-11-25", **{"without warm_start": 25.0})]
    assert "2.50" in page(pieces)
    assert "2.50" not in page([pieces[0], {**pieces[1], "datetime": "2026-11-26T07:20:50"}])


def test_the_committed_page_is_that_of_the_committed_runs() -> None:
    parts = [json.loads(path.read_text()) for path in sorted(BENCH.glob("cell*.json"))]
    assert (BENCH / "CELL.md").read_text() == page(parts) + "\n"
