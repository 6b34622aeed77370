"""Bytes of a stranger: right values, or one sentence that names file and line, in seconds."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.reading import READERS, read_log
from harness.schema import HarnessError

HEAD = "step,critic/score/mean\n"
DEEP = '{"step":1,"data":' + "[" * 100_000 + "]" * 100_000 + "}\n"

REFUSED = [
    ("a.csv", HEAD + "1,0,5\n2,0,6\n", "line 2 .*3 cells, its head 2"),
    ("a.csv", HEAD + "1,0.5\n2,0.6,0.9\n", "line 3 .*3 cells"),
    ("a.csv", HEAD + "1,0.5\n2\n", "line 3 .*1 cells"),
    ("a.csv", HEAD + "\n1,0.5\n\n2,high\n", "line 5 .*'high'"),
    ("a.csv", HEAD + "1,0x1\n2,0.5\n", "line 2 .*'0x1'"),
    ("a.csv", HEAD + "1,1_0\n2,0.5\n", "line 2 .*'1_0'"),
    ("a.csv", HEAD + "1,\u0660.\u0665\n2,0.5\n", "line 2 .*expected a number"),
    ("a.csv", HEAD + "\u0661,0.5\n", "line 2 .*expected a whole number"),
    ("a.csv", HEAD + "1,True\n2,0.5\n", "line 2 .*'True'"),
    ("a.csv", HEAD + "1,True\n2,False\n", "line 2 .*'True'"),
    ("a.csv", HEAD + "1,0.5\0\n", "line 2 .*NUL"),
    ("a.csv", HEAD + '1,"0.5\n2,0.6\n', "line 2 "),
    ("a.csv", HEAD + "9" * 400 + ",0.5\n", "line 2 .*whole number"),
    ("a.csv", HEAD + "1," + "9" * 400 + "\n", "line 2 .*a number"),
    ("a.csv", HEAD + "1,1e400\n2,inf\n", "line 2 .*'1e400'"),
    ("a.csv", "step;critic/score/mean\n1;1,234\n2;2,345\n", "decimal one"),
    ("a.csv", "step;critic/score/mean\n1;0,5\n2;0.6\n", "decimal commas, and points"),
    ("a.csv", "step," + ",".join(f"c{n}" for n in range(100_000)) + "\n", "100001 columns"),
    ("a.csv", "step," + "x" * (5 << 20) + "\n", "line 1 .*longer"),
    ("a.jsonl", DEEP + '{"step":2,"data":{}}\n', "line 1 .*nested too deeply"),
    ("a.jsonl", '{"step":1,"data":{}}\n' + DEEP, "line 2 .*nested too deeply"),
    ("a.jsonl", '{"step":1,"data":{"critic/score/mean":' + "9" * 400 + "}}\n", "400 digits"),
    ("a.jsonl", '{"step":1,"data":{"critic/score/mean":' + "9" * 5000 + "}}\n", "5000 digits"),
    ("a.jsonl", '{"step":' + "9" * 400 + ',"data":{}}\n', "line 1 .*400 digits"),
    ("a.jsonl", '{"step":1180591620717411303424,"data":{"critic/score/mean":1}}\n', "beyond 2"),
    ("a.jsonl", '{"step":1,"data":{"critic/score/mean":0.1,"critic/score/mean":0.9}}\n', "twice"),
    ("a.jsonl", '{"step":1,"data":{"response_length/mean":1e308}}\n', "no metric is larger"),
    ("a.jsonl", '{"step":true,"data":{"critic/score/mean":1}}\n', "line 1 .*whole number"),
    ("b.jsonl", '{"step":1,"reward":0.5}\n{"reward":0.5}\n', "line 2 .*no step"),
    ("t.json", '{"log_history": 3}', "no list `log_history`"),
    ("t.json", '{"results": {"a": 3}}', "no mapping `results`"),
    ("r.json", '{"results": {"a": {"acc,none": 91.7}}}', "percent"),
]


@pytest.mark.parametrize(("name", "text", "said"), REFUSED)
def test_what_is_no_number_is_refused_soon_with_its_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    start = time.process_time()
    tracemalloc.start()
    with pytest.raises(HarnessError, match=said) as error:
        read_log(path, Mapping())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
    assert time.process_time() - start < 5
    assert peak < 300 << 20


def test_utf_16_is_refused_and_a_mark_at_the_beginning_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEAD + "1,0.5\n").encode("utf-16"))
    with pytest.raises(HarnessError, match="UTF-16"):
        read_log(path, Mapping())
    path.write_bytes((HEAD + "1,0.5\n").encode("utf-8-sig"))
    assert list(read_log(path, Mapping()).rows["value"]) == [0.5]
    lines = tmp_path / "a.jsonl"
    lines.write_bytes('{"step": 1, "data": {"critic/score/mean": 0.5}}\n'.encode("utf-8-sig"))
    assert list(read_log(lines, Mapping()).rows["value"]) == [0.5]


@pytest.mark.parametrize("text", ["1;0,5\n2;0,625\n\n", "1\t0,5\n2\t0,625\n"])
def test_decimal_commas_that_are_unmistakable_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD.replace(",", text[1]) + text)
    assert list(read_log(path, Mapping()).rows["value"]) == [0.5, 0.625]


def test_a_record_that_says_a_wrong_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    for length in (b"\xff" * 8, b"\0\0\x80\x0c" + bytes(4)):
        path.write_bytes(length + bytes(4))
        with pytest.raises(HarnessError, match="checksum at byte 0"):
            read_log(path, Mapping())


FORMS = st.sampled_from(sorted(READERS))
CELLS = st.one_of(
    st.text(max_size=8),
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["", "nan", "0x1", "1,5", "True", '"', "9" * 400, "\0", "1e999", "-0"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    form=FORMS, rows=st.lists(st.lists(CELLS, max_size=4), max_size=4), sign=st.sampled_from(",;\t")
)
def test_any_table_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, form: str, rows: list[list[str]], sign: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.csv"
    head = ["step", "critic/score/mean", "a - reward", "b-reward"]
    path.write_text("\n".join(sign.join(row) for row in [head, *rows]), errors="replace")
    _read(path, form)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["step", "data", "results", "log_history", "critic/score/mean", "acc,none"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(form=FORMS, lines=st.lists(JSON, max_size=3))
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, form: str, lines: list[object]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    _read(path, form)


def _read(path: Path, form: str) -> None:
    try:
        log = read_log(path, Mapping(), format_=form)
    except HarnessError as error:
        assert "\n" not in str(error)
        return
    assert len(log.rows)
