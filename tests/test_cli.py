"""Words of a command line: what is read, and what is refused in one line."""

import pytest

from harness.cli import read_arguments, read_verb, run_command
from harness.schema import ExitCode, UsageError


def test_arguments_and_flags_are_read_over_the_defaults() -> None:
    given = read_arguments(["b=2=3", "--gate"], {"a": "1", "b": ""}, flags=["--gate", "--force"])
    assert given == {"a": "1", "b": "2=3", "--gate": "yes", "--force": ""}


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["c=1"], "'c=1'"), (["a"], "key=value"), (["--gat"], "--gate"), ([], "give b=<name>")],
)
def test_a_wrong_argument_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_arguments(argv, {"a": "1"}, needed=["b"], flags=["--gate"])


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
