"""The arguments of a command: `python -m harness.<command> [verb] key=value ... [--flag]`.

`run` and `plan` are Hydra applications and read theirs otherwise.
"""

from __future__ import annotations

import difflib
import os
import select
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from harness.schema import ExitCode, HarnessError, UsageError
from harness.text import folded

_FEW = 12


def read_arguments(
    argv: Sequence[str],
    known: Mapping[str, str],
    *,
    needed: Collection[str] = (),
    flags: Collection[str] = (),
) -> dict[str, str]:
    """Read `key=value` arguments and flags.

    Args:
        argv: the command line, without a verb.
        known: optional key -> default.
        needed: keys without a default that must be there.
        flags: arguments that stand alone, like `--gate`; "yes" if given, else "".

    Returns:
        Every key and flag with its value.

    Raises:
        UsageError: an argument is of neither form, a key is unknown, or a needed one is missing.
    """
    given = {**known, **dict.fromkeys(flags, "")}
    names = list(dict.fromkeys([*known, *needed]))
    for argument in argv:
        if argument in flags:
            given[argument] = "yes"
            continue
        key, sign, value = argument.partition("=")
        if not sign or key not in names:
            hint = suggest(key, [*names, *flags])
            raise UsageError(f"unknown argument {argument!r}: {hint}; the form is key=value")
        given[key] = value
    for key in needed:
        if not given.get(key):
            raise UsageError(f"no {key} was named: give {key}=<name>")
    return given


def read_verb(argv: Sequence[str], verbs: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the verb that a command line starts with, and the rest of it.

    Raises:
        UsageError: there is none, or it is unknown.
    """
    if not argv:
        raise UsageError(f"no verb was named: {suggest('', verbs)}")
    if argv[0] not in verbs:
        raise UsageError(f"unknown verb {argv[0]!r}: {suggest(argv[0], verbs)}")
    return argv[0], argv[1:]


def run_command(argv: Sequence[str], text: str, command: Callable[[Sequence[str]], int]) -> int:
    """Run a command: help (`text`) for `--help`, one line for a `HarnessError`; the exit code."""
    if {"-h", "--help"} & set(argv):
        return guarded(lambda: show_help(text))
    return guarded(lambda: command(argv))


def show_help(text: str) -> int:
    """Print a help text; return the exit code."""
    print(folded(text.strip(), is_prose=True))
    return ExitCode.OK


def guarded(task: Callable[[], int]) -> int:
    """Run a task and return its exit code, or that of its error, told in one line.

    Who reads the output may leave before its end, as `head` does: that is no error to tell.
    """
    try:
        try:
            code = task()
        except HarnessError as error:
            print(f"error: {error}", file=sys.stderr)
            code = error.exit_code
        # here, not at the end of the interpreter: a closed pipe must show itself inside the `try`
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        if not _is_left():
            raise
        return ExitCode.CLOSED_PIPE


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
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        rest = f" (there are: {', '.join(names)})" if len(names) <= _FEW else ""
        return f"did you mean {' or '.join(close)}?{rest}"
    if len(names) <= _FEW:
        return f"choose one of {', '.join(names)}"
    return f"none of the {len(names)} names is near it"
