"""Composes Hydra's tree of a command line, once per choice of files and keys."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any, cast

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from harness.spec.choices import CONFIG_NAME, ROOT_KEYS


def composed(overrides: tuple[str, ...]) -> DictConfig:
    """Return the tree of a command line, as Hydra composes it. Needs a session around it.

    Hydra reads and merges a dozen files each time (0.1 s). Overrides of `ROOT_KEYS` are set on a
    copy of what the others make (0.01 s); a sweep among them goes to Hydra, which refuses it.
    """
    of_root = [text for text in overrides if text.partition("=")[0] in ROOT_KEYS]
    config = _composed_files(tuple(text for text in overrides if text not in of_root))
    if not of_root:
        return config
    parsed = OverridesParser.create().parse_overrides(of_root)
    if any(override.is_sweep_override() for override in parsed):
        return _composed_files(overrides)
    config = copy.deepcopy(config)
    for override in parsed:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=False)
    return config


@lru_cache(maxsize=512)
def _composed_files(overrides: tuple[str, ...]) -> DictConfig:
    return compose(CONFIG_NAME, overrides=list(overrides))


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a tree as a mapping, every interpolation resolved."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
