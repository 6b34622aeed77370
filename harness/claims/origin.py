"""Since when a rule stands: the oldest commit from which its text has not changed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_TIMEOUT_S = 30


class RuleOrigin(NamedTuple):
    """The commit that brought a rule as it stands, and its date; both "" if there is none."""

    commit: str
    date: str

    def is_before(self, started: str) -> bool | None:
        """Return whether the rule is older than a run; None if one of the times is unknown."""
        if not self.date or not started:
            return None
        return datetime.fromisoformat(self.date) < datetime.fromisoformat(started)


def rule_origin(path: Path, scale: str, document: Mapping[str, Any]) -> RuleOrigin:
    """Find the commit since which `rules.<scale>` of a claim file reads as it does now.

    Args:
        path: the file, in its checkout.
        scale: name of the scale.
        document: the file as read now.

    Returns:
        An empty origin if the rule is not committed, there is no git or no repository, or the clone
        is shallow and the rule older than the part of the history that is here.
    """
    wanted = _rule(document, scale)
    found = RuleOrigin("", "")
    history = _git(path.parent, "log", "--format=%H %cI", "--", path.name)
    for line in (history or "").splitlines():
        commit, date = line.split(" ", 1)
        text = _git(path.parent, "show", f"{commit}:./{path.name}")
        if text is None or _rule(_parsed(text), scale) != wanted:
            return found
        found = RuleOrigin(commit, date)
    # the oldest commit of a shallow clone holds every file, whenever they were written
    return found if has_history(path.parent) else RuleOrigin("", "")


def has_history(directory: Path) -> bool:
    """Return whether the whole history of a directory's checkout is here."""
    return (_git(directory, "rev-parse", "--is-shallow-repository") or "").strip() == "false"


def _rule(document: Any, scale: str) -> Any:
    rules = document.get("rules") if isinstance(document, Mapping) else None
    return (rules or {}).get(scale)


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments],
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
            text=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
