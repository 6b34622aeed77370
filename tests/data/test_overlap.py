import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.__main__ import main
from harness.data.overlap import Overlap, QuestionText, find_overlaps, tokens
from harness.data.overlap_report import WITHHELD, report
from harness.schema import ExitCode
from harness.spec import prepared
from tests.data.invented import authors_directory

WORDS = "the clerk numbers every page of a long ledger and counts how often"


def overlap(training: list[str], evaluation: list[str], ngram: int = 4) -> Overlap:
    trained = [QuestionText(f"t{n}", text) for n, text in enumerate(training)]
    questions = [QuestionText(f"e{n}", text) for n, text in enumerate(evaluation)]
    return find_overlaps(trained, {"x": questions}, ngram=ngram)["x"]


@pytest.mark.parametrize(
    ("training", "evaluation", "kind", "share"),
    [
        ("What is $2+3$?", " What is $2+3$?\n", "exact", 1.0),
        (r"Find $\dfrac{1}{2}\, x$.", r"find \(\frac{1}{2}x\)", "normalised", 1.0),
        (r"What is $\left(2+3\right)$?", "What is (2 + 3)", "normalised", 1.0),
        ("\uff12 + 3 \u6c42\u548c", "2+3\u6c42\u548c", "normalised", 1.0),
        (f"Today {WORDS}", f"{WORDS}?", "n-gram", 1.0),
        ("a b c d z z z", "a b c d e f g", "n-gram", 0.25),
    ],
)
def test_the_strongest_kind_counts(training: str, evaluation: str, kind: str, share: float) -> None:
    (match,) = overlap(["nothing of it at all", training], [evaluation]).matches
    assert (match.kind, match.share, match.training.id) == (kind, share, "t1")


@pytest.mark.parametrize(
    ("training", "evaluation"),
    [
        ("What is $2+3$?", "What is $2-3$?"),
        ("What is $12$?", "What is $1 2$?"),
        ("a b c x d e f", "a b c y d e f"),
        ("\u6c42\u548c", "\u548c\u6c42"),
    ],
)
def test_another_question_is_another(training: str, evaluation: str) -> None:
    assert overlap([training], [evaluation]).matches == []


def test_a_question_too_short_for_an_ngram_is_not_called_clean() -> None:
    found = overlap([f"{WORDS} 1"], ["How many?", "One two three four five", f"{WORDS} 2"])
    assert (found.questions, found.short, found.count("n-gram")) == (3, 1, 1)
    assert overlap(["How many?"], ["How many?"]).short == 0


def test_the_best_match_is_kept_and_stock_phrases_are_apart() -> None:
    start = " ".join(WORDS.split()[:5])
    found = overlap([f"{start} x y", WORDS, "q"], [WORDS, f"one two three {start} b c d e f g"])
    assert [match.kind for match in found.matches] == ["exact", "n-gram"]
    assert found.large == 0
    assert overlap([f"{WORDS} 1"], [f"{WORDS} 2"]).large == 1


def test_sets_are_told_apart() -> None:
    one, two = [QuestionText("a", "x y")], [QuestionText("b", "y z"), QuestionText("c", "u v")]
    found = find_overlaps([QuestionText("t", "u v")], {"one": one, "two": two})
    assert [len(found[name].matches) for name in ("one", "two")] == [0, 1]
    assert found["two"].matches[0].evaluation.id == "c"


@given(text=st.text(max_size=60))
def test_a_text_overlaps_with_itself(text: str) -> None:
    (match,) = overlap([text], [text]).matches
    assert match.kind == "exact"
    assert tokens(text.upper().lower()) == tokens(text.lower().casefold())


def test_an_ngram_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one token, got 0"):
        overlap([], [], ngram=0)


def test_the_command_compares_a_set_with_all_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path / "data"))
    authors = authors_directory(tmp_path / "authors")
    main(["prepare", "dataset=orz_57k", f"from={authors}", "partial=true"])
    capsys.readouterr()
    words = ["overlap", "train=orz_57k", f"out={tmp_path / 'out'}"]
    assert main(words) == ExitCode.OK
    said = capsys.readouterr().out
    document = json.loads((tmp_path / "out" / "overlap.json").read_text())
    assert (tmp_path / "out" / "overlap.md").read_text() in said
    # the ledger in longer words, the root with other punctuation, and the cube
    math = document["evaluations"]["math500"]
    assert math["counts"] == {"exact": 0, "normalised": 1, "n-gram": 1} and math["too_short"] == 1
    assert set(document["evaluations"]) == {"math500", "aime2024", "gpqa_diamond"}
    assert main([*words, "--gate", "--force"]) == ExitCode.WORSE
    assert main(["overlap", "train=orz_57k", "eval=gpqa_diamond"]) == ExitCode.USAGE
    gpqa = tmp_path / "data" / "orz_57k" / "gpqa_diamond.parquet"
    assert main(["overlap", "train=orz_57k", f"eval={gpqa}", "--gate"]) == ExitCode.OK


def test_questions_that_may_not_be_shown_are_not() -> None:
    found = {"gpqa_diamond": overlap(["secret"], ["secret"])}
    text = report("x", found, ngram=4, withheld=["gpqa_diamond"])
    assert "secret" not in text and WITHHELD in text
    assert "secret" in report("x", found, ngram=4)
