"""What the recipes leave to veRL's defaults is as it was when the recipes were made."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.paths import CONF

STORED = CONF / "verl_defaults.yaml"
_ABSENT = "(absent)"


def installed() -> dict[str, Any]:
    """The installed veRL's generated config, read without importing veRL."""
    spec = importlib.util.find_spec("verl")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("veRL is not installed")
    root = Path(spec.submodule_search_locations[0])
    return yaml.safe_load((root / "trainer/config/_generated_ppo_trainer.yaml").read_text())


def changed(stored: dict[str, Any], tree: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Key -> (stored, found) for every default that is not what was stored."""
    found = {}
    for key, value in stored.items():
        now: Any = tree
        for word in key.split("."):
            now = now.get(word, _ABSENT) if isinstance(now, dict) else _ABSENT
        if now != value or type(now) is not type(value):
            found[key] = (value, now)
    return found


def test_the_defaults_that_matter_are_as_stored() -> None:
    assert changed(yaml.safe_load(STORED.read_text()), installed()) == {}


def test_a_changed_and_a_renamed_default_are_found() -> None:
    tree = installed()
    tree["actor_rollout_ref"]["actor"]["policy_loss"]["loss_mode"] = "gspo"
    tree["critic"]["optim"]["kind"] = tree["critic"]["optim"].pop("optimizer")
    tree["algorithm"]["use_pf_ppo"] = 0
    assert changed(yaml.safe_load(STORED.read_text()), tree) == {
        "actor_rollout_ref.actor.policy_loss.loss_mode": ("vanilla", "gspo"),
        "critic.optim.optimizer": ("AdamW", _ABSENT),
        "algorithm.use_pf_ppo": (False, 0),
    }
