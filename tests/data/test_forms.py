import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data import forms
from harness.data.collecting import collect
from harness.data.entries import find_entry
from harness.data.files import read_records
from harness.data.forms import choose_form, load_form
from harness.data.forms.gpqa import read as read_gpqa
from harness.data.forms.math_solutions import boxed
from harness.data.questions import RecordError
from harness.schema import UsageError
from tests.data.invented import FILES, orz, write_json

FORMS = sorted(path.stem for path in Path(forms.__file__).parent.glob("[a-z]*.py"))
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read_all(path: Path, entry: str = "orz_57k", **options) -> list:
    options = {"duplicates": "refuse", "partial": True, **options}
    return [one.question for one in collect(find_entry(entry), [path], **options).placed]


@pytest.mark.parametrize("name", [form for form in FORMS if form != "prepared"])
def test_every_form_reads_its_invented_file(name: str) -> None:
    (path,) = FILES.glob(f"{name}.*")
    form = load_form(name)
    records = read_records(path)
    questions = [form.read(record) for record in records]
    assert questions and all(q.text.strip() and q.answer for q in questions)
    assert choose_form(records[0], [*(f for f in FORMS if f != name), name]).name == name


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=25, deadline=None)
@given(record=JSON_LIKE)
def test_no_form_fails_otherwise_than_by_naming_a_field(name: str, record: object) -> None:
    with pytest.raises(RecordError) as caught:
        load_form(name).read(record)
    assert caught.value.field


def test_answers_of_math_are_what_is_boxed_last() -> None:
    answers = [q.answer for q in map(load_form("math_solutions").read, records("math_solutions"))]
    assert answers == ["5", r"\frac{1}{3}", "12"]
    assert boxed(r"so $\fbox{7}$ and \boxed{unclosed") == "7"
    assert boxed(r"the set \boxed{\{1,2\}}") == r"\{1,2\}"
    assert boxed("none") == ""


def records(stem: str) -> list:
    (path,) = FILES.glob(f"{stem}.*")
    return read_records(path)


def test_options_of_gpqa_are_shuffled_by_what_they_say() -> None:
    first, second = records("gpqa")
    question = read_gpqa(first)
    keys = ["Correct Answer", *(f"Incorrect Answer {n}" for n in (1, 2, 3))]
    turned = {**first, **{key: first[keys[n - 1]] for n, key in enumerate(keys)}}
    assert set(read_gpqa(turned).choices) == set(question.choices)
    assert read_gpqa(turned).text == question.text
    assert question.choices[ord(question.answer) - ord("A")] == "Mars"
    assert f"\n{question.answer}. Mars" in question.text
    with pytest.raises(RecordError, match="expected four different options"):
        read_gpqa({**second, "Incorrect Answer 1": "mercury"})


def test_options_stand_at_every_place() -> None:
    letters = {
        read_gpqa(
            {
                "Question": f"Number {n}?",
                "Correct Answer": "yes",
                **{f"Incorrect Answer {m}": f"no {m}" for m in (1, 2, 3)},
            }
        ).answer
        for n in range(40)
    }
    assert letters == set("ABCD")


def test_the_authors_choices_are_kept_as_they_are() -> None:
    (question,) = read_all(FILES / "orz_choices.json", "gpqa_diamond")
    assert (question.answer, question.choices[0]) == ("A", "neon")


def test_the_hub_s_mapping_is_the_authors_list(tmp_path: Path) -> None:
    listed = orz("How many?", "3")
    mapped = write_json(tmp_path / "a.json", [{"0": listed[0], "1": listed[1]}])
    assert read_all(mapped) == read_all(write_json(tmp_path / "b.json", [listed]))


