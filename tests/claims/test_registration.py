"""Attacks on pre-registration, in throwaway repositories; each beside the same story without it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from harness.claims import layout
from harness.claims.hashing import config_hash
from harness.claims.history import History
from harness.claims.measuring import Rows
from harness.claims.reading import FAMILY, read_claims
from harness.claims.registration import (
    UNSETTLED,
    Kind,
    at_launch,
    continued,
    rule_hash,
    standing_of,
)
from harness.claims.sheet import make_sheet
from harness.metrics.tables import Tables
from harness.paths import CLAIMS
from harness.schema import Attempt, RunRecord, UsageError
from tests.claims.laboratory import ABLATION, CLAIM, DATA, SCALE, Laboratory, curves

BY_HISTORY, EXPLORATORY = Kind.BY_HISTORY, Kind.EXPLORATORY
NOT_CHECKED = Kind.NOT_CHECKED


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path / "checkout")


def stored(lab: Laboratory, runs: pd.DataFrame) -> pd.DataFrame:
    lab.store_results(runs)
    lab.store_bundle(runs)
    lab.commit("results")
    return runs


def test_a_rule_that_was_committed_before_its_runs_is_confirmatory(lab: Laboratory) -> None:
    before = lab.git("rev-parse", "HEAD")
    runs = stored(lab, lab.launch())
    standing = lab.standing(runs)
    assert standing.kind is BY_HISTORY and standing.kind.is_confirmatory
    assert (standing.reason, standing.commit) == ("", before)
    assert standing.date.startswith("20")
    assert lab.faults() == ""


def test_the_cells_of_a_manifest_stand_as_their_rows_do(lab: Laboratory) -> None:
    runs = lab.launch()
    cells = json.loads((lab.store_bundle(runs) / "manifest.json").read_text())["cells"]
    lab.commit("results")
    assert standing_of(lab.claim(), SCALE, cells, lab.root) == lab.standing(runs)
    assert lab.standing(runs).kind is BY_HISTORY


@pytest.mark.parametrize("date", ["", "2001-01-01T00:00:00+0000"])
def test_a_rule_changed_after_the_runs_is_found_whatever_date_its_commit_states(
    lab: Laboratory, date: str
) -> None:
    runs = stored(lab, lab.launch())
    lab.lower_the_bar()
    lab.commit("clearer wording", date=date)
    standing = lab.standing(runs)
    assert standing.kind is EXPLORATORY
    assert "is not the one that run kl=none-s11-aaaaaaaa recorded" in standing.reason
    assert "(15 of 15 runs)" in standing.reason
    assert "the rule of f07c was changed after its runs registered it" in lab.faults()
    assert ("dates out of order" in lab.notes()) == bool(date)


def test_a_back_dated_rule_takes_the_word_from_the_sheet(lab: Laboratory) -> None:
    """What an outside audit did: a threshold changed on top, with an earlier committer date."""

    def line() -> tuple[bool, str]:
        tables = Tables(runs=runs, steps=curves(runs), samples=pd.DataFrame())
        rows = Rows(tables=tables, place="here", started={}, data=DATA)
        (found,) = make_sheet([lab.claim()], SCALE, lambda _: rows, {}, [SCALE], lab.root)
        assert found.verdict.standing is not None
        return layout.is_confirmatory(found.verdict), layout.full_text(found, SCALE)

    runs = stored(lab, lab.launch())
    before, text = line()
    assert before and "confirmatory (by this repository's history): the rule of commit" in text
    lab.lower_the_bar()
    lab.commit("clearer wording", date="2001-01-01T00:00:00+0000")
    after, text = line()
    assert not after and "exploratory: the rule is not the one that run" in text


def test_comments_blanks_and_rules_for_other_scales_are_no_change(lab: Laboratory) -> None:
    runs = stored(lab, lab.launch())
    document = yaml.safe_load(lab.file.read_text())
    document["rules"]["orz_32b"] = document["rules"].pop("orz_7b")
    document["published"]["quantity"] = "Said in other words."
    lab.file.write_text("# a comment\n" + yaml.safe_dump(document, sort_keys=True, width=40))
    lab.commit("a rule for another scale")
    assert lab.standing(runs).kind is BY_HISTORY
    assert lab.faults() == ""


def test_a_rule_counts_for_its_own_scale_only() -> None:
    document = {"id": "f1", "rules": {"micro": {"steps": 5}, "orz_7b": {"steps": 3}}}
    mine = rule_hash(document, "micro")
    assert mine != rule_hash(document, "orz_7b")
    other = {**document, "rules": {"micro": {"steps": 5}, "orz_7b": {"steps": 8}}}
    assert rule_hash(other, "micro") == mine
    assert rule_hash(other, "orz_7b") != rule_hash(document, "orz_7b")
    # whatever key of a later version of the format: unknown is not unimportant
    assert rule_hash({**document, "unheard_of": 1}, "micro") != mine


def test_the_data_of_a_rule_is_a_part_of_it(lab: Laboratory) -> None:
    runs = stored(lab, lab.launch())
    document = yaml.safe_load(lab.file.read_text())
    document["rules"][SCALE]["data"] = "another"
    lab.file.write_text(yaml.safe_dump(document))
    lab.commit("for other runs")
    assert "is not the one that run" in lab.standing(runs).reason


def test_a_value_without_a_canonical_form_is_refused() -> None:
    with pytest.raises(UsageError, match="has no canonical form"):
        rule_hash({"id": "f1", "rules": {"micro": {"threshold": float("nan")}}}, "micro")


def test_a_statement_sharpened_after_the_runs_is_a_change(lab: Laboratory) -> None:
    runs = stored(lab, lab.launch())
    document = yaml.safe_load(lab.file.read_text())
    document["statement"] += ", and in every seed"
    lab.file.write_text(yaml.safe_dump(document))
    lab.commit("sharper")
    assert lab.standing(runs).kind is EXPLORATORY


def test_a_claim_made_primary_or_a_smaller_family_after_the_runs_is_found(lab: Laboratory) -> None:
    """Holm's correction runs over the primary claims: fewer of them make every word easier."""
    family = lab.file.parent / FAMILY

    def write(*primary: str) -> None:
        named = {"primary": list(primary), "because": "a test"}
        family.write_text(yaml.safe_dump(named))
        lab.commit("the family")

    shutil.copyfile(next(CLAIMS.glob("f07a_*.yaml")), lab.file.with_name("f07a.yaml"))
    write("f07a", CLAIM)
    runs = stored(lab, lab.launch())
    assert lab.standing(runs).kind is BY_HISTORY
    write(CLAIM)
    assert "f07a left the family of the correction" in lab.standing(runs).reason
    write("f07a")
    # a claim that is no evidence needs no family
    assert lab.standing(runs).kind is BY_HISTORY
    later = lab.launch(seeds=[31], mark="b")
    write("f07a", CLAIM)
    assert "was none of the primary ones at commit" in lab.standing(later).reason


