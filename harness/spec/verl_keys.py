"""The keys of the supported veRL's trainer config."""

from __future__ import annotations

from functools import cache

from harness.paths import CONF

KEY_LIST = CONF / "verl_keys.txt"


@cache
def verl_keys() -> frozenset[str]:
    """Return the dotted keys of the supported verl's generated trainer config."""
    # from a file, so that commands are built without verl; a contract test compares the two
    lines = KEY_LIST.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
