"""The forms of records: each module reads one record in `read`.

Beside it stand `FIELDS`, what it reads in words, and `KEYS`, by which a record of it is known.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from harness.data.questions import Form, RecordError, keys_of


class NamedForm(NamedTuple):
    """A form: its module's name, what it reads, the keys of its records, and the reader."""

    name: str
    fields: str
    keys: frozenset[str]
    read: Form


def load_form(name: str) -> NamedForm:
    """Return a form by the name of its module."""
    module = importlib.import_module(f"{__name__}.{name}")
    return NamedForm(name, module.FIELDS, module.KEYS, module.read)


def choose_form(record: Any, names: Sequence[str]) -> NamedForm:
    """Return the first form whose keys the first record of a file has; one alone is taken.

    Raises:
        RecordError: it is of none.
    """
    forms = [load_form(name) for name in names]
    for form in forms:
        if len(forms) == 1 or form.keys <= _names(record):
            return form
    expected = ", or ".join(f"{form.fields} ({form.name})" for form in forms)
    raise RecordError("(the record)", keys_of(record), expected)


def _names(record: Any) -> set[str]:
    """Return the keys of a record; those of a list are its places."""
    if isinstance(record, list):
        return {str(place) for place in range(len(record))}
    return set(record) if isinstance(record, dict) else set()