def test_history_amended_under_a_record_is_found(lab: Laboratory) -> None:
    """The rule is changed in the commit itself, and the record still names the commit it knew."""
    runs = lab.launch()
    recorded = runs["commit"].iloc[0]
    lab.lower_the_bar()
    amended = lab.commit("the rule", "--amend")
    assert recorded != amended
    # the hash in the record is edited to fit, the commit is not
    now = {CLAIM: rule_hash(lab.claim().document, SCALE)}
    runs = stored(lab, runs.assign(registered=json.dumps(now)))
    standing = lab.standing(runs)
    assert standing.kind is EXPLORATORY
    assert "is not an ancestor of the one that is checked out" in standing.reason
    assert "is not an ancestor" in lab.faults()


def test_a_lost_commit_is_not_checked_and_never_confirmatory(
    lab: Laboratory, tmp_path: Path
) -> None:
    """A squash leaves no trace of the recorded commit in a clone of what came of it."""
    runs = lab.launch()
    lab.commit("the rule", "--amend", "--no-edit", date="2001-01-01T00:00:00+0000")
    stored(lab, runs)
    lab.git("clone", "-q", "--no-local", str(lab.root), str(tmp_path / "clone"))
    claim = lab.claim()
    standing = standing_of(claim, SCALE, runs, tmp_path / "clone")
    assert standing.kind is NOT_CHECKED
    assert "is not in this repository's history" in standing.reason


