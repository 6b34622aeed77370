"""YAML files of a fixed form: parsed within limits, checked by a model, refused in one sentence.

A form is a subclass of `Form`, and its fields are the keys of the file. pydantic is imported with
this module, so what `--help` needs does not import it.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from harness.cli import suggest
from harness.schema import DamagedError, HarnessError
from harness.untrusted.files import Refused, read_bytes
from harness.untrusted.yaml_text import MOST_YAML_BYTES, parse_yaml

_Any = TypeVar("_Any")
_Form = TypeVar("_Form", bound="Form")

Many = Annotated[tuple[_Any, ...], Strict(False)]
"""A list in YAML, a tuple in the form."""

Text = Annotated[str, BeforeValidator(lambda found: str(found) if _is_number(found) else found)]
"""A text that may look like a number: YAML reads a bare 128 or 0.5 as one."""


def keyed(field: str) -> BeforeValidator:
    """Return a validator by which the name of each entry of a mapping is a field of that entry."""

    def named(found: Any) -> Any:
        if not isinstance(found, Mapping):
            return found
        return {k: {**v, field: k} if isinstance(v, Mapping) else v for k, v in found.items()}

    return BeforeValidator(named)


_EXPECTED = {
    "string_type": "a text (in quotes, if it looks like something else)",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


class Form(BaseModel):
    """What one kind of file holds.

    A key that no field has is refused, and so is a value of another type. A key without a value
    (null) is one that is not there, where the field has a default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_keys(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        known = {field.alias or name: field for name, field in cls.model_fields.items()}
        for key in given:
            if key not in known:
                # pydantic would not say which key was meant
                said = {"key": str(key), "hint": suggest(str(key), known)}
                raise PydanticCustomError("unknown", "an unknown key `{key}`: {hint}", said)
        return {k: v for k, v in given.items() if v is not None or known[k].is_required()}


def read_form(
    form: type[_Form],
    path: Path,
    *,
    place: str = "",
    wrong: type[HarnessError] = DamagedError,
    own: Mapping[str, Any] | None = None,
) -> _Form:
    """Read a file and check it.

    Args:
        form: what it must hold.
        path: of the file.
        place: how an error names it; its path by default.
        wrong: class of the error.
        own: fields that are not said in the file, as its name.

    Raises:
        HarnessError: of the class `wrong`; the file cannot be read, or is not of the form.
    """
    document = read_yaml(path, place=place, wrong=wrong)
    return checked(form, document, place or str(path), wrong=wrong, own=own)


def read_yaml(path: Path, *, place: str = "", wrong: type[HarnessError] = DamagedError) -> Any:
    """Return the content of a YAML file.

    Raises:
        HarnessError: of the class `wrong`; it is not there, or `parse_yaml` refuses it.
    """
    place = place or str(path)
    try:
        return parse_yaml(read_bytes(path, MOST_YAML_BYTES))
    except OSError as error:
        raise wrong(f"{place} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise wrong(f"{place} {error}") from error


def checked(
    form: type[_Form],
    document: Any,
    place: str,
    *,
    wrong: type[HarnessError] = DamagedError,
    own: Mapping[str, Any] | None = None,
) -> _Form:
    """Return a document as its form; the arguments are those of `read_form`.

    Raises:
        HarnessError: of the class `wrong`, with the key, what was found and what was expected.
    """
    own = own or {}
    if isinstance(document, Mapping):
        twice = next((key for key in own if key in document), None)
        if twice is not None:
            raise wrong(f"{place} has an unknown key `{twice}`: leave it to the name of the file")
        document = {**document, **own}
    try:
        return form.model_validate(document)
    except ValidationError as error:
        raise wrong(_sentence(_telling(error.errors(), document), document, place)) from error


def _telling(errors: Sequence[ErrorDetails], document: Any) -> ErrorDetails:
    """Return the error to tell: of the first wrong field, what lies deepest.

    A field of several types has an error for each of them; the deepest is of the type meant.
    """
    same = [error for error in errors if error["loc"][:1] == errors[0]["loc"][:1]]
    return max(same, key=lambda error: len(_way(error["loc"], document)))


def _way(location: Sequence[int | str], document: Any) -> list[int | str]:
    """Return the part of an error's location that is there: it also names types of a union."""
    way = []
    for step in location:
        is_there = step in document if isinstance(document, Mapping) else isinstance(step, int)
        if is_there and isinstance(document, Mapping | list | tuple):
            document = document[step]  # type: ignore[index]
            way.append(step)
    return way


def _sentence(error: ErrorDetails, document: Any, place: str) -> str:
    way = _way(error["loc"], document)
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way)
    where = f"`{steps.lstrip('.')}` of {place}" if way else place
    kind, said = error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"{where} has no `{error['loc'][-1]}`: add it"
    if kind == "unknown":
        return f"{where} has {error['msg']}"
    if kind == "value_error":
        return f"{where} {said['error']}"
    found = _found(error["input"])
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", said["expected"])
        return f"{where} is {found}: {suggest(str(error['input']), choices)}"
    if kind == "greater_than_equal":
        return f"{where} is {found}: expected {said['ge']} or more"
    expected = _EXPECTED.get(kind, error["msg"].removeprefix("Input should be "))
    return f"{where} is {found}: expected {expected}"


def _found(value: Any) -> str:
    if isinstance(value, date):
        return f"the date {value}"
    if isinstance(value, Mapping | list | tuple):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    names = {None: "null", True: "true", False: "false"}
    return names[value] if value is None or isinstance(value, bool) else reprlib.repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
