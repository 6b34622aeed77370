"""Samples of two arms line up one by one, and a bundle says whether they do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.baseline.making import bundle_of, store_bundle
from harness.metrics.finals import score_array
from harness.paths import BASELINES, ROOT
from harness.report.results import Results
from harness.report.stored import load_results
from harness.store.bundle import find_bundle, read_bundle, scores_of

SPLITS = ("easy", "hard")
LOOP = "verl.actor_rollout_ref.rollout.agent.default_agent_loop"


@pytest.fixture(scope="module")
def results() -> Results:
    place = {
        "ablation": "kl_penalty",
        "scale": "micro",
        "results_dir": str(ROOT / "tests" / "recorded" / "first_world"),
    }
    return load_results({**place, "partial": ""})[0]


def test_a_new_bundle_holds_every_sample_by_its_number(results: Results, tmp_path: Path) -> None:
    bundle = read_bundle(store_bundle(results, tmp_path / "micro" / "kl", because="a trial"))
    assert bundle.is_aligned
    for arm in results.arms:
        for split in SPLITS:
            known = score_array(results.tables, arm, results.seeds, f"accuracy_{split}")
            found = scores_of(bundle, arm, f"eval_{split}")
            assert found.shape == known.shape and (found == known).all()
            # in the order of their numbers, and not the correct ones first
            assert (np.diff(found, axis=2) > 0).any()


def test_counts_put_the_correct_samples_first_and_are_not_aligned() -> None:
    bundle = read_bundle(find_bundle("micro/kl_penalty@v3", BASELINES))
    assert not bundle.is_aligned
    assert (np.diff(scores_of(bundle, "kl=none", "eval_hard"), axis=2) <= 0).all()


def test_a_sample_that_is_not_there_leaves_its_place_empty(results: Results) -> None:
    samples = results.tables.samples
    is_last = (samples["step"] == 40) & (samples["sample"] == 1) & (samples["arm"] == "kl=none")
    lost = samples[is_last & (samples["seed"] == results.seeds[2])].iloc[0]
    cut = replace(results, tables=replace(results.tables, samples=samples.drop(index=lost.name)))
    bundle = bundle_of(cut, "cut")
    found = scores_of(bundle, "kl=none", str(lost["split"]))
    questions = sorted(
        bundle.scores["question_id"][bundle.scores["split"] == lost["split"]].unique()
    )
    assert np.argwhere(np.isnan(found)).tolist() == [[2, questions.index(lost["question_id"]), 1]]
    assert "-" not in "".join(bundle_of(results, "whole").scores["right"])


def test_arms_of_a_seed_sampled_alike_before_training(results: Results) -> None:
    """The same model and the same sampling seeds; other training seeds sampled otherwise."""
    first = results.tables.samples[results.tables.samples["step"] == 0]
    keys = ["seed", "split", "question_id", "sample"]
    plain = first.astype({"arm": str, "split": str, "question_id": str})
    values = ["correct", "response_tokens"]
    by_arm = {arm: own.set_index(keys)[values].sort_index() for arm, own in plain.groupby("arm")}
    none, *others = (by_arm[arm] for arm in results.arms)
    assert len(none) == 5 * 2 * 32 * 4
    assert all(other.equals(none) for other in others)
    tokens = none["response_tokens"].unstack("seed")
    assert (tokens.nunique(axis=1) > 1).mean() > 0.9


@pytest.mark.parametrize("config", [{LOOP: "single_turn_agent"}, {}])
def test_arms_without_shared_seeds_are_not_aligned(results: Results, config: Any) -> None:
    bundle = bundle_of(results, "whole")
    assert bundle.is_aligned
    protocol = bundle.manifest["protocol"]
    # {} is what a log states
    arms = {**protocol["arms"], "kl=loss": {**protocol["arms"]["kl=loss"], "config": config}}
    manifest = {**bundle.manifest, "protocol": {**protocol, "arms": arms}}
    assert not replace(bundle, manifest=manifest).is_aligned
