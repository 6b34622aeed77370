"""A file of harness/algorithms/ is part of the id of the cells that name it, and of no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.paths import ROOT
from harness.schema import UsageError
from harness.spec import config as configs
from harness.spec.study import algorithm_files, make_study

WORDS = ["ablation=kl_penalty", "seeds=[4]", "levels=[none]"]
KEY = "verl.actor_rollout_ref.model.external_lib"


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


def test_only_a_cell_that_names_a_file_has_its_source() -> None:
    (bare,) = make_study(WORDS).cells
    (named,) = make_study([*WORDS, f"+{KEY}=harness.algorithms.maxrl"]).cells

    added = set(named.inputs.sources) - set(bare.inputs.sources)
    assert added == {"harness/algorithms/maxrl.py"}
    assert not any(path.startswith("harness/algorithms/") for path in bare.inputs.sources)
    assert named.cell_id != bare.cell_id


@pytest.mark.parametrize("module", ["elsewhere.maxrl", "harness.algorithms.nothing", "maxrl"])
def test_a_module_whose_source_would_not_count_is_refused(module: str) -> None:
    config = {"verl": {"actor_rollout_ref": {"model": {"external_lib": module}}}}
    with pytest.raises(UsageError, match=r"harness\.algorithms\.<name>"):
        algorithm_files(config)


def test_several_modules_and_none() -> None:
    path = Path(ROOT, "harness", "algorithms", "maxrl.py")
    both = ["harness.algorithms.maxrl", "harness.algorithms.maxrl"]
    config = {"verl": {"actor_rollout_ref": {"model": {"external_lib": both}}}}
    assert algorithm_files(config) == [path]
    assert algorithm_files({"verl": {"critic": {"model": {"external_lib": None}}}}) == []
