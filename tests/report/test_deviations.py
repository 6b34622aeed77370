from pathlib import Path

import pytest
import yaml

from harness.paths import ROOT
from harness.report.deviations import (
    FILE,
    PAGE,
    composed,
    of_recipe,
    of_runs,
    page,
    read_settings,
    recipe_scales,
    what_we_set,
)
from harness.report.sections import markdown
from harness.schema import DamagedError
from harness.spec import config as configs

SETTINGS = {
    # the authors' scripts and their inherited defaults, row by row
    *("policy_model", "critic_model", "cluster", "policy_rate", "critic_rate", "policy_warmup"),
    *(
        "prompts",
        "responses",
        "policy_updates",
        "policy_order",
        "critic_updates",
        "packing",
        "prompt_length",
    ),
    *("response_length", "temperature", "stop_strings", "discount", "gae_lambda"),
    *("advantage_normalisation", "kl", "grpo", "epochs", "checkpoints", "evaluation"),
    *("training_data", "evaluation_data", "sharding", "clip", "value_loss", "gradient_clip"),
    *("optimizer", "seeds", "precision", "reward_scaling", "freezing", "software"),
    # the paper's text beyond them
    *("value_head", "value_head_bias", "rate_schedule", "entropy", "annealing", "distilled"),
    *("sampling_ablation", "lambda_ablation", "rollout_ablation", "kl_coefficients", "mining"),
    # how the code does it
    *("update_order", "retokenised", "policy_loss_mean", "critic_warmup"),
    *(
        "policy_order",
        "critic_order",
        "data_order",
        "reward",
        "reward_place",
        "finish_reason",
        "template",
        "old_log_probs",
    ),
    "plotted_reward",
}
"""Every setting of the paper's appendix B, of the authors' scripts and of what their code adds."""


def test_the_table_has_every_setting() -> None:
    assert {item.name for item in read_settings()} == SETTINGS


def test_the_page_is_what_the_recipes_make() -> None:
    with configs.session():
        made = page(read_settings(), composed(recipe_scales()))
    assert made == (ROOT / PAGE).read_text(), "python -m harness.docs deviations"


def test_what_we_set_is_read_from_the_recipe() -> None:
    (setting,) = [item for item in read_settings() if item.name == "policy_rate"]
    tree = {"verl": {"actor_rollout_ref": {"actor": {"optim": {"lr": 2e-6}}}}}
    other = {"verl": {"actor_rollout_ref": {"actor": {"optim": {}}}}}
    text = what_we_set(setting, {"a": tree, "b": other})
    assert text == "`actor_rollout_ref.actor.optim.lr` = 2e-06 (b: (veRL's default))"


def config_of(rate: float, *, has_critic: bool = True) -> dict:
    """An invented cell: its policy's rate, batch and steps, and a critic or none."""
    critic = {"enable": True, "optim": {"lr": 5e-6}} if has_critic else {"enable": False}
    actor = {"optim": {"lr": rate}}
    trainer, data = {"total_training_steps": 7}, {"train_batch_size": 16}
    verl = {"critic": critic, "trainer": trainer, "data": data}
    return {"verl": {**verl, "actor_rollout_ref": {"actor": actor}}}


def row_of(text: str, title: str) -> list[str]:
    """Return the cells of the row of a setting."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {title} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_report_shows_what_its_runs_had_set() -> None:
    arms = {"a": config_of(1e-6), "b": config_of(2e-6, has_critic=False)}
    text = markdown(of_runs("orz_7b", arms))

    rate = row_of(text, "learning rate of the policy")
    lr = "`actor_rollout_ref.actor.optim.lr`"
    assert rate[1:3] + rate[5:7] == ["1e-6", "1e-6", f"{lr} = 1e-06 (b: 2e-06)", "same"]
    assert "5e-06 (b: (no critic))" in row_of(text, "learning rate of the critic")[5]
    assert "`trainer.total_training_steps` = 7;" in row_of(text, "length of training")[5]
    assert "shadow" not in text
    assert sum(line.startswith("| ") for line in text.splitlines()) == len(SETTINGS) + 2


def test_a_shadow_says_what_is_not_the_recipe_s() -> None:
    text = markdown(of_runs("shadow_orz_7b", {"a": config_of(1e-6)}))

    assert "a shadow of orz_7b, and no result of it" in text
    assert "`data.train_batch_size` = 16 [shadow]" in row_of(text, "prompts per iteration")[5]
    assert "[shadow]" not in row_of(text, "learning rate of the policy")[5]


@pytest.mark.parametrize("scale", ["micro", "shadow_micro", "orz_8b"])
def test_a_scale_that_is_not_the_paper_s_has_no_deviations(scale: str) -> None:
    assert of_runs(scale, {"a": config_of(1e-6)}) == []
    assert of_recipe(scale) == []


def test_what_does_a_setting_is_there() -> None:
    for item in read_settings():
        if item.by not in ("", "verl"):
            assert (ROOT / item.by).exists(), item


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"effect": None}, "`settings.discount` of deviations.yaml has no `effect`"),
        ({"status": "fine"}, "`settings.discount.status` of deviations.yaml is 'fine'"),
        ({"keys": []}, "neither keys nor"),
        ({"sort": 1}, "unknown key `sort`"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(change: dict, error: str, tmp_path: Path) -> None:
    entry = {**yaml.safe_load(FILE.read_text())["settings"]["discount"], **change}
    if entry["effect"] is None:
        del entry["effect"]
    path = tmp_path / "deviations.yaml"
    path.write_text(yaml.safe_dump({"settings": {"discount": entry}}))
    with pytest.raises(DamagedError, match=error):
        read_settings(path)
