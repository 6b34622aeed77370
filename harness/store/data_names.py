"""What a stored study was trained on, by the names of its data sets, and in which micro-world."""

from collections.abc import Iterable, Mapping
from typing import Any

FIRST_WORLD = "micro"
"""The data set of the micro-world before 2026-11-27, which had chains alone."""

PRESENT_WORLD = "micro_families"

WORLDS = {
    FIRST_WORLD: "the first micro-world (chains alone)",
    PRESENT_WORLD: "the micro-world of today (four families of problems)",
}
"""Data set of every micro-world that there was -> what it is called."""

APART = "other questions, base models and lengths, so no number of the one tells of the other"
"""Why nothing is compared across worlds."""


STUDY_FILE = "study.json"
"""Stands beside the tables of a study and holds its protocol."""


def data_names(protocol: Mapping[str, Any]) -> str:
    """The names of the training data of all arms; "-" where a log says none.

    Args:
        protocol: of a bundle's manifest or of study.json.
    """
    names = dict.fromkeys(
        str(config["dataset.name"]) for config in _configs(protocol) if "dataset.name" in config
    )
    told = [f"{n} (first world: chains alone)" if n == FIRST_WORLD else n for n in names]
    return ", ".join(told) or "-"


def world_of(*configs: Mapping[str, Any]) -> str:
    """The micro-world of resolved configs, as `WORLDS` calls it; "" if they are of none."""
    found = (WORLDS.get(str(config.get("dataset.name"))) for config in configs)
    return next((world for world in found if world), "")


def study_world(protocol: Mapping[str, Any]) -> str:
    """The micro-world of a stored study, from its protocol; "" if it is of none."""
    return world_of(*_configs(protocol))


def _configs(protocol: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    # a log states no config
    return [arm.get("config") or {} for arm in protocol["arms"].values()]


def control_data(protocol: Mapping[str, Any], control: str | None = None) -> str:
    """The name of the control arm's training data; "" where a log does not say.

    Args:
        protocol: of a bundle's manifest or of study.json.
        control: name of the arm; without it the first one.
    """
    arms = protocol["arms"]
    arm: Mapping[str, Any] = arms.get(control) or next(iter(arms.values()), {})
    return str((arm.get("config") or {}).get("dataset.name", ""))