GOOD = orz("How many?", "3")


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"problem": "x"}, r"dict .* in field \(the record\), expected a list of two turns"),
        (GOOD[:1], r"1 items in field \(the record\)"),
        ([GOOD[1], GOOD[0]], r"str 'assistant' in field 0\.from, expected 'human'"),
        ([GOOD[0], {"from": "assistant"}], r"nothing in field 1\.ground_truth, expected a value"),
        (orz("  ", "3"), r"empty text '  ' in field 0\.value"),
        (orz("How many?", ""), r"empty text '' in field 1\.ground_truth\.value"),
        (orz("How many?", 3), r"int 3 in field 1\.ground_truth\.value, expected text"),
        (orz("a \ud800 b", "3"), r"half a surrogate pair at character 2"),
        (
            [GOOD[0], {"from": "assistant", "ground_truth": {"value": "3", "pass_at_n": "x"}}],
            r"pass_at_n, expected a number",
        ),
    ],
)
def test_a_wrong_record_is_named(record: object, error: str, tmp_path: Path) -> None:
    path = write_json(tmp_path / "train.json", [GOOD, record])
    with pytest.raises(RecordError, match=rf"record 1 of \S+train\.json has .*{error}"):
        read_all(path)


@pytest.mark.parametrize(
    ("entry", "record", "error"),
    [
        ("math500", {"prompt": "x", "final_answer": "1"}, "str 'x' in field prompt"),
        ("math500", {"prompt": [], "final_answer": "1"}, "a list that is not empty"),
        ("math500", {"question": "x"}, "prompt.*final_answer.*, or problem and answer"),
        ("aime24", {"problem": "x", "answer": None}, "null in field answer"),
        ("mmlu_pro", {"question": "x", "options": ["a"], "answer_index": 1}, r"a place in 0\.\.0"),
        (
            "mmlu_pro",
            {"question": "x", "options": ["a", "b"], "answer_index": 1, "answer": "A"},
            "the letter 'B'",
        ),
        ("mmlu", {"question": "x", "choices": ["a", 2], "answer": 0}, r"int 2 in field choices\.1"),
        (
            "ifeval",
            {"key": 1, "prompt": "x", "instruction_id_list": ["a", "b"], "kwargs": [{}]},
            "1 items in field kwargs, expected 2",
        ),
        ("math_train", {"problem": "x", "solution": "no answer"}, "no box in"),
        ("gpqa_diamond", {"prompt": [{"from": "user", "value": "x"}], "final_answer": "E",
                          "choices": {"A": "a"}}, r"a key of choices \(A\)"),
    ],
)  # fmt: skip
def test_wrong_records_of_other_sets_are_named(
    entry: str, record: dict, error: str, tmp_path: Path
) -> None:
    with pytest.raises(RecordError, match=error):
        read_all(write_json(tmp_path / "x.json", [record]), entry)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.json", b"[{", "a.json is not JSON"),
        ("a.json", b"[" * 100_000, "nested more than 64 levels deep"),
        ("a.json", b"[]", "has no records"),
        ("a.json", b"3", "holds a int"),
        ("a.json", '["caf\u00e9"]'.encode("latin-1"), "not UTF-8: found byte 0xe9 at 5"),
        ("a.jsonl", b'{"a": 1}\n\n{"a"', "line 3 of .*a.jsonl is not JSON"),
        ("a.csv", b"", "has no records"),
        ("a.csv", b'x,y\n"1,2\n', "is not CSV"),
        ("a.parquet", b"PAR1", "is not Parquet"),
        ("a.txt", b"x", "of no known format: expected one of .json"),
        ("a.json", b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
    ],
)
def test_a_file_that_is_none_is_told_in_one_line(
    name: str, content: bytes, error: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=error) as caught:
        read_records(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_records(tmp_path / "a.json")


def test_a_byte_order_mark_and_line_separators_are_text(tmp_path: Path) -> None:
    text = json.dumps({"a": "x\u2028y"}, ensure_ascii=False)
    (tmp_path / "a.jsonl").write_text(text + "\n", encoding="utf-8-sig")
    assert read_records(tmp_path / "a.jsonl") == [{"a": "x\u2028y"}]
