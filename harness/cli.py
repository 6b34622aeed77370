"""The arguments of a command: `python -m harness.<command> [verb] key=value ... [--flag]`.

What an option may be is said where it is named, by one of the kinds below, and wrong values are
answered here alone. `run`, `plan` and `cells` are Hydra applications; `harness.spec.values` checks
theirs by the same kinds.
"""

from __future__ import annotations

import difflib
import math
import os
import select
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.schema import ExitCode, HarnessError, UsageError
from harness.text import Visible, folded, is_visible, visible
from harness.writing import check_target

FORCE = "--force"
"""Flag of every command with an `out=` that is never to replace a file unasked."""

_FEW = 12
_SHOWN = 60
_LONGEST_NAME, _LONGEST_PATH, _LONGEST_TEXT = 255, 4095, 10_000
"""In bytes: of one name of a path and of a whole path, as Linux has it; of any other value."""

MOST = 2**31 - 1
"""Largest whole number where nothing smaller is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What one option may be.

    Attributes:
        read: makes its value of the text that was given; a `ValueError` says what it should be.
        default: its value where it is not given.
        is_needed: whether it must be given.
        writes: files that will be written, relative to its value; "" is the value itself.
    """

    read: Callable[[str], Any]
    default: Any = ""
    is_needed: bool = False
    writes: tuple[str, ...] = ()


def needed(option: Option) -> Option:
    """Return an option that must be given."""
    return replace(option, is_needed=True)


def text(default: str = "") -> Option:
    """Any text of one line."""
    return Option(read=lambda given: given, default=default)


def name(default: str = "") -> Option:
    """A name of something that is looked for in a folder: no path."""

    def read(given: str) -> str:
        if "/" in given or given in (".", ".."):
            raise ValueError("expected a name, no path")
        return _checked_path(given)

    return Option(read=read, default=default)


def place(default: str = "") -> Option:
    """A path, or a name like one."""
    return Option(read=_checked_path, default=default)


def folder(default: str = "") -> Option:
    """The path of a directory that is there."""

    def read(given: str) -> str:
        if not Path(_checked_path(given)).is_dir():
            raise ValueError("expected a directory that is there")
        return given

    return Option(read=read, default=default)


def out_file() -> Option:
    """The path of a file that will be written; one that is there only with `--force`."""
    return Option(read=lambda given: _checked_out(given, is_folder=False), writes=("",))


def out_folder(*writes: str) -> Option:
    """The path of a directory that will be made; files of it are replaced only with `--force`.

    Args:
        writes: the main files that will lie in it, for a refusal before the work begins.
    """
    return Option(read=lambda given: _checked_out(given, is_folder=True), writes=writes)


def several(option: Option) -> Option:
    """One value or more of a kind, with commas between; stays the text that it is."""

    def read(given: str) -> str:
        for part in given.split(","):
            if not part:
                raise ValueError("expected values with one comma between two")
            option.read(part)
        return given

    return replace(option, read=read)


def choice(choices: Iterable[str], default: str = "") -> Option:
    """One of a few words."""
    known = list(choices)

    def read(given: str) -> str:
        if given not in known:
            raise ValueError(suggest(given, known))
        return given

    return Option(read=read, default=default)


def switch(default: bool = False) -> Option:
    """`true` or `false`."""

    def read(given: str) -> bool:
        if given not in ("true", "false"):
            raise ValueError("expected true or false")
        return given == "true"

    return Option(read=read, default=default)


def whole(least: int = 1, most: int = MOST, default: int | None = None) -> Option:
    """A whole number of a range, both ends included."""

    def read(given: str) -> int:
        digits = given.removeprefix("-")
        # not `isdigit` alone, which other scripts' digits pass, nor a number of 5,000 digits
        is_whole = digits.isascii() and digits.isdigit() and len(digits) < 20
        if not is_whole or not least <= int(given) <= most:
            up_to = f"from {least}" if most == MOST else f"from {least} to {most}"
            raise ValueError(f"expected a whole number {up_to}")
        return int(given)

    return Option(read=read, default=default)


def real(
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    default: float | None = None,
) -> Option:
    """A finite number of a range: `least` and `most` belong to it, `above` and `below` do not."""
    bounds = {"from": least, "above": above, "to": most, "below": below}
    limits = " ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)

    def read(given: str) -> float:
        try:
            # `float` takes 1_0, blanks and digits of other scripts, which are slips here
            value = float(given if set(given) <= set("+-.0123456789eE") else "nan")
        except ValueError:
            value = math.nan
        is_inside = (
            (least is None or value >= least)
            and (most is None or value <= most)
            and (above is None or value > above)
            and (below is None or value < below)
        )
        if not (math.isfinite(value) and is_inside):
            raise ValueError(f"expected a number {limits}".strip())
        return value

    return Option(read=read, default=default)


def read_arguments(
    argv: Sequence[str], known: Mapping[str, Option], *, flags: Collection[str] = ()
) -> dict[str, Any]:
    """Read `key=value` arguments and flags.

    Args:
        argv: the command line, without a verb.
        known: key -> what it may be.
        flags: arguments that stand alone, like `--gate`; True if given.

    Returns:
        Every key and flag with its value, which for a key that is not given is its default.

    Raises:
        UsageError: an argument is of neither form, a key is unknown, given twice or has a wrong
            value, a needed one is missing, or a file that would be written is there.
    """
    given: dict[str, Any] = {}
    for argument in argv:
        key, sign, value = argument.partition("=")
        is_flag = argument in flags
        if not is_flag and not (sign and key in known):
            hint = suggest(key, [*known, *flags])
            raise UsageError(f"unknown argument {shown(argument)}: {hint}; the form is key=value")
        if key in given:
            raise UsageError(f"{key} is given twice: leave one out")
        given[key] = True if is_flag else read_value(key, value, known[key])
    missing = next((key for key in known if known[key].is_needed and key not in given), None)
    if missing is not None:
        raise UsageError(f"no {missing} was named: give {missing}=<value>")
    if FORCE in flags and FORCE not in given:
        _refuse_existing({key: known[key] for key in given if key in known}, given)
    defaults = {key: option.default for key, option in known.items()}
    return {**dict.fromkeys(flags, False), **defaults, **given}