def test_a_history_rewritten_as_a_whole_passes_which_is_the_stated_limit(lab: Laboratory) -> None:
    """Offline, nothing tells it from an honest one: hence "by this repository's history"."""
    lab.launch()
    lab.lower_the_bar()
    lab.commit("the rule", "--amend")
    forged = stored(lab, lab.launch())
    assert lab.standing(forged).kind is BY_HISTORY
    assert str(lab.standing(forged).kind) == "confirmatory (by this repository's history)"
    assert lab.faults() == ""


@pytest.mark.parametrize("is_edited", [False, True])
def test_known_seeds_run_again_count_only_under_the_same_rule(
    lab: Laboratory, is_edited: bool
) -> None:
    stored(lab, lab.launch())
    if is_edited:
        lab.lower_the_bar()
    lab.commit("in between")
    again = lab.launch(mark="b")
    standing = lab.standing(again)
    assert standing.kind is (EXPLORATORY if is_edited else BY_HISTORY)
    if is_edited:
        assert "results of kl=none with seed 11 were stored, under another rule" in standing.reason
        fresh = lab.launch(seeds=[21, 22, 23], mark="c")
        assert lab.standing(fresh).kind is BY_HISTORY


def test_known_results_that_were_deleted_stay_known(lab: Laboratory) -> None:
    stored(lab, lab.launch())
    shutil.rmtree(lab.root / "results")
    shutil.rmtree(lab.root / "baselines" / "runs")
    lab.lower_the_bar()
    lab.commit("tidy up")
    assert lab.standing(lab.launch(mark="b")).kind is EXPLORATORY


def test_results_of_runs_that_registered_nothing_are_known_under_an_unknown_rule(
    lab: Laboratory,
) -> None:
    old = lab.launch().drop(columns=["registered", "judge"])
    assert lab.standing(old).kind is EXPLORATORY
    assert "the runs hold no hash of the rule" in lab.standing(old).reason
    stored(lab, old)
    standing = lab.standing(lab.launch(mark="b"))
    assert standing.kind is EXPLORATORY and "under an unknown rule" in standing.reason
    # a run that failed before a step has shown nothing
    failed = old.assign(last_step=float("nan"), seed=old["seed"] + 20)
    lab.store_results(failed)
    lab.commit("failures")
    assert lab.standing(lab.launch(seeds=[31, 32], mark="c")).kind is BY_HISTORY


def test_a_record_edited_to_fit_todays_rule_is_found(lab: Laboratory) -> None:
    runs = stored(lab, lab.launch())
    lab.lower_the_bar()
    lab.commit("the rule")
    now = {CLAIM: rule_hash(lab.claim().document, SCALE)}
    edited = runs.assign(registered=json.dumps(now))
    lab.store_results(edited)
    lab.commit("results")
    assert lab.standing(edited).kind is EXPLORATORY
    assert "the rule as it reads now is not in the tree of commit" in lab.standing(edited).reason
    faults = lab.faults()
    assert "the record or the history was edited" in faults
    assert "has another rules in micro/kl_penalty@v1" in faults
    # with the commit edited too, the results that were stored before it give it away
    edited = edited.assign(commit=lab.git("rev-parse", "HEAD"))
    standing = lab.standing(edited)
    assert standing.kind is EXPLORATORY and "were stored, under another rule" in standing.reason


