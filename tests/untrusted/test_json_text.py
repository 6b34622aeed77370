"""JSON of strangers: right values within limits, one clause beyond them."""

import json
import time
from typing import Any

import pytest

from harness.untrusted.files import Refused
from harness.untrusted.json_text import MOST_DEPTH, parse_json


def nested(depth: int, *, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -1.5, 1e308, None, True, "ü\U0001f600"], "b": {}},
        [2**64 - 1, -(2**63), 10**18],
        json.loads(nested(MOST_DEPTH - 1)),
        [[]] * 1000,
        "1" * 5000,
    ],
)
def test_what_is_within_the_limits_is_read_as_json_reads_it(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert parse_json(text) == parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        (b"\xff", "is not UTF-8: found byte 0xff at 0"),
        (nested(MOST_DEPTH + 1), "nested more than 64 levels deep"),
        (nested(100_000), "nested more than 64 levels deep"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested more than 64 levels deep"),
        (str(2**64), "beyond 64 bits"),
        (str(-(2**63) - 1), "beyond 64 bits"),
        ("9" * 400, "beyond 64 bits"),
        ("9" * 5000, "beyond 64 bits"),
        ("[1e400]", "holds the number '1e400'"),
        ("9" * 400 + ".0", "beyond 64 bits or the largest float"),
        ("[NaN]", "holds NaN, which is no number of JSON"),
        ("-Infinity", "holds -Infinity"),
        ('{"a": 1, "b": 2, "a": 3}', "says the key 'a' twice"),
        (r'{"a": "\ud800"}', "half a surrogate pair"),
        (r'{"\udfff": 1}', "half a surrogate pair"),
    ],
)
def test_what_is_not_is_refused_in_a_clause(text: str | bytes, said: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_json(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


def test_halves_of_pairs_stay_where_the_caller_says_in_which_record_they_are() -> None:
    text = r'["\ud800"' + ", []" * 70 + "]"
    assert parse_json(text, with_halves=True)[0] == "\ud800"
    with pytest.raises(Refused, match="half a surrogate pair"):
        parse_json(text)


def test_a_stream_of_python_may_say_nan() -> None:
    assert parse_json("1" + "0" * 300, as_python=True) == 10**300
    with pytest.raises(Refused, match="beyond 64 bits"):
        parse_json("9" * 400, as_python=True)
    assert str(parse_json("[NaN, -Infinity]", as_python=True)) == "[nan, -inf]"


def test_a_document_of_many_keys_given_twice_is_told_at_once() -> None:
    text = "{" + ",".join(f'"{n}":0' for n in [*range(100_000), 99_999]) + "}"
    begun = time.process_time()
    with pytest.raises(Refused, match="'99999' twice"):
        parse_json(text)
    assert time.process_time() - begun < 5.0
