"""docs/findings.md says what the stored runs say, and every measured claim has its paragraph."""

import re
from pathlib import Path

import pytest
import yaml

from harness.claims.rows import claim_sheet, stored_rows
from harness.docs.findings import READINGS, page, read_readings
from harness.paths import BASELINES, DOCS, ROOT
from harness.schema import DamagedError


@pytest.fixture(scope="module")
def measured() -> list[str]:
    lines = claim_sheet("micro", stored_rows("micro", ROOT / "results", BASELINES))
    return [line.claim.id for line in lines if line.verdict.estimates]


def test_the_page_is_that_of_the_stored_runs() -> None:
    assert (DOCS / "findings.md").read_text() == page(), "run python -m harness.docs findings"


def test_every_measured_claim_has_a_paragraph_and_no_other(measured: list[str]) -> None:
    readings = read_readings(READINGS, measured)
    assert set(readings) == set(measured)
    with pytest.raises(DamagedError, match="no paragraph on f99 and one too many on none"):
        read_readings(READINGS, [*measured, "f99"])
    with pytest.raises(DamagedError, match=f"one too many on {measured[0]}"):
        read_readings(READINGS, measured[1:])


def test_a_paragraph_types_no_number(measured: list[str]) -> None:
    for claim, text in yaml.safe_load(READINGS.read_text()).items():
        assert not re.search(r"\d", re.sub(r"\bf\d\d[a-c]?\b|micro_\d\S*", "", text)), claim


def test_responses_and_reports_that_it_names_are_there() -> None:
    text = page()
    for place in re.findall(r"\]\(\.\./(\S+?)\)", text):
        assert (ROOT / place).is_file(), place
    assert "| question" in text and "before, " in text


def intervals_of_readme(text: str) -> list[str]:
    part = text.split("## What is known so far")[1].split("\n## ")[0]
    return re.findall(r"\S+ \[[-+\d.]+, [-+\d.]+\]", part)


def test_the_numbers_of_the_readme_are_those_of_the_page() -> None:
    readme, findings = (ROOT / "README.md").read_text(), (DOCS / "findings.md").read_text()
    shown = intervals_of_readme(readme)
    assert len(shown) > 1
    assert [one for one in shown if one not in findings] == []
    changed = readme.replace(shown[0], f"9{shown[0]}")
    assert [one for one in intervals_of_readme(changed) if one not in findings] != []


def test_without_stored_studies_nothing_is_claimed(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="no paragraph on none and one too many on f0"):
        page(tmp_path, tmp_path / "baselines")
