"""What the text of the preprint asks for, held against what there is; and no number is typed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from harness.schema import DamagedError

_CALLS = re.compile(r'\b(value|grid_of|picture)\("([^"]*)"')
_STRINGS = re.compile(r'"[^"\n]*"')


def check_template(
    text: str, values: Mapping[str, str], tables: Collection[str], figures: Collection[str]
) -> None:
    """Hold a template against its contents.

    Args:
        text: of the template.
        values: placeholder -> text.
        tables: names of those that were made.
        figures: the same.

    Raises:
        DamagedError: something is called for that has no value, something has a value and is not
            called for, or a number is typed into the text.
    """
    _check_no_typed_number(text)
    read = "\n".join("" if _is_comment(line) else line for line in text.splitlines())
    made = {"value": values, "grid_of": tables, "picture": figures}
    for call, names in made.items():
        called = {name for kind, name in _CALLS.findall(read) if kind == call}
        unknown, unused = sorted(called - set(names)), sorted(set(names) - called)
        if unknown:
            raise DamagedError(f'the preprint asks for {call}("{unknown[0]}"), which nothing makes')
        if unused:
            raise DamagedError(
                f'{call}("{unused[0]}") was made for the preprint and stands nowhere in its text'
            )
    empty = sorted(name for name, said in values.items() if said in ("", "-", "nan"))
    if empty:
        raise DamagedError(f'the preprint\'s value("{empty[0]}") has no value in these results')


def _check_no_typed_number(text: str) -> None:
    """Refuse digits outside of quoted names and comments: they would outlive their results."""
    for number, line in enumerate(text.splitlines(), start=1):
        said = _STRINGS.sub("", _CALLS.sub("", line))
        if not _is_comment(line) and re.search(r"\d", said):
            raise DamagedError(
                f"line {number} of the preprint's text has a typed number: {line.strip()!r};"
                " insert it as a value (paper/preprint_values.py)"
            )


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("//")
