"""Each defect that a patch works around is still there; when one is gone, its patch can go too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROGRAMS = sorted((Path(__file__).parents[2] / "docs" / "upstream").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_defect_is_still_there(program: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{program.name} saw no defect: {done.stdout} {done.stderr[-500:]}"


def test_every_program_is_in_the_list() -> None:
    page = (PROGRAMS[0].parent / "README.md").read_text()
    assert PROGRAMS
    for program in PROGRAMS:
        assert f"[{program.name}]({program.name})" in page
