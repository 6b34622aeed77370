"""Intervals cover and tests err as often as they say: simulated, and held to the stored figures.

The stored figures (docs/lab/0004-calibration.csv) are those of `python scripts/calibrate.py run`.
"""

import numpy as np
import pytest
from calibrate import FIGURES, PAGE, read_rows, tables, with_tables, write_rows
from calibration import (
    SEEDS,
    STREAMS,
    WORLDS,
    Row,
    bands,
    coverage,
    false_positives,
    family,
    looking,
)

STORED = {row[:4]: row for row in read_rows(FIGURES)}
DEFAULT = "paired t"
WORST = "one arm skewed"
ERRORS = 4.5
"""Standard errors by which a figure may be off before it is another one."""


def disagreements(rows: list[Row]) -> list[str]:
    """A sentence for each figure that is not the stored one, noise of both allowed for."""
    wrong = []
    for row in rows:
        known = STORED[row[:4]]
        spread = max(known.found * (1.0 - known.found), 0.01)
        error = np.sqrt(spread * (1.0 / row.repeats + 1.0 / known.repeats))
        if abs(row.found - known.found) > ERRORS * error:
            wrong.append(f"{row[:4]}: {row.found:.3f}, stored {known.found:.3f}")
    return wrong


def stored(study: str, method: str) -> dict[tuple[str, int], float]:
    return {
        (row.world, row.seeds): row.found
        for row in STORED.values()
        if (row.study, row.method) == (study, method)
    }


@pytest.mark.parametrize("world", WORLDS)
def test_coverage_is_what_is_stored(world: str) -> None:
    for seeds in SEEDS:
        assert disagreements(coverage(world, seeds, 150)) == []


@pytest.mark.parametrize("world", ["normal", "skewed, correlated arms", "bounded"])
def test_false_positives_are_what_is_stored(world: str) -> None:
    assert disagreements(false_positives(world, 5, 150)) == []


def test_false_findings_in_families_bands_and_looks_are_what_is_stored() -> None:
    rows = family(5, 150) + bands(0.9, 5, 150) + looking("normal", 50)
    assert disagreements(rows) == []


def test_an_interval_that_is_too_narrow_and_a_test_that_errs_too_often_are_noticed() -> None:
    (row,) = (row for row in coverage("normal", 5, 150) if row.method == DEFAULT)
    assert len(disagreements([row._replace(found=row.found - 0.12)])) == 1
    (row,) = (row for row in bands(0.9, 5, 150) if row.method == "band")
    assert len(disagreements([row._replace(found=row.found + 0.12)])) == 1


def test_the_default_holds_where_bootstraps_of_few_seeds_do_not() -> None:
    default = stored("coverage", DEFAULT)
    assert set(default) == {(world, seeds) for world in WORLDS for seeds in SEEDS}
    assert min(found for (world, _), found in default.items() if world != WORST) >= 0.92

    for method in ("percentile bootstrap", "BCa bootstrap", "studentised bootstrap"):
        bootstrap = stored("coverage", method)
        for world in WORLDS:
            assert bootstrap[world, 3] < 0.85 < default[world, 3]
    worst = [default[WORST, seeds] for seeds in SEEDS]
    assert min(worst) >= 0.86
    wide = stored("coverage", "paired t at level 0.98")
    assert min(wide[WORST, seeds] for seeds in SEEDS) >= 0.92


def test_tests_keep_their_level_where_their_assumptions_hold() -> None:
    limit = 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 3000)
    for method in ("superiority", "inferiority", "equivalence at the margin", "permutation"):
        found = stored("false positives", method)
        for world in ("normal", "normal, correlated arms"):
            assert max(found[world, seeds] for seeds in SEEDS) <= limit
    assert max(stored("any false finding", "Holm").values()) <= limit
    assert max(stored("any false finding", "band").values()) <= limit
    assert stored("40 looks", "normal mixture monitor")["normal", 40] <= 0.05
    assert max(stored("40 looks", "bounded monitor").values()) <= 0.05

    for method in ("uncorrected", "intervals step by step"):
        assert min(stored("any false finding", method).values()) > 0.1
    assert min(stored("40 looks", "paired t at every look").values()) > 0.15
    assert set(STREAMS) == {world for world, _ in stored("40 looks", "bounded monitor")}


def test_the_page_shows_the_stored_figures() -> None:
    page, rows = PAGE.read_text(), list(STORED.values())
    assert with_tables(page, tables(rows)) == page

    changed = [rows[0]._replace(found=rows[0].found - 0.01), *rows[1:]]
    assert with_tables(page, tables(changed)) != page
    with pytest.raises(ValueError, match="the page must have"):
        with_tables("no place", "")


def test_figures_are_read_as_they_were_written(tmp_path) -> None:
    path = tmp_path / "figures.csv"
    write_rows(STORED.values(), path)
    assert read_rows(path) == list(STORED.values())
    assert path.read_bytes() == FIGURES.read_bytes()
    path.write_text("study\n")
    with pytest.raises(ValueError, match="columns"):
        read_rows(path)


def test_a_study_is_the_same_whichever_ran_before_it() -> None:
    first = coverage("bounded", 5, 20)
    family(3, 20)
    assert coverage("bounded", 5, 20) == first
