import pytest

from harness.docs.metrics import glossary
from harness.evaluate.definitions import names_of
from harness.metrics.columns import (
    EVALUATION,
    TRAINING,
    column_of,
    label_of,
    short_split,
    split_of,
)
from harness.micro.dataset import SOURCES
from harness.paths import DOCS
from harness.schema import UsageError
from harness.text import DECIMALS

PAGE = DOCS / "metrics.md"


def test_names_and_paths_are_distinct() -> None:
    columns = [*TRAINING, *EVALUATION]

    assert len({column.name for column in columns}) == len(columns)
    # three are made of the same text, each by a field of its own
    paths = {(c.source, c.path, c.over, c.field.name if c.field else "") for c in columns}
    assert len(paths) == len(columns)
    fields = {column.field for column in columns if column.field}
    assert len({field.name for field in fields}) == len(fields)


def test_every_column_says_what_it_is() -> None:
    for column in (*TRAINING, *EVALUATION):
        assert column.unit
        assert column.help.strip()
        assert column.label


def test_every_unit_has_its_decimals() -> None:
    assert {column.unit for column in (*TRAINING, *EVALUATION)} <= set(DECIMALS)


def test_the_split_of_an_evaluation_metric_is_told_from_its_name() -> None:
    splits = {"easy", *map(short_split, SOURCES), *names_of("benchmark")}
    names = [column.name for column in EVALUATION]
    for name in names:
        for split in splits:
            assert split_of(f"{name}_{split}") == (name, split)
            assert column_of(f"{name}_{split}").name == name
    # of two names that begin alike the longer one is meant: no split may begin as its ending does
    endings = [b.removeprefix(f"{a}_") for a in names for b in names if b.startswith(f"{a}_")]
    assert endings == ["rate"]
    assert [s for s in splits for ending in endings if f"{s}_".startswith(f"{ending}_")] == []


def test_of_two_metrics_that_begin_alike_the_longer_one_is_meant() -> None:
    assert split_of("reflection_rate_easy") == ("reflection_rate", "easy")
    assert split_of("reflection_easy") == ("reflection", "easy")
    assert column_of("reflection_rate_easy").unit != column_of("reflection_easy").unit


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
