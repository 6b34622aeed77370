"""The form of a bundle's manifest, down to the type of every value that somebody reads.

A manifest whose hash fits may still have been made by hand. A form is a type, None, a list of one
form, a mapping of named forms (a name that ends in ? may be absent, other names are free), a
mapping of `str` to one form (any names), or a tuple of forms, of which one must fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.schema import Status

ANY = object()
"""Fits everything: kept and shown, never reckoned with."""

_MOST = 10**9
"""Steps, questions or samples that a manifest may state."""
_SHOWN = 40
_BREAKS = "\n\t"

_VERSIONS: Any = ({str: (str, None)}, None)
_MACHINE: Any = ({str: ANY}, None)

CELL: Any = {
    "cell_id": str,
    "run_id": str,
    "arm": str,
    "seed": int,
    "status": str,
    "reason?": (str, None),
    "last_step?": int,
    "started?": (str, None),
    "commit?": str,
    "dirty?": str,
    "registered?": str,
    "judge?": str,
}

PART: dict[Any, Any] = {
    "name": str,
    "cells": [str],
    "versions?": _VERSIONS,
    "hardware?": _MACHINE,
}
PART["merged?"] = [PART]

PROTOCOL: Any = {
    "steps": int,
    "evaluation": {
        "steps": [int],
        "questions": ({str: int}, None),
        "samples": (int, None),
    },
    "data": (str, None),
    "model": (str, None),
    "arms": {str: {"hash": (str, None), "config": {str: ANY}}},
}

STUDY: Any = {
    "name": str,
    "title": str,
    "stored": str,
    "licence": (str, None),
    "citation": (str, None),
    "commits": [str],
    "is_dirty": (bool, None),
    "arms": [str],
    "control": (str, None),
    "seeds": [int],
    "metrics": [str],
    "protocol": PROTOCOL,
    "cells": [CELL],
    "versions": _VERSIONS,
    "python?": (str, None),
    "hardware": _MACHINE,
    "command?": (str, None),
    "merged?": [PART],
    "imported?": {
        "files": [{"name": str, "format": str, "sha256": str}],
        "notes": [str],
        "unmapped": [str],
        "samples?": {str: int},
    },
}
"""Of every study, stored or not."""

STORED: Any = {
    **STUDY,
    "because": str,
    "objections": [str],
    "files": {str: {"sha256": str, "bytes": int, "rows?": int}},
}
"""Of a study that is stored."""

_WORDS = {str: "a text", int: "a whole number", bool: "true or false", None: "null"}


def misfit(document: Any, form: Any, name: str) -> str:
    """Return the first value of a document, called `name`, that is not of its form; "" if none."""
    return _fault(document, form, name)


def form_objection(manifest: Any, form: Any) -> str:
    """Return the first thing about a manifest that is not of its form; "" if there is none."""
    try:
        return _fault(manifest, form, "") or next(_unreadable(manifest, ""), "") or _range(manifest)
    except RecursionError:
        return "the manifest is nested too deeply"


def _fault(value: Any, form: Any, place: str) -> str:
    if form is ANY or (isinstance(form, tuple) and any(not _fault(value, f, place) for f in form)):
        return ""
    if isinstance(form, list) and isinstance(value, list):
        items = (_fault(v, form[0], f"{place}[{n}]") for n, v in enumerate(value))
        return next(filter(None, items), "")
    if isinstance(form, dict) and isinstance(value, Mapping):
        return _key_fault(value, form, place)
    if form is None and value is None:
        return ""
    # true is a whole number to Python, and none to a reader
    if isinstance(form, type) and type(value) is form:
        return ""
    return f"{place or 'the manifest'} is {shown(value)}, expected {_expected(form)}"


def _key_fault(value: Mapping[str, Any], form: Mapping[Any, Any], place: str) -> str:
    if str in form:
        found = (_fault(v, form[str], _inside(place, k)) for k, v in value.items())
        return next(filter(None, found), "")
    lacking = [key for key in form if not key.endswith("?") and key not in value]
    if lacking:
        return f"{place or 'the manifest'} lacks {', '.join(lacking)}"
    known = ((key.removesuffix("?"), one) for key, one in form.items())
    found = (_fault(value[k], one, _inside(place, k)) for k, one in known if k in value)
    return next(filter(None, found), "")


def _expected(form: Any) -> str:
    if isinstance(form, tuple):
        return " or ".join(map(_expected, form))
    if isinstance(form, list):
        return "a list"
    return "a mapping" if isinstance(form, dict) else _WORDS[form]


def _unreadable(value: Any, place: str) -> Iterator[str]:
    """Yield where a text would do something to a terminal, or cannot be written at all."""
    if isinstance(value, str):
        if any(_is_odd(char) and char not in _BREAKS for char in value):
            yield f"{place} holds a control character: {shown(value)}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unreadable(item, f"{place}[{number}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if any(map(_is_odd, key)):
                yield f"a key of {place or 'the manifest'} holds a control character: {shown(key)}"
            yield from _unreadable(item, _inside(place, key))


def _is_odd(char: str) -> bool:
    # control characters, which a terminal obeys, and halves of surrogate pairs, which UTF-8 cannot
    # write
    return ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000


def _range(manifest: Mapping[str, Any]) -> str:
    """Return the first number or name of a manifest that cannot be, "" if there is none."""
    protocol, cells = manifest["protocol"], manifest["cells"]
    plan = protocol["evaluation"]
    samples = [] if plan["samples"] is None else [plan["samples"]]
    counts = [*(plan["questions"] or {}).values(), *samples]
    steps = [protocol["steps"], *plan["steps"], *(cell.get("last_step", 0) for cell in cells)]
    if min(steps) < 0:
        return "it has a negative number of steps"
    if min(counts, default=1) < 1:
        return "it evaluates fewer than one question or sample"
    if max([*steps, *counts]) > _MOST:
        return f"it has more than {_MOST:,} steps, questions or samples"
    if min(manifest["seeds"], default=0) < 0:
        return "it has a negative seed"
    known = set(Status)
    unknown = [cell["status"] for cell in cells if cell["status"] not in known]
    if unknown:
        return f"a cell has the status {shown(unknown[0])}, expected one of {', '.join(Status)}"
    arms, seeds = set(manifest["arms"]), set(manifest["seeds"])
    foreign = [c for c in cells if c["arm"] not in arms]
    foreign += [c for c in cells if c["seed"] not in seeds]
    if foreign:
        return f"cell {foreign[0]['run_id']} has an arm or a seed that the manifest does not list"
    for key in ("arms", "seeds", "metrics"):
        if len(set(manifest[key])) != len(manifest[key]):
            return f"it lists one of its {key} twice"
    without = [arm for arm in manifest["arms"] if arm not in protocol["arms"]]
    return f"its protocol does not say what the arm {without[0]} is" if without else ""


def shown(value: object) -> str:
    """Return a value as an error shows it: short, and without anything a terminal obeys."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _inside(place: str, key: str) -> str:
    said = key if key.isprintable() and len(key) <= _SHOWN else shown(key)
    return f"{place}.{said}" if place else said
