"""What a set-up refuses before it begins, each in one line."""

import ast
import fcntl
import os
from pathlib import Path

import pytest
from setup_gates import SetupError, alone, check_disk, check_modules, check_platform, check_python

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_the_tested_python_passes_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    check_python((3, 11, 7), "/usr/bin/python3.11")
    assert capsys.readouterr().out == ""


def test_the_allowed_python_is_said_to_be_untested(capsys: pytest.CaptureFixture[str]) -> None:
    check_python((3, 12, 1), "/usr/bin/python3.12")
    assert "3.12.1 is allowed but untested" in capsys.readouterr().out


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 13), (3, 13, 0), (2, 7, 18)])
def test_another_python_is_refused_in_one_line(version: tuple[int, int, int]) -> None:
    with pytest.raises(SetupError, match=r"3\.11 is needed.*found \d.*/opt/python") as caught:
        check_python(version, "/opt/python")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("setup_*.py")), ids=lambda path: path.name)
def test_the_setup_starts_on_a_python_that_is_too_old(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))
    assert "from __future__ import annotations" in path.read_text()


def test_newer_grammar_would_be_seen() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n  case _: pass", feature_version=(3, 8))


@pytest.mark.parametrize(
    ("system", "machine"), [("Darwin", "arm64"), ("Windows", "AMD64"), ("Linux", "ppc64le")]
)
def test_a_machine_without_packages_is_refused(system: str, machine: str) -> None:
    with pytest.raises(SetupError, match=f"found {system} on {machine}"):
        check_platform(system, machine)


def test_the_tested_machine_passes() -> None:
    check_platform("Linux", "x86_64")


def test_a_python_that_cannot_make_environments_is_refused() -> None:
    check_modules(("venv",))
    with pytest.raises(SetupError, match=r"no module no_such_module.*apt-get install"):
        check_modules(("venv", "no_such_module"))


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    check_disk(tmp_path, 7.0, free_bytes=7_000_000_000)
    with pytest.raises(SetupError, match=r"7\.0 GB must be free .* found 6\.9 GB"):
        check_disk(tmp_path, 7.0, free_bytes=6_900_000_000)


def test_the_free_space_is_asked_of_the_system(tmp_path: Path) -> None:
    check_disk(tmp_path, 0.0)
    with pytest.raises(SetupError, match="not enough disk"):
        check_disk(tmp_path, 1e9)


def test_one_setup_at_a_time_works_in_a_checkout(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        with alone(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)
    assert list(tmp_path.iterdir()) == []
