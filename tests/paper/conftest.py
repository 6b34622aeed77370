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
    """The same, as if the runs had been made in today's micro-world: rules judge them."""
    return read_inputs("both", results_dir=copied_results(tmp_path_factory.mktemp("judged")))
