import pytest

from harness.docs.metrics import glossary
from harness.metrics.columns import (
    EVALUATION,
    TRAINING,
    column_of,
    label_of,
    short_split,
    split_of,
)
from harness.paths import DOCS
from harness.schema import UsageError
from harness.text import DECIMALS

PAGE = DOCS / "metrics.md"


def test_names_and_paths_are_distinct() -> None:
    columns = [*TRAINING, *EVALUATION]

    assert len({column.name for column in columns}) == len(columns)
    assert len({(column.source, column.path) for column in columns}) == len(columns)


def test_every_column_says_what_it_is() -> None:
    for column in (*TRAINING, *EVALUATION):
        assert column.unit
        assert column.help.strip()
        assert column.label


def test_every_unit_has_its_decimals() -> None:
    assert {column.unit for column in (*TRAINING, *EVALUATION)} <= set(DECIMALS)


def test_the_split_of_an_evaluation_metric_is_told_from_its_name() -> None:
    names = [column.name for column in EVALUATION]
    assert [b for a in names for b in names if b.startswith(f"{a}_")] == []


def test_no_path_is_one_of_verls_validation_aggregates() -> None:
    assert not [column.path for column in TRAINING if column.path.startswith("val")]


def test_the_glossary_is_up_to_date() -> None:
    assert PAGE.read_text() == glossary(), "run python -m harness.docs metrics"


def test_the_glossary_test_would_see_a_change() -> None:
    assert PAGE.read_text().replace("fraction", "percent", 1) != glossary()


def test_a_metric_is_found_by_its_full_name() -> None:
    assert column_of("reward").path == "critic/score/mean"
    assert column_of("accuracy_easy").path == "correct"
    assert column_of("response_tokens_hard").unit == "tokens"
    assert split_of("accuracy_easy") == ("accuracy", "easy")
    assert short_split("eval_easy") == "easy"
    assert label_of("accuracy_hard") == "accuracy (hard)"


@pytest.mark.parametrize("name", ["acuracy_easy", "accuracy", "reward_easy", "accuracy_", ""])
def test_an_unknown_metric_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="accuracy_<split>"):
        column_of(name)