def test_a_rule_that_was_not_committed_is_exploratory(lab: Laboratory) -> None:
    lab.lower_the_bar()
    runs = lab.launch()
    assert set(runs["dirty"]) == {"yes"}
    assert "was not launched from a clean checkout" in lab.standing(runs).reason
    # an untracked file does not make a checkout dirty, but it is in no tree
    lab.git("checkout", "-q", "--", ".")
    lab.git("rm", "-q", "--cached", str(lab.file))
    lab.git("commit", "-q", "-m", "untracked")
    runs = lab.launch()
    assert set(runs["dirty"]) == {"no"}
    standing = lab.standing(runs)
    assert standing.kind is EXPLORATORY and "is not in the tree of commit" in standing.reason
    lab.store_results(runs)
    assert "has no rule of f07c: it was not committed" in lab.faults()
    lab.commit("the rule at last")
    assert lab.standing(runs).kind is EXPLORATORY
    assert lab.standing(lab.launch(seeds=[41], mark="b")).kind is BY_HISTORY


@pytest.mark.parametrize(
    ("depth", "reason"),
    [
        # the recorded commit is cut off
        (1, "is not in the part of the history that is here: the clone is shallow"),
        # it is there, and what came before it is cut off
        (2, "results that were known before cannot be excluded"),
        (0, ""),
    ],
)
def test_a_shallow_clone_is_not_checked(
    lab: Laboratory, tmp_path: Path, depth: int, reason: str
) -> None:
    lab.commit("one before")
    runs = stored(lab, lab.launch())
    words = [f"--depth={depth}"] if depth else []
    lab.git("clone", "-q", *words, f"file://{lab.root}", str(tmp_path / "clone"))
    standing = standing_of(lab.claim(), SCALE, runs, tmp_path / "clone")
    assert standing.kind is (NOT_CHECKED if depth else BY_HISTORY)
    assert reason in standing.reason


def test_without_git_nothing_is_checked(lab: Laboratory, tmp_path: Path) -> None:
    runs = stored(lab, lab.launch())
    export = tmp_path / "export"
    shutil.copytree(lab.root, export, ignore=shutil.ignore_patterns(".git"))
    standing = standing_of(lab.claim(), SCALE, runs, export)
    assert standing.kind is NOT_CHECKED and "no history is here" in standing.reason
    # what the record itself says needs no history
    lab.lower_the_bar()
    assert standing_of(lab.claim(), SCALE, runs, export).kind is EXPLORATORY


def test_an_export_inside_another_checkout_has_no_history_of_its_own(lab: Laboratory) -> None:
    inner = lab.root / "inner"
    inner.mkdir()
    assert not History(inner).is_here
    assert History(lab.root).is_here


def test_replaced_objects_do_not_hide_a_change(lab: Laboratory) -> None:
    runs = lab.launch()
    before = lab.git("rev-parse", "HEAD")
    lab.lower_the_bar()
    after = lab.commit("changed")
    lab.git("replace", before, after)
    now = {CLAIM: rule_hash(lab.claim().document, SCALE)}
    edited = runs.assign(registered=json.dumps(now))
    assert "is not in the tree" in lab.standing(edited).reason


def test_the_worst_run_decides(lab: Laboratory) -> None:
    runs = lab.launch()
    assert lab.standing(runs).kind is BY_HISTORY
    one = runs.copy()
    one.loc[3, "registered"] = ""
    standing = lab.standing(one)
    assert standing.kind is EXPLORATORY and "(1 of 15 runs)" in standing.reason
    assert lab.standing(runs.iloc[:0]).kind is NOT_CHECKED


@pytest.mark.parametrize("commit", ["", "absent", "--output=x", "0" * 40])
def test_a_commit_that_is_none_is_not_confirmatory(lab: Laboratory, commit: str) -> None:
    assert not lab.standing(lab.launch().assign(commit=commit)).kind.is_confirmatory


