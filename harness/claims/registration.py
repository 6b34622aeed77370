"""Pre-registration by content: what a run records at its launch, and what that makes of a verdict.

At its launch a run records the hash of every rule that could judge it, of its config and of the
code that measures and judges. A verdict is confirmatory if the rule that judges is the recorded
one, stands in the tree of the commit that the run records, and was not chosen with the results of
the same arm and seed in the repository. Dates are shown and never trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from harness.claims.hashing import judge_hash
from harness.claims.hashing import rule_hash as rule_hash
from harness.claims.history import History
from harness.claims.launches import Launch, launches
from harness.claims.reading import Claim, read_claims, read_family
from harness.claims.timestamps import stamp_of
from harness.claims.trees import documents_at, hash_at, known_at, primaries_at
from harness.paths import CLAIMS, ROOT
from harness.provenance import code_state
from harness.schema import RunRecord

UNSETTLED = "not the same, or not committed, at every attempt"
"""Stands for the hash of a rule in the record of a run that was resumed under another one."""


class Kind(StrEnum):
    """What a verdict may be called; the worst comes first."""

    EXPLORATORY = "exploratory"
    NOT_CHECKED = "not checked"
    BY_HISTORY = "confirmatory (by this repository's history)"
    TIMESTAMPED = "confirmatory (timestamped)"

    @property
    def is_confirmatory(self) -> bool:
        """Whether a verdict may be called confirmatory."""
        return self in (Kind.BY_HISTORY, Kind.TIMESTAMPED)


class Standing(NamedTuple):
    """How far a verdict may be believed to rest on a rule that was there before its runs.

    Attributes:
        kind: what it may be called.
        reason: why it is not confirmatory, a clause without a full stop; else "".
        commit: the commit in whose tree the rule stands, which the runs record; the one that states
            the latest date if there are several, "" unless the verdict is confirmatory.
        date: ISO 8601, what that commit states, or the time of the stamp.
    """

    kind: Kind
    reason: str = ""
    commit: str = ""
    date: str = ""

    def text(self) -> str:
        """Say what a verdict may be called, and why, or by which commit."""
        if not self.kind.is_confirmatory:
            return f"{self.kind}: {self.reason}"
        return f"{self.kind}: the rule of commit {self.commit[:12]}, {self.date}"


def at_launch(ablation: str, scale: str, root: Path, data: Collection[str]) -> dict[str, Any]:
    """Collect what all runs of an ablation that are launched together record.

    Args:
        ablation: of the runs.
        scale: of the runs.
        root: of the checkout.
        data: names of the data sets on which the runs are trained: no rule for another one is
            recorded.

    Returns:
        "rules" (claim id -> hash, of all claims that could judge the runs), "judge", "commit" and
        "dirty" as in `harness.provenance.code_state`. "config", its own for each run, is added to
        it.

    Raises:
        UsageError: a claim file is wrong.
    """
    claims = read_claims(root / CLAIMS.relative_to(ROOT))
    judging = [
        claim
        for claim in claims
        if claim.ablation == ablation
        and (rule := claim.rules.get(scale)) is not None
        and any(map(rule.is_for, data))
    ]
    state = code_state(root)
    return {
        "rules": {claim.id: rule_hash(claim.document, scale) for claim in judging},
        "judge": judge_hash(),
        "commit": state["commit"],
        "dirty": state["dirty"],
    }


def continued(record: RunRecord, now: Mapping[str, Any]) -> dict[str, Any]:
    """Carry over what a run records whose earlier attempts may have shown results already.

    A rule stays registered if it was the same, in a clean checkout, when every attempt began that
    reached a training step.

    Args:
        record: of the run, with its earlier attempts.
        now: from `at_launch`, with the run's config.
    """
    if all(attempt.last_step is None for attempt in record.attempts):
        return dict(now)
    before = record.provenance.get("registered") or {}
    rules = before.get("rules", {}) if before.get("dirty") == "no" else {}
    kept = {name: h if rules.get(name) == h else UNSETTLED for name, h in now["rules"].items()}
    return {**now, "rules": kept}


def standing_of(
    claim: Claim,
    scale: str,
    runs: pd.DataFrame | Iterable[Mapping[str, Any]],
    root: Path = ROOT,
    history: History | None = None,
) -> Standing:
    """Return the worst standing of a claim's rule over the runs that it judges.

    Args:
        claim: as it reads now.
        scale: whose rule judges.
        runs: the rows of runs.parquet of the runs that decide, or cells of a manifest.
        root: of the checkout that holds the claim.
        history: of that checkout; give one for many claims, so that git is read once.
    """
    mine = launches(runs)
    if not mine:
        return Standing(Kind.NOT_CHECKED, "no run is stored")
    if not any(launch.rules for launch in mine):
        return Standing(Kind.EXPLORATORY, "the runs hold no hash of the rule")
    check = _Check(claim, scale, history or History(root))
    found = [check.standing(launch) for launch in mine]
    worst = min(found, key=lambda standing: list(Kind).index(standing.kind))
    if worst.kind.is_confirmatory:
        return check.confirmed(mine)
    like = sum(standing.kind is worst.kind for standing in found)
    return worst._replace(reason=f"{worst.reason} ({like} of {len(found)} runs)")


class _Check:
    """One claim's rule against what runs recorded and what the repository holds."""

    def __init__(self, claim: Claim, scale: str, history: History) -> None:
        self.claim, self.scale, self.history = claim, scale, history
        self.wanted = rule_hash(claim.document, scale)

    def standing(self, launch: Launch) -> Standing:
        """Say how far one run lets the verdict be believed."""
        reason = self._record_objection(launch)
        if reason:
            return Standing(Kind.EXPLORATORY, reason)
        history, commit = self.history, launch.commit
        if not history.is_here:
            return Standing(Kind.NOT_CHECKED, "no history is here to look the rule up in")
        if commit not in history.commits:
            return self._not_before(launch)
        there = self._is_there(commit)
        if there is None:
            reason = f"the tree of commit {commit[:12]} is not here to look the rule up in"
            return Standing(Kind.NOT_CHECKED, reason)
        if not there:
            reason = f"the rule as it reads now is not in the tree of commit {commit[:12]}"
            return Standing(Kind.EXPLORATORY, reason)
        if reason := self._family_objection(commit):
            return Standing(Kind.EXPLORATORY, reason)
        return self._against_known(launch)

    def confirmed(self, mine: Sequence[Launch]) -> Standing:
        """Return the standing of runs to which nothing was objected."""
        commits = {launch.commit for launch in mine}
        last = max(commits, key=lambda name: self.history.commits[name].time)
        times = [self._stamped(commit) for commit in commits]
        time = max(times) if all(times) else ""
        if time and is_before(time, [launch.started for launch in mine]):
            return Standing(Kind.TIMESTAMPED, "", last, time)
        return Standing(Kind.BY_HISTORY, "", last, self.history.commits[last].date)

    def _stamped(self, commit: str) -> str:
        found = documents_at(self.history, commit) or {}
        content, _ = found.get(self.claim.id, (b"", {}))
        return stamp_of(self.claim.path, content).time

    def _record_objection(self, launch: Launch) -> str:
        if not launch.rules:
            return f"run {launch.run_id} holds no hash of a rule"
        recorded = launch.rules.get(self.claim.id)
        if recorded is None:
            return (
                f"the claim had no rule for this scale and data when run {launch.run_id} was"
                " launched"
            )
        if recorded == UNSETTLED:
            return f"the rule was {UNSETTLED} of run {launch.run_id}"
        if recorded != self.wanted:
            return f"the rule is not the one that run {launch.run_id} recorded at its launch"
        if launch.dirty != "no":
            return f"run {launch.run_id} was not launched from a clean checkout of a commit"
        return ""

    def _not_before(self, launch: Launch) -> Standing:
        """Return the standing of a run whose commit is none of those before the present one."""
        named = f"commit {launch.commit[:12]}, which run {launch.run_id} records,"
        if self.history.is_shallow:
            reason = f"{named} is not in the part of the history that is here: the clone is shallow"
            return Standing(Kind.NOT_CHECKED, reason)
        if self.history.has(launch.commit):
            reason = f"{named} is not an ancestor of the one that is checked out"
            return Standing(Kind.EXPLORATORY, reason)
        return Standing(Kind.NOT_CHECKED, f"{named} is not in this repository's history")

    def _family_objection(self, commit: str) -> str:
        """Say what became easier for a primary claim since its runs were launched, else ""."""
        if self.claim.role != "primary":
            return ""
        then = primaries_at(self.history, commit)
        if self.claim.id not in then:
            return f"the claim was none of the primary ones at commit {commit[:12]}"
        left = sorted(then - set(read_family(self.claim.path.parent).primary))
        if left:
            return (
                f"since commit {commit[:12]}, {', '.join(left)} left the family of the correction"
            )
        return ""

    def _is_there(self, commit: str) -> bool | None:
        found = hash_at(self.history, commit, self.claim.id, self.scale)
        return None if found is None else found == self.wanted

    def _against_known(self, launch: Launch) -> Standing:
        """Return the standing of a run as far as stored results of its arm and seed go."""
        if self.history.is_shallow:
            reason = "the clone is shallow: results that were known before cannot be excluded"
            return Standing(Kind.NOT_CHECKED, reason)
        unread = False
        for known in known_at(self.history, launch.commit, self.scale, self.claim.ablation):
            if known is None:
                unread = True
            elif known.has_begun and (known.arm, known.seed) == (launch.arm, launch.seed):
                if known.rules.get(self.claim.id) != self.wanted:
                    return Standing(Kind.EXPLORATORY, _known_before(launch, known))
                there = self._is_there(known.commit)
                if there is False:
                    return Standing(Kind.EXPLORATORY, _known_before(launch, known))
                unread |= there is None
        if unread:
            reason = "stored results, by which the rule may have been chosen, cannot be read"
            return Standing(Kind.NOT_CHECKED, reason)
        return Standing(Kind.BY_HISTORY, "")


def _known_before(launch: Launch, known: Launch) -> str:
    under = "another" if known.rules else "an unknown"
    return (
        f"results of {launch.arm} with seed {launch.seed} were stored, under {under} rule, before"
        f" run {launch.run_id} was launched"
    )


def is_before(time: str, starts: Iterable[str]) -> bool:
    """Tell whether an ISO 8601 time is before all others; not if one of them is no time."""
    try:
        return all(datetime.fromisoformat(time) < datetime.fromisoformat(s) for s in starts)
    # TypeError: of two times only one says its zone
    except (ValueError, TypeError):
        return False
