"""The data set of a scale, from the files alone: to compose a config takes a second."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from harness.paths import CONF
from harness.spec.choices import CONFIG_NAME, group_choices
from harness.typed import read_yaml


@cache
def data_of_scale(scale: str) -> str:
    """Return the name of the data set that a scale trains on, unless an ablation chooses another.

    It is "" for a scale that there is not.
    """
    choices, chosen = group_choices(), ""
    if scale not in choices["scale"]:
        return ""
    for path in (CONF / f"{CONFIG_NAME}.yaml", choices["scale"][scale]):
        for item in read_yaml(path).get("defaults", ()):
            if isinstance(item, Mapping):
                chosen = item.get("dataset") or item.get("override /dataset") or chosen
    return str(read_yaml(choices["dataset"][chosen])["dataset"]["name"])
