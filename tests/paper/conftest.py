from pathlib import Path

import pytest

from paper.inputs import Inputs, read_inputs
from tests.claims.today import copied_results

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def published() -> Inputs:
    """The paper's data alone."""
    return read_inputs("paper")


@pytest.fixture(scope="session")
def both() -> Inputs:
    """The paper's data and the committed results."""
    return read_inputs("both", results_dir=ROOT / "results")


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The first stored study alone, as if made in today's micro-world: rules judge it."""
    folder = tmp_path_factory.mktemp("judged")
    return read_inputs("both", results_dir=copied_results(folder), baselines=folder / "none")


@pytest.fixture(scope="session")
def first_world(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The first stored study alone, as it is: no rule judges it."""
    folder = tmp_path_factory.mktemp("first_world")
    results = copied_results(folder, lambda protocol: None)
    return read_inputs("both", results_dir=results, baselines=folder / "none")
