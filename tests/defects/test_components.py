"""Each check passes with the installed verl, and fails with the defect that it is there for."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("verl")

from harness.plugins.fingerprint import EXPECTED, departures, taken, text_of
from tests.defects.seeded import read_defects, seeded

pytestmark = pytest.mark.engine

DEFECTS = read_defects()
NAMES = sorted({defect.component for defect in DEFECTS.values()})


@pytest.mark.parametrize("name", NAMES)
def test_the_installed_verl_passes(name: str) -> None:
    from tests.defects.checks import CHECKS

    CHECKS[name]()


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_found_and_gone_again(name: str) -> None:
    from tests.defects.checks import CHECKS

    check = CHECKS[DEFECTS[name].component]
    with seeded(DEFECTS[name]), pytest.raises((AssertionError, pytest.fail.Exception)):
        check()
    check()


def test_every_check_has_a_defect() -> None:
    from tests.defects.checks import CHECKS

    assert set(NAMES) == set(CHECKS)


@pytest.mark.parametrize("name", [n for n in DEFECTS if DEFECTS[n].component in EXPECTED])
def test_the_defect_changes_the_fingerprint(name: str) -> None:
    right = taken()
    assert departures(right) == [] and text_of(right).startswith("as expected")
    with seeded(DEFECTS[name]):
        wrong = taken()
    assert DEFECTS[name].component in departures(wrong)
    assert text_of(wrong).startswith("other: ") and DEFECTS[name].component in text_of(wrong)