def read_value(key: str, given: str, option: Option) -> Any:
    """Return the value of an option.

    Raises:
        UsageError: the text is empty, or not what the option may be.
    """
    if not given:
        raise UsageError(f"{key}= is empty: give a value, or leave {key}= out")
    try:
        if len(os.fsencode(given)) > _LONGEST_TEXT:
            raise ValueError(f"expected at most {_LONGEST_TEXT} bytes")
        return option.read(given)
    except ValueError as error:
        raise UsageError(f"{key}={shown(given)} cannot be: {error}") from error


def read_verb(argv: Sequence[str], verbs: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the verb that a command line starts with, and the rest of it.

    Raises:
        UsageError: there is none, or it is unknown.
    """
    if not argv:
        raise UsageError(f"no verb was named: {suggest('', verbs)}")
    if argv[0] not in verbs:
        raise UsageError(f"unknown verb {shown(argv[0])}: {suggest(argv[0], verbs)}")
    return argv[0], argv[1:]


def run_command(argv: Sequence[str], help_: str, command: Callable[[Sequence[str]], int]) -> int:
    """Run a command: its help for `--help`, one line for a `HarnessError`; the exit code."""

    def checked() -> int:
        check_words(argv)
        return command(argv)

    if {"-h", "--help"} & set(argv):
        return guarded(lambda: show_help(help_))
    return guarded(checked)


def check_words(argv: Sequence[str]) -> None:
    """Refuse words that are no text: a shell passes any bytes on.

    Raises:
        UsageError: naming the first that is not UTF-8 or has a control character.
    """
    for word in argv:
        if not is_visible(word):
            raise UsageError(
                f"the argument {shown(word)} has bytes that are not UTF-8, or control characters:"
                " write it without"
            )


def show_help(help_: str) -> int:
    """Print a help text; return the exit code."""
    print(folded(help_.strip(), is_prose=True))
    return ExitCode.OK


def guarded(task: Callable[[], int]) -> int:
    """Run a task and return its exit code, or that of its error, told in one line.

    What it prints is text alone: control characters, which could drive a terminal, and letters that
    the output cannot encode are written as escapes. Who reads the output may leave before its end,
    as `head` does: that is no error to tell.
    """
    try:
        with redirect_stdout(Visible(sys.stdout)):
            code = _told(task)
            # here, not at the end of the interpreter: a closed pipe must show itself inside the
            # `try`
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        if not _is_left():
            raise
        return ExitCode.CLOSED_PIPE


def _told(task: Callable[[], int]) -> int:
    try:
        return task()
    except HarnessError as error:
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        # a file that cannot be read or written, where nobody had more to say about it
        where = f"{error.filename}: " if error.filename else ""
        print(visible(f"error: {where}{error.strerror or error}"), file=sys.stderr)
        return ExitCode.USAGE


def _is_left() -> bool:
    """Tell whether nobody reads the output any more; from then on it goes nowhere."""
    output = select.poll()
    output.register(sys.stdout, 0)
    if not any(state & (select.POLLERR | select.POLLHUP) for _, state in output.poll(0)):
        return False
    # else the interpreter would try again to write what is left, and complain
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return a clause that helps with an unknown name.

    Args:
        name: the name that was given.
        choices: the names there are; if none is near, all are listed, at most a dozen.
    """
    names = list(choices)
    # the comparison takes the square of the length
    close = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=3, cutoff=0.6)
    if close:
        rest = f" (there are: {', '.join(names)})" if len(names) <= _FEW else ""
        return f"did you mean {' or '.join(close)}?{rest}"
    if len(names) <= _FEW:
        return f"choose one of {', '.join(names)}"
    return f"none of the {len(names)} names is near it"


def shown(given: str) -> str:
    """Return a text as an error shows it: in quotes and not too long."""
    return repr(given if len(given) <= _SHOWN else f"{given[:_SHOWN]}...")


def _checked_path(given: str) -> str:
    if len(os.fsencode(given)) > _LONGEST_PATH:
        raise ValueError(f"expected a path of at most {_LONGEST_PATH} bytes")
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in given.split("/")):
        raise ValueError(f"expected names of at most {_LONGEST_NAME} bytes")
    return given


def _checked_out(given: str, *, is_folder: bool) -> str:
    path = Path(_checked_path(given))
    if ".." in path.parts:
        # after a link `..` leads elsewhere than it reads, so what is meant has to be written
        raise ValueError(f"expected a path without '..', for example {path.resolve()}")
    above = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    if above.is_dir() and (is_folder or above != path):
        return given
    if is_folder or above != path:
        raise ValueError(f"{above} is no directory")
    try:
        check_target(path)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return given


def _refuse_existing(known: Mapping[str, Option], given: Mapping[str, Any]) -> None:
    for key, option in known.items():
        for inner in option.writes:
            path = Path(given[key], inner)
            if os.path.lexists(path):
                raise UsageError(f"{path} is there already: give {FORCE} to replace it")
