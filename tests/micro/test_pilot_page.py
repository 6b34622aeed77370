"""Lab 0010 says of the pilots what the stored exploratory runs say."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from harness.paths import BASELINES, ROOT
from harness.store.bundle import Bundle, find_bundle, read_bundle


@pytest.fixture(scope="module")
def pilots() -> ModuleType:
    # by its place: an installed package is called scripts too
    spec = importlib.util.spec_from_file_location("pilots", ROOT / "scripts" / "pilots.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored(pilots: ModuleType) -> tuple[Bundle, Bundle]:
    first, second = (
        read_bundle(find_bundle(name, BASELINES)) for name in (pilots.PILOTS, pilots.NOISE)
    )
    return first, second


def test_the_page_has_the_tables_of_the_stored_runs(
    pilots: ModuleType, stored: tuple[Bundle, Bundle]
) -> None:
    page = pilots.PAGE.read_text()
    assert pilots.page_with_pilots(page, *stored) == page, "run python scripts/pilots.py"


def test_other_runs_would_be_seen(pilots: ModuleType, stored: tuple[Bundle, Bundle]) -> None:
    page, (first, noise) = pilots.PAGE.read_text(), stored
    changed = replace(first, curves=first.curves.assign(value=first.curves["value"] + 0.01))
    assert pilots.page_with_pilots(page, changed, noise) != page


def test_every_arm_that_ran_is_in_a_panel(
    pilots: ModuleType, stored: tuple[Bundle, Bundle]
) -> None:
    shown = {f"pilot={arm}" for arms in pilots.GROUPS.values() for arm in arms}
    assert shown == set(stored[0].tables.runs["arm"].astype(str)) - {pilots.CONTROL}


def test_no_exploratory_seed_is_one_of_a_study_with_a_rule(
    stored: tuple[Bundle, Bundle],
) -> None:
    assert {seed for bundle in stored for seed in bundle.manifest["seeds"]} == {60, 61, 62, 63, 64}


def test_the_figure_is_drawn(
    pilots: ModuleType, stored: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    pilots.draw(stored[0].tables, stored[1].tables, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 50_000
