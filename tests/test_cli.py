"""Words of a command line: what is read, and what is refused in one line."""

import io
import os
import sys
from pathlib import Path

import pytest

from harness.cli import (
    FORCE,
    choice,
    folder,
    guarded,
    name,
    needed,
    out_file,
    out_folder,
    place,
    read_arguments,
    read_verb,
    real,
    run_command,
    several,
    switch,
    text,
    whole,
)
from harness.schema import ExitCode, UsageError

OPTIONS = {"a": whole(1, 9, default=1), "b": needed(text()), "c": real(above=0.0), "d": switch()}


def test_arguments_and_flags_are_read_over_the_defaults() -> None:
    given = read_arguments(["b=2=3", "--gate"], OPTIONS, flags=["--gate", FORCE])
    assert given == {"a": 1, "b": "2=3", "c": None, "d": False, "--gate": True, FORCE: False}
    given = read_arguments(["b=x", "a=7", "c=0.5", "d=true"], OPTIONS)
    assert given == {"a": 7, "b": "x", "c": 0.5, "d": True}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["z=1"], "'z=1'"),
        (["a"], "key=value"),
        (["--gat"], "--gate"),
        ([], "no b was named: give b="),
        (["b=1", "b=2"], "b is given twice"),
        (["--gate", "--gate"], "--gate is given twice"),
        (["b="], "b= is empty"),
        (["b=x", "a="], "a= is empty"),
    ],
)
def test_a_wrong_argument_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_arguments(argv, OPTIONS, flags=["--gate"])


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (
            whole(1, 9),
            ["1", "9"],
            ["0", "10", "1.0", "1e3", "x", " 1", "-1", "٣", "9" * 5000, "true"],
        ),
        (
            real(above=0.0),
            ["1", "1e-9", ".5"],
            ["0", "-1", "nan", "inf", "1e309", "1_0", "", "0x1"],
        ),
        (real(0.0, 1.0), ["0", "1", "0.5"], ["-0.1", "1.1", "1e400"]),
        (switch(), ["true", "false"], ["", "null", "[]", "True", "1", "yes"]),
        (choice(["svg", "pdf"]), ["svg"], ["svgg", "", "svg,pdf"]),
        (several(choice(["svg", "pdf"])), ["svg", "svg,pdf"], [",", "svg,", "svg,x"]),
        (name(), ["a", "seeds=1,steps=3", "ü"], ["..", ".", "a/b", "/", "x" * 256, "ü" * 128]),
        (place(), ["a/b", "..", "ü"], ["x" * 256, "a/" * 3000, "y" * 20_000]),
    ],
)
def test_a_kind_takes_its_values_and_no_others(option, good: list[str], bad: list[str]) -> None:
    for given in good:
        read_arguments([f"k={given}"], {"k": option})
    for given in bad:
        with pytest.raises(UsageError, match=r"^k=") as told:
            read_arguments([f"k={given}"], {"k": option})
        assert len(str(told.value)) < 500


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("old")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "page.md").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("option", "where", "said"),
    [
        (out_file(), "file", "give --force"),
        (out_file(), "link", "is a link"),
        (out_file(), "dangling", "is a link"),
        (out_file(), "pipe", "is a pipe"),
        (out_file(), "full", "is a directory"),
        (out_file(), "full/../new", "without '..'"),
        (out_file(), "file/new", "file is no directory"),
        (out_folder("page.md"), "full", "page.md is there already: give --force"),
        (out_folder("page.md"), "file", "is no directory"),
        (out_folder("page.md"), "pipe", "is no directory"),
        (out_folder("page.md"), "dangling", "is no directory"),
        (out_folder("page.md"), "full/../new", "without '..'"),
        (folder(), "nothing", "a directory that is there"),
        (folder(), "file", "a directory that is there"),
    ],
)
def test_out_is_a_new_regular_file_or_folder(option, where: str, said: str, there: Path) -> None:
    with pytest.raises(UsageError, match=said):
        read_arguments([f"out={there / where}"], {"out": option}, flags=[FORCE])
    forced = said.startswith("give --force") or "page.md" in said
    words = [f"out={there / where}", FORCE]
    if forced:
        assert read_arguments(words, {"out": option}, flags=[FORCE])["out"] == str(there / where)
    else:
        with pytest.raises(UsageError):
            read_arguments(words, {"out": option}, flags=[FORCE])
    assert (there / "file").read_text() == "old"


def test_a_device_is_never_written(there: Path) -> None:
    # it is looked at, never opened
    with pytest.raises(UsageError, match="a device"):
        read_arguments(["out=/dev/null", FORCE], {"out": out_file()}, flags=[FORCE])


@pytest.mark.parametrize("word", ["b=\udcff", "b=\x1b[2J", "b=a\x00", "b=a\rb", "b=\u202e"])
def test_words_that_are_no_text_are_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([word], "", lambda argv: 0) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith("error: the argument 'b=") and "\x1b" not in said


def test_what_is_printed_is_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        print("a \x1b]0;title\x07 \x9b2J \u202e ü\tb")
        raise UsageError("the study \x1b[31m")

    assert guarded(command) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == "a \\x1b]0;title\\x07 \\x9b2J \\u202e ü\tb\n"
    assert err == "error: the study \\x1b[31m\n"


def test_an_output_in_ascii_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="ascii"))
    assert guarded(lambda: print("1 → 2, ü") or 0) == ExitCode.OK
    assert held.getvalue() == b"1 \\u2192 2, \\xfc\n"


def test_a_file_that_cannot_be_read_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: len(Path("/no/such/file").read_text())) == ExitCode.USAGE
    assert capsys.readouterr().err == "error: /no/such/file: No such file or directory\n"


def test_a_verb_comes_first() -> None:
    assert read_verb(["show", "a=1"], ["list", "show"]) == ("show", ["a=1"])
    for argv in ([], ["shw"]):
        with pytest.raises(UsageError, match="show"):
            read_verb(argv, ["list", "show"])


def test_an_error_becomes_one_line_and_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    def command(argv: object) -> int:
        raise UsageError("no such thing")

    assert run_command(["--help"], " how to \n", command) == ExitCode.OK
    assert run_command([], "", command) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert (out, err) == ("how to\n", "error: no such thing\n")
