"""YAML files of a fixed form: what is read, and what is refused in one sentence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.schema import DamagedError, UsageError
from harness.typed import Form, Many, Text, checked, read_form, read_yaml
from harness.untrusted.yaml_text import MOST_NODES


class Part(Form):
    size: int
    share: float = 0.5


class Thing(Form):
    name: str
    kind: Literal["round", "square"]
    label: Text = "none"
    parts: Many[Part] = ()
    named: Mapping[Text, Part] = {}
    either: int | Many[int] = 1
    is_new: bool = False


def thing(**changes: Any) -> dict[str, Any]:
    return {"kind": "round", **changes}


def read(document: Any) -> Thing:
    return checked(Thing, document, "thing.yaml", own={"name": "thing"})


def test_a_file_is_read_as_its_form(tmp_path: Path) -> None:
    path = tmp_path / "thing.yaml"
    path.write_text(
        "kind: round\nlabel: 128\nparts: [{size: 1, share: 1}]\nnamed: {1: {size: 2}}\n"
    )
    made = read_form(Thing, path, own={"name": "thing"})
    assert (made.name, made.label, made.parts[0].share) == ("thing", "128", 1.0)
    assert made.named["1"].size == 2
    # a key without a value is one that is not there
    path.write_text("kind: round\nlabel:\nparts:\n")
    assert read_form(Thing, path, own={"name": "thing"}).parts == ()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (thing(labl="x"), "thing.yaml has an unknown key `labl`: did you mean label?"),
        ({}, "thing.yaml has no `kind`: add it"),
        (thing(kind="rund"), "`kind` of thing.yaml is 'rund': did you mean round?"),
        (thing(kind=1), "`kind` of thing.yaml is 1: choose one of round, square"),
        (thing(parts=[{}]), "`parts[0]` of thing.yaml has no `size`: add it"),
        (thing(parts={"size": 1}), "`parts` of thing.yaml is a mapping: expected a list"),
        (thing(parts=["a"]), "`parts[0]` of thing.yaml is 'a': expected a mapping"),
        (
            thing(named={"a": {"size": "2"}}),
            "`named.a.size` of thing.yaml is '2': expected a",
        ),
        (thing(named={"a": {"size": True}}), "`named.a.size` of thing.yaml is true: expected a"),
        (thing(parts=[{"size": 1, "share": float("nan")}]), "is nan: expected a finite number"),
        (thing(either=[1, "a"]), "`either[1]` of thing.yaml is 'a': expected a whole number"),
        (thing(either="a"), "`either` of thing.yaml is 'a': expected a whole number"),
        (thing(is_new="yes"), "`is_new` of thing.yaml is 'yes': expected true or false"),
        (thing(label=True), "`label` of thing.yaml is true: expected a text"),
        (thing(name="other"), "thing.yaml has an unknown key `name`: leave it to the name"),
        (["a"], "thing.yaml is a list: expected a mapping"),
        (None, "thing.yaml is null: expected a mapping"),
    ],
)
def test_a_file_of_another_form_is_one_sentence(document: Any, said: str) -> None:
    with pytest.raises(DamagedError) as error:
        read(document)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_caller_chooses_the_kind_of_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        checked(Thing, {}, "thing.yaml", wrong=UsageError)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_form(Thing, tmp_path / "thing.yaml", wrong=UsageError)


def bomb(levels: int) -> str:
    """Lists of nine aliases of the list before: 9 ** levels values in some hundred bytes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(9), f"more than {MOST_NODES:,} values, its aliases written out"),
        ("a: &a [*a]", "line 1): an alias of itself"),
        ("a: &a {b: {c: *a}}", "line 1): an alias of itself"),
        ("a: 1\nb: 2\na: 3\n", "line 3): the key 'a' a second time"),
        ("a: {b: 1, b: 1}", "the key 'b' a second time"),
        ("a: " + "[" * 20_000, "nested more than 64 levels deep"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: 2020-02-30", "day is out of range"),
        ("a: " + "9" * 5000, "line 1): a number of 5,000 characters"),
        ("? [1]\n: 2", "unhashable key"),
        ("a: [", "line 1): expected the node content"),
        ("a: b: c", "line 1): mapping values are not allowed here"),
        ("a: \x00", "special characters are not allowed"),
    ],
)
def test_what_is_no_plain_yaml_is_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "thing.yaml"
    path.write_text(text)
    with pytest.raises(DamagedError) as error:
        read_yaml(path, place="thing.yaml")
    assert said in str(error.value)
    assert str(error.value).startswith("thing.yaml ")
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "thing.yaml"
    path.write_bytes("kind: größer".encode("latin-1"))
    with pytest.raises(DamagedError, match="is not UTF-8: found byte 0xf6 at 8"):
        read_yaml(path)


@pytest.mark.parametrize("value", ["2020-01-01", "!!binary aGk=", "2020-01-01T10:00:00Z"])
def test_a_date_or_bytes_are_no_text(value: str, tmp_path: Path) -> None:
    path = tmp_path / "thing.yaml"
    path.write_text(f"kind: round\nlabel: {value}\n")
    with pytest.raises(DamagedError, match="expected a text"):
        read_form(Thing, path, own={"name": "thing"})


def test_aliases_and_merges_within_the_limit_are_read(tmp_path: Path) -> None:
    path = tmp_path / "thing.yaml"
    path.write_text(f"{bomb(4)}\nb: &b {{c: 1}}\nd: {{<<: *b, c: 2}}\n")
    document = read_yaml(path)
    assert document["d"] == {"c": 2}
    assert document["a3"][8][8][8][8] == "x"
