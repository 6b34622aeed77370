"""Intervals cover and tests err as often as they say: simulated, and held to the stored figures.

The stored figures (docs/lab/0004-calibration.csv) are those of `python scripts/calibrate.py run`.
"""

from pathlib import Path

import numpy as np
import pytest
from calibrate import FIGURES, PAGE, main, read_rows, tables, with_tables, write_rows
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
from calibration_bootstraps import COUNTS, bootstraps
from calibration_hierarchy import OLD, hierarchy
from calibration_looks import errors, families, powers
from scipy import stats

from harness.stats.bootstrap import paired_bootstrap
from harness.stats.few_seeds import COVERED, HOLDS
from harness.stats.seed_bootstrap import bootstrap_bounds
from harness.stats.sequential import MEASURED

STORED = {row[:4]: row for row in read_rows(FIGURES)}
DEFAULT = "paired t"
WORST = "one arm skewed"
WORLD = "some training noise"
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
    assert stored("64 looks", "normal mixture monitor")["normal", 64] <= 0.05
    assert max(stored("64 looks", "bounded monitor").values()) <= 0.05

    for method in ("uncorrected", "intervals step by step"):
        assert min(stored("any false finding", method).values()) > 0.1
    assert min(stored("64 looks", "paired t at every look").values()) > 0.15
    strict = stored("64 looks", "normal mixture monitor at level 0.995")
    assert strict["exponential", 64] <= 0.05
    assert set(STREAMS) == {world for world, _ in stored("64 looks", "bounded monitor")}


def test_figures_in_notes_of_the_suite_are_those_of_the_studies() -> None:
    found = stored("64 looks", "normal mixture monitor")
    assert {noise: pytest.approx(100.0 * found[noise, 64], abs=0.06) for noise in MEASURED} == (
        MEASURED
    )
    figures = stored("bootstrap by seeds", "percentile bootstrap")
    for seeds, pair in COVERED.items():
        wanted = [100.0 * figures[world, seeds] for world in ("normal", "exponential")]
        assert pair == pytest.approx(wanted, abs=0.06)
    holds = [100.0 * figures["normal", n] >= HOLDS for n in COUNTS]
    # the table ends where it first holds, and every number before it is in it
    assert holds.index(True) == len(COVERED) - 1


def test_looks_keep_their_rate_where_noise_is_not_skewed() -> None:
    for method in ("looks", "looks, equivalence"):
        found = stored("looks, errors", method)
        for claims, alpha in (("one claim", 0.025), ("first of 8", 0.003125)):
            limit = alpha + 3.5 * np.sqrt(alpha / 48_000)
            assert found[f"normal, {claims}", 12] <= limit
            assert found[f"lattice, {claims}", 12] <= limit
            assert found[f"bounded, {claims}", 12] <= 1.5 * alpha
    plain = stored("looks, errors", "plain t at each look")
    assert plain["normal, one claim", 12] > 0.045
    assert stored("looks, family", "Holm")["8 claims, one control, none true", 12] <= 0.034
    power = stored("looks, power", "2")
    assert power["normal, one claim", 5] >= 0.79 and power["normal, first of 8", 8] >= 0.7


def test_seeds_drawn_cover_and_are_as_wide_as_t_and_the_old_bootstrap_was_not() -> None:
    new, old = (stored("hierarchy, coverage", name) for name in ("seeds drawn", OLD))
    assert min(new.values()) >= 0.93 and max(new.values()) <= 0.97
    assert min(old.values()) < 0.85 and max(old.values()) > 0.99
    width = stored("hierarchy, width", "seeds drawn")
    assert all(0.95 < found < 1.08 for found in width.values())
    assert max(stored("hierarchy, width", OLD).values()) > 1.8


def test_looks_and_hierarchies_are_what_is_stored() -> None:
    made = errors("lattice", 3000) + powers("normal", 3000) + hierarchy(WORLD, 5, 120)
    assert disagreements([row for row in made if row.study != "hierarchy, width"]) == []
    for row in made:
        if row.study == "hierarchy, width":
            assert row.found == pytest.approx(STORED[row[:4]].found, abs=0.2)
    assert families(60)[0].found <= 0.12
    assert disagreements(bootstraps("normal", 5, 500)) == []


def test_the_bootstrap_of_the_studies_is_that_of_the_suite() -> None:
    """The studies do many data sets with one matrix product; this holds it to the real function.

    `paired_bootstrap` stretches what the percentile bootstrap finds: t / z, and sqrt(n / (n - 1)).
    """
    rng = np.random.default_rng(0)
    difference_RS = rng.normal(size=(3, 8))
    bounds_ER = bootstrap_bounds(difference_RS, rng, draws=1000, level=0.95)["percentile"]
    stretch = stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975) * np.sqrt(8 / 7)
    for difference_S, bounds in zip(difference_RS, bounds_ER.T, strict=True):
        score_SQK = difference_S[:, None, None]
        known = paired_bootstrap(score_SQK, np.zeros_like(score_SQK), rng=rng, draws=4000)
        width = known.high - known.low
        stretched = known.point + stretch * (bounds - known.point)
        assert stretched == pytest.approx(known[1:], abs=0.08 * width)
        assert bounds != pytest.approx(known[1:], abs=0.08 * width)


def test_the_page_shows_the_stored_figures() -> None:
    page, rows = PAGE.read_text(), list(STORED.values())
    assert with_tables(page, tables(rows)) == page

    changed = [rows[0]._replace(found=rows[0].found - 0.01), *rows[1:]]
    assert with_tables(page, tables(changed)) != page
    with pytest.raises(ValueError, match="the page must have"):
        with_tables("no place", "")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the page and its figures, and studies that take no time."""
    for name, path in (("PAGE", PAGE), ("FIGURES", FIGURES)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        monkeypatch.setattr(f"calibrate.{name}", tmp_path / path.name)
    changed = [row._replace(found=0.5) for row in STORED.values()]
    monkeypatch.setattr("calibrate.every_row", lambda _: changed)
    monkeypatch.setattr("calibrate.gate_table", lambda: "a table of the gate")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "is_made"),
    [
        ("run", (True, True)),
        ("run methods", (True, False)),
        ("run gate", (False, True)),
        ("tables", (False, False)),
    ],
)
def test_one_command_makes_every_table_or_a_part(elsewhere: Path, words, is_made) -> None:
    assert main(words.split()) == 0
    page = (elsewhere / PAGE.name).read_text()
    figures = read_rows(elsewhere / FIGURES.name)
    assert (figures != list(STORED.values()), "a table of the gate" in page) == is_made
    assert with_tables(page, tables(figures)) == page


def test_help_names_the_parts_and_a_wrong_one_is_usage(elsewhere: Path, capsys) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("run", "tables", "methods", "gate"))
    assert [main(words) for words in ([], ["run", "looks"], ["tables", "gate"])] == [2, 2, 2]
    assert (elsewhere / PAGE.name).read_bytes() == PAGE.read_bytes()


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
