"""The data set of a scale, read from the files, is that of the composed config."""

import pytest

from harness.spec import config
from harness.spec.scale_data import data_of_scale


@pytest.mark.parametrize("scale", ["micro", "orz_7b", "orz_32b"])
def test_it_is_that_of_the_composed_config(scale: str) -> None:
    with config.session():
        tree = config.composed_tree(["ablation=kl_penalty", f"scale={scale}"])
    assert data_of_scale(scale) == tree["dataset"]["name"]


def test_a_scale_that_there_is_not_has_none() -> None:
    assert data_of_scale("orz_8b") == ""
