from pathlib import Path

import pytest

from paper.inputs import Inputs, read_inputs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def published() -> Inputs:
    """The paper's data alone."""
    return read_inputs("paper")


@pytest.fixture(scope="session")
def both() -> Inputs:
    """The paper's data and the committed results."""
    return read_inputs("both", results_dir=ROOT / "results")
