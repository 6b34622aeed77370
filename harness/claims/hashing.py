"""The content hashes that a run records: of a rule, of its config, of the code that judges.

A hash is of a canonical form: content as JSON with sorted keys. Comments, blanks, the order of keys
and the way in which YAML writes a value do not matter; everything else does, to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.paths import ROOT
from harness.provenance import source_hashes
from harness.schema import UsageError, computed_items, content_hash

NOT_DECIDING = ("published", "words_only", "no_rule")
"""Keys of a claim file that no verdict rests on: what the paper printed, and why other scales have
no rule.

All others are in the hash, also those that explain: a statement that is sharpened after the runs
changes what a verdict means, and a design effect that gets another reason is another one.
"""

_JUDGES = ("harness/claims/", "harness/stats/", "harness/metrics/")


def rule_hash(document: Mapping[str, Any], scale: str) -> str:
    """Hash all that decides about a claim at a scale.

    That is every key of its file but `NOT_DECIDING`, and of `rules` that of the scale: a rule for
    another scale changes nothing here.

    Args:
        document: the claim file as read.
        scale: whose rule is hashed.

    Raises:
        UsageError: the file holds something that JSON cannot express.
    """
    kept = {key: value for key, value in document.items() if key not in NOT_DECIDING}
    rules = document.get("rules")
    kept["rules"] = rules.get(scale) if isinstance(rules, Mapping) else None
    try:
        return content_hash(kept)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"claim {document.get('id')} holds a value that has no canonical form ({error}): use"
            " text, finite numbers, true, false, lists and mappings with text for keys"
        ) from error


def config_hash(config: Mapping[str, Any]) -> str:
    """Hash a resolved config without the keys that only say how a run is logged."""
    return content_hash(dict(computed_items(config)))


def judge_hash() -> str:
    """Hash the code that measures and judges, as it is on the disk of this suite."""
    # the sheet imports everything between a table of values and a verdict
    hashes = source_hashes(ROOT, [ROOT / "harness" / "claims" / "sheet.py"])
    return content_hash({name: h for name, h in hashes.items() if name.startswith(_JUDGES)})
