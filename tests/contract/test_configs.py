"""Every config and ablation file on disk is loaded: the files are the registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.metrics.columns import column_of
from harness.paths import ROOT
from harness.run.checks import watchdog_limits
from harness.run.plan_text import cost_line
from harness.schema import UsageError, flatten
from harness.spec import config as configs
from harness.spec.ablation import is_for, load_ablation, read_ablation
from harness.spec.choices import ablation_files, group_choices
from harness.spec.matrix import check_overrides, differences
from harness.spec.options import first_comment
from harness.spec.study import Study, make_study

ABLATIONS = sorted(ablation_files())
CHOICES = [
    (group, name)
    for group, choices in group_choices().items()
    if group != "ablation"
    for name in choices
]


def asked(name: str) -> list[str]:
    """The words that ask for an ablation at the first scale at which it makes sense."""
    document = load_ablation(name)
    scales = sorted(group_choices()["scale"], key=lambda scale: scale != "micro")
    scale = next(scale for scale in scales if is_for(document, scale))
    return [f"ablation={name}", f"scale={scale}"]


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


def test_the_two_ablations_are_found() -> None:
    assert {"kl_penalty", "algorithm"} <= set(ABLATIONS)


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_makes_its_cells(name: str) -> None:
    study = make_study(asked(name))
    assert study.label == ""
    assert len(study.cells) == len(study.arms) * len(study.seeds)
    assert len({cell.cell_id for cell in study.cells}) == len(study.cells)
    assert len({cell.run_name for cell in study.cells}) == len(study.cells)
    assert study.arms[0].levels == study.ablation.control


@pytest.mark.parametrize("name", [name for name in ABLATIONS if "scales" in load_ablation(name)])
def test_an_ablation_without_sense_at_a_scale_says_so(name: str) -> None:
    is_micro = is_for(load_ablation(name), "micro")
    refused, kept = ("orz_7b", "micro") if is_micro else ("micro", "orz_")
    text = f"^ablations/{name}.yaml is not for scale={refused}: .*{kept}"
    with pytest.raises(UsageError, match=text):
        make_study([f"ablation={name}", f"scale={refused}"])


def test_scales_of_either_kind_are_refused_somewhere() -> None:
    limited = [load_ablation(name) for name in ABLATIONS if "scales" in load_ablation(name)]
    assert {is_for(document, "micro") for document in limited} == {True, False}


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_names_metrics_that_there_are(name: str) -> None:
    metrics = make_study(asked(name)).ablation.primary_metrics
    assert metrics
    for metric in metrics:
        column_of(metric)


def keys_of_arms(study: Study) -> list[str]:
    """Return the keys in which the arms of a study differ."""
    cells = [cell for cell in study.cells if cell.seed == study.cells[0].seed]
    return [found.key for found in differences([(cell.arm, cell.config) for cell in cells])]


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_declared_consequence_is_needed(name: str) -> None:
    study = make_study(asked(name))
    keys = keys_of_arms(study)
    for prefix in study.ablation.consequences:
        assert any(key == prefix or key.startswith(f"{prefix}.") for key in keys)


@pytest.mark.parametrize("name", ABLATIONS)
def test_no_override_collapses_two_arms(name: str) -> None:
    """Whatever a factor or its choice of a group decides cannot be set from the command line."""
    study = make_study(asked(name))
    known = configs.composed_keys(asked(name))
    keys = [key for key in keys_of_arms(study) if key in known]
    for key in keys:
        with pytest.raises(UsageError, match="touches a factor"):
            check_overrides(study.ablation, [key], [], keys)
    value = dict(flatten(study.cells[0].config))[keys[0]]
    with pytest.raises(UsageError, match=r"touches a factor|follows from"):
        make_study([*asked(name), f"{keys[0]}={value}"])


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_of_every_group_composes(group: str, name: str, tmp_path: Path) -> None:
    asked = ["ablation=kl_penalty", "levels=[none]", "seeds=1", f"{group}={name}"]
    # a place without results: finished cells of this checkout would have no cost
    study = make_study([*asked, f"results_dir={tmp_path}"])
    assert study.cells
    # arms share the seed of each sample: `Bundle.is_aligned`
    rollout = study.cells[0].config["verl"]["actor_rollout_ref"]["rollout"]
    assert rollout["agent"]["default_agent_loop"] == "paired"
    watchdog_limits(study)
    assert "about" in cost_line(study)


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_has_its_help_line_and_goes_to_the_root(group: str, name: str) -> None:
    path = group_choices()[group][name]
    assert path.read_text().startswith("# @package _global_\n# ")
    assert first_comment(path)[0].islower() or first_comment(path)[0].isalnum()
    assert len(first_comment(path)) <= 100


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_has_its_help_line(name: str) -> None:
    assert first_comment(ablation_files()[name])


def test_a_reward_has_its_module() -> None:
    for name, path in group_choices()["reward"].items():
        document = yaml.safe_load(path.read_text())
        assert document["reward"]["name"] == name
        function = document["verl"]["reward"]["custom_reward_function"]
        assert function["path"] == f"pkg://harness.rewards.{name}"
        assert (ROOT / "harness" / "rewards" / f"{name}.py").is_file()


def test_a_scale_changes_neither_algorithm_nor_reward() -> None:
    for path in group_choices()["scale"].values():
        verl = yaml.safe_load(path.read_text())["verl"]
        # where the log-probs of one and the same policy are taken from is no part of an algorithm
        assert set(verl.get("algorithm", {})) <= {"rollout_correction"}
        assert set(verl.get("algorithm", {}).get("rollout_correction", {})) <= {"bypass_mode"}
        assert "custom_reward_function" not in verl.get("reward", {})


@pytest.mark.parametrize("scale", ["micro", "orz_7b"])
def test_the_file_that_collapses_two_arms_is_refused(scale: str) -> None:
    document = load_ablation("kl_penalty")
    levels = (document["at"].get(scale) or document)["factors"]["kl"]
    levels["loss"] = levels["none"]
    ablation = read_ablation("kl_penalty", document)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.spec.study.load_ablation", lambda name: ablation.document)
        with pytest.raises(UsageError, match="same work"):
            make_study(["ablation=kl_penalty", f"scale={scale}"])