def test_a_claim_that_came_later_and_two_files_of_one_id_decide_nothing(lab: Laboratory) -> None:
    runs = lab.launch()
    later = runs.assign(registered=json.dumps({"f99": "0" * 64}))
    assert "had no rule for this scale" in lab.standing(later).reason
    twin = lab.file.with_name("twin.yaml")
    shutil.copyfile(lab.file, twin)
    twice = lab.commit("two files of one id")
    twin.unlink()
    lab.commit("one again")
    assert "is not in the tree" in lab.standing(runs.assign(commit=twice)).reason


def test_what_a_run_records_at_its_launch(lab: Laboratory) -> None:
    note = at_launch(ABLATION, SCALE, lab.root, ["another", DATA])
    assert note["rules"] == {CLAIM: rule_hash(lab.claim().document, SCALE)}
    assert (note["commit"], note["dirty"]) == (lab.git("rev-parse", "HEAD"), "no")
    assert len(note["judge"]) == 64
    assert at_launch("maxrl", SCALE, lab.root, [DATA])["rules"] == {}
    assert at_launch(ABLATION, "orz_32b", lab.root, [DATA])["rules"] == {}
    # a rule for other data cannot judge the runs, and may be rewritten without a word
    assert at_launch(ABLATION, SCALE, lab.root, ["another"])["rules"] == {}
    assert len({config_hash({"verl": {"x": x}}) for x in (1, 2)}) == 2


def record(*last_steps: int | None, registered: dict[str, object] | None = None) -> RunRecord:
    attempts = [Attempt(number=n, last_step=step) for n, step in enumerate(last_steps)]
    note = {} if registered is None else {"registered": registered}
    return RunRecord(
        cell_id="", arm="", seed=1, ablation="", scale="", attempts=attempts, provenance=note
    )


def test_a_resumed_run_keeps_the_rule_under_which_it_began() -> None:
    old, new = ({"rules": {"f1": h}, "dirty": "no"} for h in ("a", "b"))
    unsettled = {"f1": UNSETTLED}
    assert continued(record(), new)["rules"] == {"f1": "b"}
    assert continued(record(12, registered=old), old)["rules"] == {"f1": "a"}
    assert continued(record(12, registered=old), new)["rules"] == unsettled
    assert continued(record(12), new)["rules"] == unsettled
    assert continued(record(12, registered={**new, "dirty": "yes"}), new)["rules"] == unsettled
    # an attempt that reached no step has shown nothing
    assert continued(record(None, registered=old), new)["rules"] == {"f1": "b"}


def test_a_rule_that_was_changed_between_two_attempts_is_exploratory(lab: Laboratory) -> None:
    runs = lab.launch().assign(registered=json.dumps({CLAIM: UNSETTLED}))
    assert "not the same, or not committed, at every attempt" in lab.standing(runs).reason


def test_a_whole_sheet_reads_git_a_few_times_only(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CLAIMS, lab.file.parent, dirs_exist_ok=True)
    lab.commit("all claims")
    studies = []
    for number in range(4):
        runs = lab.launch(seeds=[10 * number + 1], mark="abcd"[number])
        studies.append(runs)
        lab.store_bundle(runs)
        lab.commit("results")
    runs, calls, run = pd.concat(studies), 0, subprocess.run

    def counted(*words: Any, **given: Any) -> Any:
        nonlocal calls
        calls += 1
        return run(*words, **given)

    monkeypatch.setattr(subprocess, "run", counted)
    claims = read_claims(lab.file.parent)
    history = History(lab.root)
    kinds = {
        standing_of(claim, SCALE, runs, lab.root, history).kind
        for claim in claims
        if claim.ablation == ABLATION and SCALE in claim.rules
    }
    assert kinds == {BY_HISTORY}
    assert 0 < calls <= 20
