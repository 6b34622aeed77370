import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.collecting import Collected, collect
from harness.data.entries import find_entry
from harness.data.rows import rows_of
from harness.micro.template import PROMPT_TEMPLATE
from harness.schema import UsageError
from tests.data.invented import FILES, orz, write_json

TRAINING = find_entry("orz_57k")


def collected(path: Path, *more: Path, entry: str = "orz_57k", **options) -> Collected:
    options = {"duplicates": "refuse", "partial": True, **options}
    return collect(find_entry(entry), [path, *more], **options)


def questions(*texts: str) -> list:
    return [orz(text, str(n)) for n, text in enumerate(texts)]


def ids(found: Collected, entry: str = "orz_57k") -> list[str]:
    return [row["extra_info"]["question_id"] for row in rows_of(find_entry(entry), found.placed)]


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("abc", min_size=1), min_size=1, max_size=9, unique=True), data=st.data()
)
def test_the_order_is_of_the_questions_alone(
    texts: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("order")
    turned = data.draw(st.permutations(texts))
    one = ids(collected(write_json(folder / "a.json", questions(*texts))))
    other = ids(collected(write_json(folder / "b.json", questions(*turned))))
    assert one == other == sorted(one)


def test_an_evaluation_set_keeps_its_order() -> None:
    found = collected(FILES / "orz_evaluation.json", entry="math500")
    written = json.loads((FILES / "orz_evaluation.json").read_text())
    assert [one.question.text for one in found.placed] == [r["prompt"][0]["value"] for r in written]


def test_repeats_are_refused_by_name(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", questions("x", "y", "x", "x"))
    with pytest.raises(UsageError) as caught:
        collected(path)
    assert str(caught.value) == (
        f"questions repeat in 2 records, the first in record 2 of {path}, as in record 0 of"
        f" {path}: give duplicates=first to leave out what repeats, or duplicates=keep to keep it"
        " with ids of its own"
    )


def test_repeats_are_left_out_or_kept_with_ids_of_their_own(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [*questions("x", "y", "x"), orz("y", "1")])
    first, kept = (collected(path, duplicates=how) for how in ("first", "keep"))
    for found in (first, kept):
        # the second x has another answer, the second y has not
        assert (found.records, found.repeats, found.conflicts) == (4, 2, 1)
    assert [one.question.answer for one in first.placed if one.question.text == "x"] == ["0"]
    assert len(first.placed) == 2 and len(kept.placed) == 4
    assert len(set(ids(kept))) == 4
    assert set(ids(first)) == {name for name in ids(kept) if "-" not in name}
    # smaller sets stay parts of larger ones
    assert [name.partition("-")[0] for name in ids(kept)] == sorted(
        name.partition("-")[0] for name in ids(kept)
    )


def test_a_repeat_in_another_file_is_one(tmp_path: Path) -> None:
    one, two = (write_json(tmp_path / f"{n}.json", questions("x")) for n in "ab")
    with pytest.raises(UsageError, match=r"record 0 of \S+b\.json, as in record 0 of \S+a\.json"):
        collected(one, two)


def test_another_count_than_published_is_refused() -> None:
    path = FILES / "orz_training.json"
    with pytest.raises(UsageError, match="has 6 records, expected 56000 to 58000"):
        collected(path, partial=False)
    with pytest.raises(UsageError, match="has 3 records, expected 500 "):
        collected(FILES / "orz_evaluation.json", entry="math500", partial=False)
    assert not collected(path).is_complete


def test_both_languages_of_the_mixed_set_must_be_there() -> None:
    english, chinese = FILES / "orz_training.json", FILES / "orz_chinese.json"
    mixed = collected(english, chinese, entry="orz_57k_cn", partial=False)
    assert mixed.languages == {"en": 6, "zh": 2} and mixed.is_complete
    for alone in (english, chinese):
        with pytest.raises(
            UsageError, match=r"has no question in language \w\w, found .*joined by"
        ):
            collected(alone, entry="orz_57k_cn", partial=False)


def test_rows_are_in_the_authors_template_and_the_schema_of_verl() -> None:
    found = collected(FILES / "orz_training.json")
    rows = rows_of(TRAINING, found.placed)
    (row,) = [r for r in rows if r["extra_info"]["problem"].startswith("What is $\\frac")]
    # the newline that ends it stays: jinja drops only that of the template
    problem = "What is $\\frac{3}{4}$ of $96$?\n"
    assert row["prompt"] == [
        {"role": "user", "content": PROMPT_TEMPLATE.replace("{problem}", problem)}
    ]
    assert row["prompt"][0]["content"].endswith(f"problem:\n{problem}\nAssistant: <think>")
    assert row["reward_model"] == {"style": "rule", "ground_truth": "72"}
    assert row["extra_info"]["split"] == "train" and row["data_source"] == "orz_57k"
    assert [r["extra_info"]["index"] for r in rows] == list(range(6))


def test_ifeval_is_in_no_template_and_keeps_its_instructions() -> None:
    found = collected(FILES / "ifeval.jsonl", entry="ifeval")
    row = rows_of(find_entry("ifeval"), found.placed)[1]
    assert row["prompt"][0]["content"] == row["extra_info"]["problem"]
    assert json.loads(row["reward_model"]["ground_truth"]) == {
        "instruction_id_list": ["length_constraints:number_words", "change_case:english_lowercase"],
        "kwargs": [{"relation": "at most", "num_words": 20}, {}],
    }


def test_mmlu_pro_keeps_options_and_subject() -> None:
    found = collected(FILES / "multiple_choice.jsonl", entry="mmlu_pro")
    row = rows_of(find_entry("mmlu_pro"), found.placed)[0]
    assert row["extra_info"]["problem"] == "Which number is prime?\nA. 4\nB. 6\nC. 7"
    assert row["reward_model"]["ground_truth"] == "C"
    assert json.loads(row["extra_info"]["details"]) == {"subject": "math"}
    (mmlu,) = collected(FILES / "mmlu.jsonl", entry="mmlu").placed
    assert mmlu.question.answer == "C" and mmlu.question.choices[2] == "8"
