"""What a commit holds that bears on a verdict: the rules in its tree, and results known by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.claims.hashing import rule_hash
from harness.claims.history import History
from harness.claims.launches import Launch, launches_in
from harness.claims.reading import FAMILY
from harness.paths import BASELINES, CLAIMS, ROOT
from harness.schema import UsageError
from harness.untrusted.files import Refused
from harness.untrusted.yaml_text import parse_yaml

CLAIMS_FOLDER = CLAIMS.relative_to(ROOT).as_posix()
BUNDLES = BASELINES.relative_to(ROOT).as_posix()
RESULTS = "results"
TABLE, MANIFEST = "runs.parquet", "manifest.json"

Documents = Mapping[str, tuple[bytes, Mapping[str, Any]]]
"""Claim id -> (bytes of the file, document)."""


def documents_at(history: History, commit: str) -> Documents | None:
    """Return the claim files in the tree of a commit; None if they are not here to be read.

    An id that two files have is left out: nobody can say which one counts.
    """
    return history.kept(("documents", commit), lambda: _documents(history, commit))


def hash_at(history: History, commit: str, claim_id: str, scale: str) -> str | None:
    """Return the hash of a rule in the tree of a commit.

    Returns:
        "" if the tree has no such rule, None if it is not here to be read.
    """
    found = documents_at(history, commit)
    if found is None:
        return None
    _, document = found.get(claim_id, (b"", {}))
    rules = document.get("rules")
    if not isinstance(rules, Mapping) or scale not in rules:
        return ""
    try:
        return rule_hash(document, scale)
    except UsageError:
        return ""


def primaries_at(history: History, commit: str) -> frozenset[str]:
    """Return the primary claims that a commit names; none where it has no file of them."""
    files = history.tree(commit, CLAIMS_FOLDER) or {}
    document = _parsed(files.get(f"{CLAIMS_FOLDER}/{FAMILY}", b""))
    named = document.get("primary") if isinstance(document, Mapping) else None
    return frozenset(map(str, named)) if isinstance(named, list) else frozenset()


def known_at(history: History, commit: str, scale: str, ablation: str) -> list[Launch | None]:
    """Return the runs that a commit or an ancestor of it stored; None where it cannot be read.

    Looked through is every version of the study's results table and of the manifests of its
    baselines, also of those that were deleted or written over since.
    """
    key = ("known", commit, scale, ablation)
    return history.kept(key, lambda: list(_known(history, commit, scale, ablation)))


def _known(history: History, commit: str, scale: str, ablation: str) -> Iterator[Launch | None]:
    folders = [f"{place}/{scale}/{ablation}" for place in (BUNDLES, RESULTS)]
    for path, content in history.stored(commit, folders, (TABLE, MANIFEST)):
        try:
            found = None if content is None else launches_in(path, content)
        except (ValueError, OSError):
            found = None
        yield from [None] if found is None else found


def _documents(history: History, commit: str) -> Documents | None:
    files = history.tree(commit, CLAIMS_FOLDER)
    if files is None:
        return None
    found: dict[str, tuple[bytes, Mapping[str, Any]]] = {}
    twice: set[str] = set()
    for path, content in files.items():
        # most commits have the same files: each is parsed once
        document = _parsed_once(history, content) if path.endswith(".yaml") else None
        if not isinstance(document, Mapping) or "id" not in document:
            continue
        name = str(document["id"])
        if name in found:
            twice.add(name)
        found[name] = (content, document)
    return {name: value for name, value in found.items() if name not in twice}


def _parsed_once(history: History, content: bytes) -> Any:
    return history.kept(("yaml", content), lambda: _parsed(content))


def _parsed(content: bytes) -> Any:
    try:
        return parse_yaml(content)
    except Refused:
        return None
