"""The command on the stored study: real scores, real times."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.reading import read_log
from harness.baseline.logs.study import bundle_of_logs
from harness.baseline.making import store_bundle
from harness.baseline.writing import write_version
from harness.metrics.finals import score_array
from harness.paths import BASELINES, ROOT
from harness.power import main, read_costs
from harness.report.stored import load_results
from harness.stats.variance import split_difference
from harness.store.bundle import Bundle, find_bundle, read_bundle, scores_of

NAME = "micro/kl_penalty@v1"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(find_bundle(NAME, BASELINES))


def test_scores_are_those_of_the_stored_study(bundle: Bundle) -> None:
    scores = scores_of(bundle, "kl=none", "eval_easy")
    stored = bundle.scores[(bundle.scores["arm"] == "kl=none")]
    stored = stored[stored["split"] == "eval_easy"]

    assert scores.shape == (3, 32, 4)
    for row, seed in enumerate((1, 2, 3)):
        mine = stored[stored["seed"] == seed]
        known = (mine["correct"] / mine["samples"]).mean()
        assert scores[row].mean() == pytest.approx(known)
    assert scores[0].mean() != pytest.approx(scores[1].mean())


def test_a_question_that_an_arm_lacks_is_missing_and_not_wrong(bundle: Bundle) -> None:
    lost = bundle.scores["arm"].eq("kl=none") & bundle.scores["seed"].eq(2)
    first = bundle.scores[lost].index[0]
    cut = Bundle(
        name=bundle.name,
        manifest=bundle.manifest,
        curves=bundle.curves,
        scores=bundle.scores.drop(index=first),
    )
    split = str(bundle.scores.loc[first, "split"])
    scores = scores_of(cut, "kl=none", split)

    assert scores.shape == (3, 32, 4)
    assert int(np.isnan(scores[1]).sum()) == 4 and not np.isnan(scores[[0, 2]]).any()


def test_costs_are_the_times_of_the_stored_runs_unless_given(bundle: Bundle) -> None:
    found = read_costs(bundle, {"seed_hours": None, "sample_hours": None})
    curves = pd.read_parquet(Path(BASELINES, "micro/kl_penalty/v1/curves.parquet"))
    steps = curves[curves["metric"] == "step_time"]["value"]

    assert found.seed == pytest.approx(steps.sum() / 9 / 3600)
    # 64 questions x 4 samples in some 18 seconds
    assert 10 < found.sample * 3600 * 256 < 30
    given = read_costs(bundle, {"seed_hours": 12.0, "sample_hours": 0.5})
    assert (given.seed, given.sample) == (12.0, 0.5)


def test_it_says_where_the_noise_is_and_what_it_takes(capsys) -> None:
    words = ["effect=0.05", f"baseline={NAME}", "split=eval_easy"]
    assert main(words) == 0
    out = capsys.readouterr().out

    assert "data micro (first world: chains alone): of other data the noise may be another" in out
    assert "kl=loss minus kl=none, eval_easy" in out and "eval_hard" not in out
    assert "the stored 3 seeds x 32 questions x 4 samples see 0.111" in out
    assert "as estimated: 6 seeds, or no number of questions" in out
    # training by question is estimated 0 and may be there
    assert "training by question 0.000 (up to 0.071)" in out and "not aligned" in out
    assert "cell-hours" in out and "at 80 %: 19 seeds" in out


def test_single_samples_are_compared_one_by_one(tmp_path: Path, capsys) -> None:
    place = {
        "ablation": "kl_penalty",
        "scale": "micro",
        "results_dir": str(ROOT / "tests" / "recorded" / "first_world"),
    }
    results = load_results({**place, "partial": ""})[0]
    store_bundle(results, tmp_path / "micro" / "kl", because="a trial")
    words = ["effect=0.05", "baseline=micro/kl", "split=eval_easy", f"baselines_dir={tmp_path}"]
    assert main(words) == 0
    out = capsys.readouterr().out
    arms = [
        score_array(results.tables, arm, results.seeds, "accuracy_easy")
        for arm in ("kl=loss", "kl=none")
    ]
    split = split_difference(*arms, is_aligned=True)
    assert f"sampling {split.sampling**0.5:.3f}" in out
    assert f"correlate by {split.sampling_correlation:.2f}" in out and "not aligned" not in out
    assert split.sampling < 0.5 * split_difference(*arms).sampling


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no effect"),
        (["effect=x"], "expected a number above 0 below 1"),
        (["effect=-0.1"], "above 0"),
        (["effect=0.1", "power=80"], "below 1"),
        (["effect=0.1", "kind=equal"], "choose one of|did you mean"),
        (["effect=0.1", "questions=some"], "choose one of|did you mean"),
        (["effect=0.1", "split=easy"], "eval_easy"),
        (["effect=0.1", "baseline=micro/none"], "there is no baseline"),
        (["effect=0.1", "seed_hours=-1"], "above 0"),
        (["efect=0.1"], "did you mean effect"),
    ],
)
def test_a_wrong_request_is_one_line_and_usage(words, told, capsys) -> None:
    import re

    assert main(words) == 2
    error = capsys.readouterr().err
    assert re.search(told, error) and error.count("\n") == 1


def test_help_teaches_with_examples(capsys) -> None:
    assert main(["--help"]) == 0
    assert "python -m harness.power effect=0.05" in capsys.readouterr().out


def test_what_cannot_be_planned_from_is_told(bundle: Bundle, tmp_path: Path, capsys) -> None:
    place = f"baselines_dir={tmp_path}"
    own = {key: value for key, value in bundle.manifest.items() if key != "files"}
    line = {"step": 1, "data": {"critic/score/mean": 0.5}}
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    log = bundle_of_logs([read_log(tmp_path / "log.jsonl", Mapping())], Mapping(), "micro/log")
    write_version(tmp_path / "micro" / "log", log.manifest, log.curves, log.scores)
    assert main(["effect=0.05", "baseline=micro/log", place]) == 2
    assert "no scores of single questions" in capsys.readouterr().err

    # each seed is in one arm only, so that nothing is known of the noise of a difference
    own["cells"] = [
        cell
        for cell in own["cells"]
        if cell["arm"] == "kl=reward" or (cell["arm"] == "kl=none") == (cell["seed"] == 1)
    ]
    kept = {cell["run_id"] for cell in own["cells"]}
    tables = [t[t["run_id"].astype(str).isin(kept)] for t in (bundle.curves, bundle.scores)]
    write_version(tmp_path / "micro" / "apart", own, *tables)
    assert main(["effect=0.05", "baseline=micro/apart", place]) == 0
    said = capsys.readouterr().out
    assert "no plan can be made: no pair of seed and question was scored in both arms" in said
    assert "no plan can be made: nothing is known of training noise" in said
