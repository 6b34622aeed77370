"""What to say when a name is not known: the nearest ones, or all there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_FEW = 12


def near(word: str, choices: Iterable[str]) -> str:
    """Return a clause that helps with an unknown name.

    Args:
        word: the name that was given.
        choices: the names there are; if none is near, all are listed, at most a dozen.
    """
    names = list(choices)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        rest = f" (there are: {', '.join(names)})" if len(names) <= _FEW else ""
        return f"did you mean {' or '.join(close)}?{rest}"
    if len(names) <= _FEW:
        return f"choose one of {', '.join(names)}"
    return f"none of the {len(names)} names is near it"
