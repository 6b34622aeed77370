"""Whether what is stored agrees: rules, records, commits, results tables and baselines.

Every run that registered rules is held against the tree of the commit that it records, against the
rules as they read now, and against every other copy of its record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from harness.claims.hashing import config_hash, judge_hash, rule_hash
from harness.claims.history import History
from harness.claims.launches import Launch, launches
from harness.claims.reading import read_claims
from harness.claims.registration import UNSETTLED, is_before
from harness.claims.timestamps import uncounted
from harness.claims.trees import TABLE, hash_at
from harness.metrics.tables import read_study_table
from harness.paths import CLAIMS, ROOT
from harness.schema import HarnessError
from harness.store.bundle import bundle_names, find_bundle, read_bundle
from harness.store.ledger import RunStore
from harness.writing import check_together

CANNOT_SEE = """\
What this cannot see: a history that was rewritten as a whole, records and commits and all; results
that were known and never committed, or committed under another name; runs that were left out; code
that git does not track. Only a time stamp by somebody else (docs/claims.md) says more about the age
of a rule, and nothing here says how old a run is."""
_SHOWN_DATES = 5


class Remark(NamedTuple):
    """One thing to say of a place; a fault is an inconsistency, anything else a note."""

    place: str
    text: str
    is_fault: bool
    is_blind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStudy:
    """Runs that are stored in one place.

    Attributes:
        place: directory of results, or name of a baseline.
        runs: the launches of all its runs.
        steps: columns run_id, step, metric, value.
        is_judged: whether claims are judged on it: on results, else on the latest baseline.
        folder: of results; None for a baseline.
    """

    place: str
    scale: str
    ablation: str
    runs: Sequence[Launch]
    steps: pd.DataFrame
    is_judged: bool
    folder: Path | None


def verify(root: Path, results: Path, baselines: Path) -> list[Remark]:
    """Check every stored study; return what there is to say, faults first.

    Args:
        root: of the checkout with the claims and the history.
        results: directory of all results.
        baselines: directory of all baselines.

    Raises:
        UsageError: a claim file is wrong.
    """
    history, rules = History(root), _Rules(root)
    remarks: list[Remark] = []
    studies = list(_studies(results, baselines, remarks))
    for study in studies:
        remarks += [Remark(study.place, *rest) for rest in _of_study(study, history, rules)]
    remarks += _copies(studies)
    remarks += _dates(history)
    return sorted(dict.fromkeys(remarks), key=lambda remark: not remark.is_fault)


def remarks_text(remarks: Sequence[Remark]) -> str:
    """Say what there is to say, what could not be seen, and the sum of it."""
    lines = [f"{'FAULT' if r.is_fault else 'note'}  {r.place}: {r.text}" for r in remarks]
    faults = sum(remark.is_fault for remark in remarks)
    is_blind = any(remark.is_blind for remark in remarks)
    end = f"{faults} inconsistencies" if faults else "no inconsistency"
    if is_blind:
        end += "; some of it could not be checked here"
    return "\n".join([*lines, "", CANNOT_SEE, "", end])


class _Rules:
    """The rules as they read now: (scale, claim id) -> hash, and the files behind them."""

    def __init__(self, root: Path) -> None:
        claims = read_claims(root / CLAIMS.relative_to(ROOT))
        self.hashes = {(s, c.id): rule_hash(c.document, s) for c in claims for s in c.rules}
        self.paths = {claim.id: claim.path for claim in claims}
        self.ids = {
            (scale, ablation): {c.id for c in claims if c.ablation == ablation and scale in c.rules}
            for ablation in {claim.ablation for claim in claims}
            for scale in {scale for scale, _ in self.hashes}
        }


_Told = tuple[str, bool] | tuple[str, bool, bool]
"""A remark without its place."""


def _studies(results: Path, baselines: Path, remarks: list[Remark]) -> Iterator[StoredStudy]:
    """Yield what can be read; what cannot is a fault."""
    judged = set()
    for table in sorted(results.glob(f"*/*/{TABLE}")):
        folder = table.parent
        scale, ablation = folder.parent.name, folder.name
        judged.add((scale, ablation))
        try:
            check_together(folder, "tables")
            runs, steps = (read_study_table(folder, name) for name in ("runs", "steps"))
        except HarnessError as error:
            remarks.append(Remark(folder.as_posix(), str(error), True))
            continue
        yield StoredStudy(
            place=folder.as_posix(),
            scale=scale,
            ablation=ablation,
            runs=launches(runs),
            steps=steps,
            is_judged=True,
            folder=folder,
        )
    # the latest version comes first: of several it is the one that claims are judged on
    for name in reversed(bundle_names(baselines)):
        scale, _, ablation = name.partition("@")[0].partition("/")
        try:
            bundle = read_bundle(find_bundle(name, baselines))
        except HarnessError as error:
            remarks.append(Remark(name, str(error), True))
            continue
        yield StoredStudy(
            place=name,
            scale=scale,
            ablation=ablation,
            runs=launches(bundle.manifest["cells"]),
            steps=bundle.curves,
            is_judged=(scale, ablation) not in judged,
            folder=None,
        )
        judged.add((scale, ablation))


def _of_study(study: StoredStudy, history: History, rules: _Rules) -> Iterator[_Told]:
    silent = sum(not launch.rules for launch in study.runs)
    if silent:
        yield f"{silent} of {len(study.runs)} runs hold no hash of a rule: exploratory", False
    for launch in study.runs:
        if launch.rules:
            yield from _of_commit(launch, study.scale, history)
    if any(launch.rules for launch in study.runs):
        if study.is_judged:
            yield from _changed(study, rules)
        others = {launch.judge for launch in study.runs} - {"", judge_hash()}
        if others:
            yield "the code that measures and judges is not that of the launch any more", False
    if study.folder is not None:
        yield from _of_records(study)


def _of_commit(launch: Launch, scale: str, history: History) -> Iterator[_Told]:
    """Hold a record against the tree of the commit that it names."""
    commit, named = launch.commit, f"run {launch.run_id} records commit {launch.commit[:12]},"
    if not history.is_here:
        yield "no history is here: nothing can be held against a commit", False, True
        return
    if commit not in history.commits:
        if history.is_shallow:
            yield f"{named} which is not in this shallow clone", False, True
        elif history.has(commit):
            yield f"{named} which is not an ancestor of the one that is checked out", True
        else:
            yield f"{named} which this repository does not have", True
        return
    if launch.dirty != "no":
        yield f"run {launch.run_id} was not launched from a clean checkout: exploratory", False
        return
    for claim_id, recorded in launch.rules.items():
        there = hash_at(history, commit, claim_id, scale)
        if there is None:
            yield f"{named} whose tree is not here", False, True
        elif recorded == UNSETTLED:
            yield f"the rule of {claim_id} was {UNSETTLED} of run {launch.run_id}", False
        elif not there:
            yield f"{named} which has no rule of {claim_id}: it was not committed", True
        elif there != recorded:
            told = f"whose rule of {claim_id} has hash {there[:12]}, the record {recorded[:12]}"
            yield f"{named} {told}: the record or the history was edited", True
    if launch.started and is_before(launch.started, [history.commits[commit].date]):
        date = history.commits[commit].date
        yield f"{named} of {date}, and began before, at {launch.started}", False


def _changed(study: StoredStudy, rules: _Rules) -> Iterator[_Told]:
    """Hold the rules that judge now against those that the runs registered."""
    for claim_id in dict.fromkeys(name for launch in study.runs for name in launch.rules):
        found = {launch.rules.get(claim_id, "") for launch in study.runs} - {"", UNSETTLED}
        now = rules.hashes.get((study.scale, claim_id))
        if now is None:
            yield f"its runs registered a rule of {claim_id}, and there is none any more", True
        elif found - {now}:
            yield f"the rule of {claim_id} was changed after its runs registered it", True
        else:
            problem = uncounted(rules.paths[claim_id])
            if problem:
                yield f"{claim_id}: {problem}", False
    recorded = {name for launch in study.runs for name in launch.rules}
    for claim_id in sorted(rules.ids.get((study.scale, study.ablation), set()) - recorded):
        yield f"no run registered a rule of {claim_id}: it is exploratory", False


def _of_records(study: StoredStudy) -> Iterator[_Told]:
    """Hold the results table against the records of the runs, where they are on this machine."""
    assert study.folder is not None
    store, rows = RunStore(study.folder), {launch.run_id: launch for launch in study.runs}
    for path, record in store.runs():
        registered, row = record.provenance.get("registered") or {}, rows.get(path.name)
        if not registered or row is None:
            continue
        if registered["rules"] != row.rules or registered["judge"] != row.judge:
            yield f"the table and the record of run {path.name} do not say the same rules", True
        spec, _ = store.load(path)
        if config_hash(spec["config"]) != registered["config"]:
            yield f"run {path.name} recorded the hash of another config than its spec holds", True


def _copies(studies: Sequence[StoredStudy]) -> Iterator[Remark]:
    """Compare what several places say of the same run."""
    by_study: dict[tuple[str, str], list[StoredStudy]] = {}
    for study in studies:
        by_study.setdefault((study.scale, study.ablation), []).append(study)
    for same in by_study.values():
        for number, first in enumerate(same):
            for second in same[number + 1 :]:
                for text in _contradictions(first, second):
                    yield Remark(first.place, text, True)


def _contradictions(first: StoredStudy, second: StoredStudy) -> Iterator[str]:
    others = {launch.run_id: launch for launch in second.runs}
    shared = [launch for launch in first.runs if launch.run_id in others]
    for mine in shared:
        other = others[mine.run_id]
        for name in ("arm", "seed", "started", "commit", "dirty", "rules", "judge"):
            left, right = getattr(mine, name), getattr(other, name)
            # older baselines say less of a launch
            if left and right and left != right:
                yield f"run {mine.run_id} has another {name} in {second.place}"
        if bool(mine.rules) != bool(other.rules) and other.commit and mine.commit:
            yield f"run {mine.run_id} registered rules in one of this and {second.place} alone"
    names = {launch.run_id for launch in shared}
    if names and not _same_values(first.steps, second.steps, names):
        yield f"the curves of the same runs have other values in {second.place}"


def _same_values(first: pd.DataFrame, second: pd.DataFrame, names: Iterable[str]) -> bool:
    """Tell whether two tables agree wherever both have a value of a run, step and metric."""
    keys = ["run_id", "step", "metric"]
    mine, other = (
        table.loc[table["run_id"].astype(str).isin(names), [*keys, "value"]].astype(
            {"run_id": str, "metric": str, "step": int}
        )
        for table in (first, second)
    )
    both = mine.merge(other, on=keys, suffixes=("", "_other"))
    values: tuple[Any, Any] = (both["value"].to_numpy(), both["value_other"].to_numpy())
    return len(both) > 0 and bool(np.array_equal(*values, equal_nan=True))


def _dates(history: History) -> Iterator[Remark]:
    """Show commits that state an earlier date than what they were made from."""
    turned = [
        (name, parent)
        for name, commit in history.commits.items()
        for parent in commit.parents
        if parent in history.commits and commit.time < history.commits[parent].time
    ]
    for name, parent in turned[:_SHOWN_DATES]:
        dates = history.commits[name].date, history.commits[parent].date
        text = f"commit {name[:12]} of {dates[0]} was made from {parent[:12]} of {dates[1]}"
        yield Remark("history", f"{text}: dates out of order", False)
    if len(turned) > _SHOWN_DATES:
        yield Remark("history", f"{len(turned) - _SHOWN_DATES} more dates are out of order", False)
