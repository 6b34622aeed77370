"""Composes Hydra's tree of a command line, once per choice of files and keys."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any, cast

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from harness.spec.choices import CONFIG_NAME, ROOT_KEYS


def composed(words: tuple[str, ...]) -> DictConfig:
    """Return the tree of a command line, as Hydra composes it. Needs a session around it.

    Hydra reads and merges a dozen files each time (0.1 s). The words of `ROOT_KEYS` are set on a
    copy of what the others make (0.01 s); a sweep among them goes to Hydra, which refuses it.
    """
    asked = [word for word in words if word.partition("=")[0] in ROOT_KEYS]
    config = _composed_files(tuple(word for word in words if word not in asked))
    if not asked:
        return config
    overrides = OverridesParser.create().parse_overrides(asked)
    if any(override.is_sweep_override() for override in overrides):
        return _composed_files(words)
    config = copy.deepcopy(config)
    for override in overrides:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=False)
    return config


@lru_cache(maxsize=512)
def _composed_files(words: tuple[str, ...]) -> DictConfig:
    return compose(CONFIG_NAME, overrides=list(words))


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a tree as a mapping, every interpolation resolved."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
