"""The rule of a claim: what is measured in each seed, and what its interval must show.

    kind: difference      end of training: arm minus each of `minus`, paired by seed
    kind: change          arm: end of training minus its start
    kind: ratio           arm: end of training over its start
    kind: level           arm: end of training
    kind: largest_fall    arm: how far the `window`-step mean falls below its highest so far

End and start are those of the metric (docs/metrics.md): the last evaluation and the one before
training, or the mean of the last ten training steps and the first step. For each there is a t
interval of `level` over seeds; `reproduced` and `contradicted` are conditions on the intervals, as
in harness/claims/conditions.py. Fewer than `min_seeds` seeds, not counting `exploratory_seeds`,
decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.claims.conditions import Condition, read_condition
from harness.cli import suggest
from harness.schema import UsageError

KINDS = ("difference", "change", "ratio", "level", "largest_fall")
_NEEDED = ("kind", "metric", "arm", "reproduced", "contradicted", "level", "min_seeds")
_OPTIONAL = ("minus", "window", "exploratory_seeds")
_SUBJECTS = {
    "difference": "{metric} at the end of training, {arm} minus {minus}, paired by seed",
    "change": "{metric} of {arm}, end of training minus start",
    "ratio": "{metric} of {arm}, end of training over start",
    "level": "{metric} of {arm} at the end of training",
    "largest_fall": "largest fall of the {window}-step mean of {metric} of {arm} below its highest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRule:
    """A rule, checked; the attributes are those of the file.

    Attributes:
        arm: "factor=level", joined by commas.
        minus: the same, for kind `difference`; else empty.
        window: steps of the mean, for kind `largest_fall`; else 0.
    """

    kind: str
    metric: str
    arm: str
    minus: tuple[str, ...]
    window: int
    reproduced: Condition
    contradicted: Condition
    level: float
    min_seeds: int
    exploratory_seeds: tuple[int, ...]

    def text(self) -> str:
        """Return the rule in one paragraph."""
        subject = _SUBJECTS[self.kind].format(
            metric=self.metric, arm=self.arm, minus=" and ".join(self.minus), window=self.window
        )
        quantity = "difference" if self.kind == "difference" else "interval"
        met = self.reproduced.text().replace("difference", quantity)
        unmet = self.contradicted.text().replace("difference", quantity)
        without = ""
        if self.exploratory_seeds:
            seeds = ", ".join(map(str, self.exploratory_seeds))
            without = f" Seeds {seeds} helped to write the rule and decide nothing."
        return (
            f"Measured: {subject}; {self.level * 100:g} % t interval over at least"
            f" {self.min_seeds} seeds. Reproduced if {met}; contradicted if {unmet}; else"
            f" inconclusive.{without}"
        )


def read_claim_rule(raw: Mapping[str, Any], where: str) -> ClaimRule:
    """Read and check one rule.

    Raises:
        UsageError: a key is missing, unknown or of the wrong kind.
    """
    for key in _NEEDED:
        if key not in raw:
            raise UsageError(f"{where} has no `{key}`: add it (format: harness/claims/rules.py)")
    for key in raw:
        if key not in (*_NEEDED, *_OPTIONAL):
            raise UsageError(
                f"{where} has an unknown key `{key}`: {suggest(key, (*_NEEDED, *_OPTIONAL))}"
            )
    kind = raw["kind"]
    if kind not in KINDS:
        raise UsageError(f"{where} has the kind {kind!r}: {suggest(str(kind), KINDS)}")
    if (kind == "difference") != bool(raw.get("minus")):
        raise UsageError(f"{where}: `minus` belongs to kind difference, and only to it")
    if (kind == "largest_fall") != bool(raw.get("window")):
        raise UsageError(f"{where}: `window` belongs to kind largest_fall, and only to it")
    level, least = raw["level"], raw["min_seeds"]
    if not (isinstance(level, float) and 0 < level < 1):
        raise UsageError(f"{where} has level {level!r}: expected a number between 0 and 1")
    if isinstance(least, bool) or not isinstance(least, int) or least < 2:
        raise UsageError(f"{where} has min_seeds {least!r}: expected a whole number from 2")
    return ClaimRule(
        kind=kind,
        metric=str(raw["metric"]),
        arm=_arm(raw["arm"]),
        minus=tuple(_arm(levels) for levels in raw.get("minus") or ()),
        window=int(raw.get("window") or 0),
        reproduced=read_condition(raw["reproduced"], where),
        contradicted=read_condition(raw["contradicted"], where),
        level=level,
        min_seeds=least,
        exploratory_seeds=tuple(raw.get("exploratory_seeds") or ()),
    )


def _arm(levels: Mapping[str, Any]) -> str:
    return ",".join(f"{factor}={level}" for factor, level in levels.items())
