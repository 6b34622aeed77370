"""veRL's own key names: our list of them is that of the installed veRL, and our configs use it.

`python -m tests.contract.test_verl_keys` writes the list again; its diff is then reviewed.
"""

import importlib.util
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

import pytest
import yaml

from harness.schema import flatten
from harness.spec import config as configs
from harness.spec.ablation import is_for, load_ablation
from harness.spec.choices import ablation_files, group_choices
from harness.spec.seeds import verl_seed_keys
from harness.spec.study import make_study
from harness.spec.verl_keys import KEY_LIST, verl_keys

GENERATED = Path("trainer", "config", "_generated_ppo_trainer.yaml")


def generated_keys() -> dict[str, None]:
    """Keys of the installed veRL's generated config in its order, read without importing veRL."""
    spec = importlib.util.find_spec("verl")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("veRL is not installed")
    path = Path(spec.submodule_search_locations[0]) / GENERATED
    document = yaml.safe_load(path.read_text())
    return {key: None for key, _ in flatten(document) if not key.endswith("_target_")}


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


def unknown_keys(used: Set[str], known: Set[str], added: Set[str]) -> Set[str]:
    """Keys that neither veRL lists nor a config declares as added."""
    return used - known - added


@cache
def used_keys() -> frozenset[str]:
    used: set[str] = set(verl_seed_keys(1))
    asked = [["kl_penalty", scale] for scale in group_choices()["scale"]]
    for name in ablation_files():
        if is_for(load_ablation(name), "micro"):
            asked.append([name, "micro"])
    for name, scale in asked:
        # the words of tests/contract/test_configs.py: what it has composed is not composed again
        for cell in make_study([f"ablation={name}", f"scale={scale}"]).cells:
            used |= {key for key, _ in flatten(cell.config["verl"])}
    return frozenset(used)


def test_our_list_is_that_of_the_installed_verl() -> None:
    assert set(verl_keys()) == set(generated_keys())


def test_every_key_is_verls_or_declared_as_added() -> None:
    added = set(configs.read_request(["ablation=kl_penalty"]).added_keys)
    assert unknown_keys(used_keys(), set(verl_keys()), added) == set()


def test_every_added_key_is_used_and_is_not_in_verls_list() -> None:
    added = set(configs.read_request(["ablation=kl_penalty"]).added_keys)
    assert added <= used_keys()
    assert not added & verl_keys()


def test_a_misspelt_key_is_found() -> None:
    assert unknown_keys({"trainer.tset_freq"}, set(verl_keys()), set()) == {"trainer.tset_freq"}


if __name__ == "__main__":
    head = [line for line in KEY_LIST.read_text().splitlines() if line.startswith("#")]
    KEY_LIST.write_text("\n".join([*head, *generated_keys()]) + "\n")
