"""The overrides that choose no file are set after Hydra's part, and change nothing else."""

import pytest
from hydra import compose
from hydra.errors import ConfigCompositionException

from harness.spec import config as configs
from harness.spec.config import plain

REQUESTS = (
    [
        "ablation=kl_penalty",
        "seeds=[1,2]",
        "steps=3",
        "levels=[none]",
        "dry_run=true",
        "verbose=true",
    ],
    ["ablation=kl_penalty", "steps=null", "results_dir='a b,c'"],
    ["ablation=algorithm", "scale=orz_7b", "steps=2", "verl.data.train_batch_size=64"],
)


@pytest.mark.parametrize("overrides", REQUESTS)
def test_a_tree_is_what_hydra_composes_of_all_words(overrides: list[str]) -> None:
    with configs.session():
        assert configs.composed_tree(overrides) == plain(compose("config", overrides=overrides))


def test_one_request_leaves_the_next_alone() -> None:
    with configs.session():
        configs.composed_tree(["ablation=kl_penalty", "steps=3"])
        assert configs.composed_tree(["ablation=kl_penalty"])["steps"] is None


def test_a_sweep_is_hydras_to_refuse() -> None:
    with configs.session(), pytest.raises(ConfigCompositionException, match="Ambiguous value"):
        configs.composed_tree(["ablation=kl_penalty", "seeds=1,2"])
