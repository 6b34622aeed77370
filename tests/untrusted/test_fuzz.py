"""Inputs made at random: each is read right or refused in one sentence; nothing else happens."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.untrusted.json_text import check_values, parse_json
from tests.untrusted.cases import FAMILIES, READ, REFUSED, attempted, look
from tests.untrusted.invented import store, study, tables

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_an_input_of_a_stranger_is_read_or_refused(name: str, seed: int, tmp_path: Path) -> None:
    begun = time.process_time()
    assert FAMILIES[name](random.Random(seed), tmp_path) in (READ, REFUSED)
    assert time.process_time() - begun < 5.0


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_what_python_writes_as_json_comes_back(value: Any) -> None:
    assert repr(parse_json(json.dumps(value), as_python=True)) == repr(value)
    check_values(value)


def test_the_study_that_is_broken_is_whole_before(tmp_path: Path) -> None:
    """Else all of its mutants would be refused for what was wrong with it."""
    directory = store(tmp_path, study(), tables(study()))
    assert attempted(lambda: look(directory)) == READ


@pytest.mark.parametrize(
    "case",
    [
        "manifests/413",
        "manifests/1241",
        "records and specs/367",
        "records and specs/4552",
        "mapping files/6474",
    ],
)
def test_an_input_that_a_long_run_found_is_answered(case: str, tmp_path: Path) -> None:
    """A machine or versions that are null, a line end in a version and in a key, a long name."""
    family = case.partition("/")[0]
    assert FAMILIES[family](random.Random(f"0/{case}"), tmp_path) in (READ, REFUSED)
