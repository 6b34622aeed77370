"""Reads ``key=value`` command lines."""

from collections.abc import Mapping, Sequence

from harness.schema import UsageError


def read_arguments(
    argv: Sequence[str], defaults: Mapping[str, str | int | None]
) -> dict[str, str | int]:
    """Read ``key=value`` words; a default of None means that the key must be given.

    Values take the type of their default.

    Raises:
        UsageError: If a word, key or value is not understood, or a needed key is missing.
    """
    known = ", ".join(f"{key}=" for key in defaults)
    given: dict[str, str | int] = {}
    for word in argv:
        key, separator, value = word.partition("=")
        if not separator or key not in defaults:
            raise UsageError(f"unknown argument {word!r}: expected one of {known}")
        given[key] = value
        if isinstance(defaults[key], int):
            if not value.isdecimal():
                raise UsageError(f"{key}={value!r} is not a whole number: give {key}=<number>")
            given[key] = int(value)
    settings = {key: given.get(key, default) for key, default in defaults.items()}
    missing = [key for key, value in settings.items() if value is None]
    if missing:
        raise UsageError(f"missing argument {missing[0]}=: expected {known}")
    return {key: value for key, value in settings.items() if value is not None}
