"""What further graders said of the stored samples, where `harness.grade` left its table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER, TABLE = "graders", "verdicts.csv"
"""`python -m harness.grade ... out=<folder of the study>/graders` writes it."""


def stored_grades(folder: Path) -> dict[str, dict[str, str]]:
    """Return grader -> row_id of a sample -> outcome and reason, in words.

    Args:
        folder: of the study; without a table of graders there are none.
    """
    path = folder / FOLDER / TABLE
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    graders = [name for name in table.columns if f"{name}_reason" in table.columns]
    return {
        grader: {
            row_id: f"{outcome} ({reason})" if reason else outcome
            for row_id, outcome, reason in zip(
                table["row_id"], table[grader], table[f"{grader}_reason"], strict=True
            )
        }
        for grader in graders
    }
