import pytest
from calibrate import FIGURES, REPEATS, every_row, read_rows

ROUNDING = 0.002
"""Another build of numpy may put a few of thousands of data sets on the other side of a bound."""


@pytest.mark.slow
def test_every_stored_figure_is_made_again() -> None:
    stored = read_rows(FIGURES)
    made = list(every_row(REPEATS))

    assert [row[:4] for row in made] == [row[:4] for row in stored]
    for new, old in zip(made, stored, strict=True):
        assert new.found == pytest.approx(old.found, abs=ROUNDING), new
