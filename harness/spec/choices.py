"""Which ablations and which choices of config groups there are: the files are the registry."""

from __future__ import annotations

from pathlib import Path

from harness.paths import ABLATIONS, CONF

CONFIG_NAME = "config"
ROOT_KEYS = ("seeds", "steps", "levels", "results_dir", "dry_run", "verbose", "shadow")
"""Root keys that say which cells, where and how: they choose no file and are part of no cell."""


def ablation_files(directory: Path = ABLATIONS) -> dict[str, Path]:
    """Return ablation name -> file, in alphabetical order."""
    return {path.stem: path for path in sorted(directory.glob("*.yaml"))}


def group_choices() -> dict[str, dict[str, Path]]:
    """Return config group -> choice -> file, the ablations among them."""
    groups = {"ablation": ablation_files()}
    for directory in sorted(path for path in CONF.iterdir() if path.is_dir()):
        choices = {path.stem: path for path in sorted(directory.glob("*.yaml"))}
        if choices:
            groups[directory.name] = choices
    return groups
