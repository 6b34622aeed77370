"""`python -m harness`: every command is listed, and a new one is one file."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __main__ as harness
from harness.schema import ExitCode

ROOT = Path(__file__).resolve().parents[1]

NEW = '''"""`python -m harness.shout <word>`: a word in large letters."""

import sys

from harness.cli import run_command


def shout(words):
    print(" ".join(words).upper())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:], __doc__, shout))
'''


def lines_of(listing: str) -> dict[str, str]:
    """Return command -> what it is for, as listed."""
    rows = [line.split(maxsplit=1) for line in listing.splitlines() if line.startswith("  ")]
    return {row[0]: row[1] for row in rows}


def test_every_command_is_listed_in_its_place() -> None:
    listed = list(lines_of(harness.listing()))
    entries = {f"harness.{path.parent.name}" for path in ROOT.glob("harness/*/__main__.py")}
    assert entries <= set(listed)
    # the order names what there is, and nothing there is without a place
    named = [f"harness.{name}" for names in harness.ORDER.values() for name in names]
    assert [name for name in listed if name.startswith("harness.")] == named
    assert len(listed) == len(set(listed)) == len(harness.commands())


def test_a_line_is_the_first_of_the_commands_own_help() -> None:
    for name, what in harness.commands().items():
        place = ROOT.joinpath(*name.split("."))
        path = place.with_suffix(".py") if not place.is_dir() else place / "__main__.py"
        assert what in " ".join(path.read_text()[:300].split())


def test_a_word_is_answered_with_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.main(["compar"]) == ExitCode.USAGE
    assert "did you mean harness.compare" in capsys.readouterr().err


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's Python files, in another place."""

    def others(folder: str, names: list[str]) -> list[str]:
        return [n for n in names if not (Path(folder, n).is_dir() or n.endswith(".py"))]

    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "harness", root / "harness", ignore=others)
    return root


@pytest.mark.parametrize("place", ["harness/shout/__main__.py", "harness/shout.py"])
def test_a_new_command_is_one_file(copy: Path, place: str) -> None:
    def said(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True).stdout

    before = lines_of(said("harness"))
    path = copy / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(NEW)
    try:
        after = lines_of(said("harness"))
        assert after == {**before, "harness.shout": "a word in large letters"}
        assert said("harness.shout", "hear", "me") == "HEAR ME\n"
        assert said("harness.shout", "--help").startswith(
            "`python -m harness.shout <word>`: a word"
        )
    finally:
        path.unlink()


def test_a_module_that_is_no_command_is_not_listed(copy: Path) -> None:
    (copy / "harness" / "whisper.py").write_text('"""Words in small letters."""\n')
    assert "harness.whisper" not in harness.commands(copy)
