"""The table of diagnoses in docs/reliability.md is that of the diagnoses there are."""

from dataclasses import replace

import pytest

from harness.docs import diagnoses
from harness.docs.diagnoses import RELIABILITY, with_diagnoses
from harness.metrics.health.diagnoses import DIAGNOSES


def test_the_page_is_what_the_diagnoses_make_it() -> None:
    assert RELIABILITY.read_text() == with_diagnoses(RELIABILITY.read_text())


def test_a_diagnosis_that_changes_changes_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    other = (replace(DIAGNOSES[0], remedy="Do nothing."), *DIAGNOSES[1:])
    monkeypatch.setattr(diagnoses, "DIAGNOSES", other)
    assert RELIABILITY.read_text() != with_diagnoses(RELIABILITY.read_text())


def test_every_diagnosis_says_what_it_reads_and_what_to_do() -> None:
    assert len({diagnosis.name for diagnosis in DIAGNOSES}) == len(DIAGNOSES)
    for diagnosis in DIAGNOSES:
        assert "`" in diagnosis.when and diagnosis.means.endswith(".")
        assert diagnosis.remedy.endswith((".", "?"))
