"""The recipes of the paper's scales: what they set, that they compose, and how they plan."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.micro.template import render_prompt
from harness.report.deviations import recipe_scales
from harness.run.checks import check_launch
from harness.run.launchers import shell_line
from harness.run.plan_text import shadow_text
from harness.schema import UsageError, flatten
from harness.spec import config as configs
from harness.spec.matrix import Difference, differences
from harness.spec.study import Study, make_study
from harness.spec.verl_keys import verl_keys
from harness.store.ledger import RunStore

SCALES = recipe_scales()
MICRO_ONLY = ("cpu", "InProcessAgentLoop", "micro")
"""Words that no command of a full recipe may have in it."""


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


@cache
def study_at(scale: str, *overrides: str) -> Study:
    return make_study(["ablation=kl_penalty", f"scale={scale}", "seeds=1", *overrides])


@cache
def recipe(scale: str) -> dict[str, Any]:
    """Flat keys of veRL; the overrides are those of docs/deviations.md, which is composed once."""
    return dict(flatten(configs.composed_tree(["ablation=kl_penalty", f"scale={scale}"])["verl"]))


def test_all_scales_of_the_paper_are_there() -> None:
    assert set(SCALES) == {
        "orz_7b",
        "orz_0_5b",
        "orz_1_5b",
        "orz_32b",
        "orz_32b_anneal",
        "orz_r1_distill_14b",
    }


@pytest.mark.parametrize("scale", SCALES)
def test_a_recipe_has_the_paper_s_settings(scale: str) -> None:
    verl = recipe(scale)
    assert verl["data.train_batch_size"] * verl["actor_rollout_ref.rollout.n"] == 128 * 64
    assert verl["actor_rollout_ref.actor.ppo_mini_batch_size"] == 128
    assert 128 % verl["critic.ppo_mini_batch_size"] == 0
    assert verl["actor_rollout_ref.actor.optim.lr"] == 1e-6
    assert verl["critic.optim.lr"] == 5e-6
    assert verl["data.max_prompt_length"] == 2048
    assert verl["data.max_response_length"] == (16384 if "32b" in scale else 8192)
    assert (verl["algorithm.gamma"], verl["algorithm.lam"]) == (1.0, 1.0)
    assert verl["trainer.test_freq"] == 10
    assert verl["reward.custom_reward_function.path"] == "pkg://harness.rewards.orz"


@pytest.mark.parametrize("scale", SCALES)
def test_sequences_fit_where_they_are_computed(scale: str) -> None:
    verl = recipe(scale)
    longest = verl["data.max_prompt_length"] + verl["data.max_response_length"]
    assert verl["actor_rollout_ref.rollout.max_model_len"] == longest
    for part, engine in (("actor_rollout_ref.actor", "fsdp_config"), ("critic", "fsdp")):
        shared = verl[f"{part}.{engine}.ulysses_sequence_parallel_size"]
        assert verl[f"{part}.ppo_max_token_len_per_gpu"] * shared >= longest
    gpus = verl["trainer.nnodes"] * verl["trainer.n_gpus_per_node"]
    rows = verl["critic.ppo_mini_batch_size"] * verl["actor_rollout_ref.rollout.n"]
    assert rows % (gpus // verl["critic.fsdp.ulysses_sequence_parallel_size"]) == 0


def test_the_annealing_stage_starts_from_the_first_and_decays_to_its_rate() -> None:
    verl, first = recipe("orz_32b_anneal"), recipe("orz_32b")
    optim = "actor_rollout_ref.actor.optim"
    assert verl[f"{optim}.lr"] * verl[f"{optim}.min_lr_ratio"] == pytest.approx(3e-7)
    assert verl["actor_rollout_ref.model.path"] == "@model/actor"
    assert verl["critic.model.path"] == "@model/critic"
    same = {"trainer.nnodes", "data.max_response_length", "critic.ppo_max_token_len_per_gpu"}
    assert all(verl[key] == first[key] for key in same)


@pytest.mark.parametrize("scale", ["orz_7b", "orz_32b_anneal"])
def test_a_dry_run_prints_whole_commands_of_gpus(scale: str) -> None:
    study = study_at(scale)
    for cell in study.cells:
        line = shell_line(study, cell)
        assert "trainer.device=cuda" in line and "@" not in line.replace("kl_penalty@", "")
        assert "+ray_kwargs.ray_init.runtime_env.env_vars.HARNESS_SEED_REQUEST=" in line
        assert not any(word in line for word in MICRO_ONLY), line
    assert study.label == "seeds=1"


def test_a_recipe_is_not_started_without_its_gpus(tmp_path) -> None:
    study = study_at("orz_7b", f"results_dir={tmp_path}")
    with pytest.raises(UsageError, match=r"orz_7b needs 64 GPUs and this machine has \d+: shadow"):
        check_launch(study, RunStore(study.root))


def test_the_steps_of_the_whole_study_are_the_scale_s() -> None:
    assert study_at("orz_7b").steps == 730
    assert study_at("orz_7b", "steps=40").label == "seeds=1,steps=40"


def test_every_added_key_has_its_reason_and_its_use() -> None:
    added = configs.composed_tree(["ablation=kl_penalty", "scale=orz_7b"])["verl_added_keys"]
    assert all(isinstance(reason, str) and reason for reason in added.values())
    unknown = set(recipe("orz_7b")) - set(verl_keys()) - set(added)
    assert unknown == set()


def test_a_shadow_lies_apart_and_keeps_the_recipe() -> None:
    full = study_at("orz_7b")
    shadow = study_at("orz_7b", "shadow=true")
    assert shadow.root.parts[-2:] == ("shadow_orz_7b", "kl_penalty")
    assert (shadow.steps, len(shadow.seeds)) == (2, 1)
    assert not {c.cell_id for c in shadow.cells} & {c.cell_id for c in full.cells}
    assert {c.scale for c in shadow.cells} == {"shadow_orz_7b"}
    before, after = (dict(flatten(s.cells[0].config["verl"])) for s in (full, shadow))
    kept = ["actor_rollout_ref.actor.optim.lr", "critic.optim.lr_warmup_steps", "algorithm.lam"]
    kept += ["critic.shuffle", "actor_rollout_ref.actor.use_dynamic_bsz"]
    kept += ["critic.model.override_config.initializer_range", "critic.cliprange_value"]
    assert all(after[key] == before[key] for key in kept)
    updates = [
        v["data.train_batch_size"] // v["critic.ppo_mini_batch_size"] for v in (before, after)
    ]
    assert updates == [16, 16]
    differ: list[list[Difference]] = []
    for study in (full, shadow):
        cells = [cell for cell in study.cells if cell.seed == study.cells[0].seed]
        differ.append(differences([(cell.arm, cell.config) for cell in cells]))
    assert [d.key for d in differ[0]] == [d.key for d in differ[1]] != []


def test_a_shadow_prints_every_key_that_it_replaced() -> None:
    shadow = study_at("orz_7b", "shadow=true")
    full = study_at("orz_7b")
    text = shadow_text(shadow)
    before, after = (dict(flatten(s.cells[0].config)) for s in (full, shadow))
    steps = "verl.trainer.total_training_steps"
    changed = {k for k in {*before, *after} if before.get(k) != after.get(k)} - {steps}
    changed = {key for key in changed if not key.startswith("shadow.")}
    assert changed <= set(text.split())
    assert shadow_text(full) == ""


def test_the_micro_world_has_no_shadow() -> None:
    with pytest.raises(UsageError, match="scale=micro runs as it is"):
        study_at("micro", "shadow=true")


@pytest.mark.parametrize(
    ("model", "bos", "expected"),
    [("qwen2_5_7b", None, ""), ("r1_distill_qwen_14b", "<BOS>", "<BOS>")],
)
def test_the_chat_template_is_the_text_itself(model: str, bos: str | None, expected: str) -> None:
    """On text: the tokenizers' files cannot be had here. Qwen2.5 has no begin-of-text token."""
    overrides = ["ablation=kl_penalty", "scale=orz_7b", f"model={model}"]
    settings = configs.composed_tree(overrides)["verl"]["actor_rollout_ref"]["model"]
    template = ImmutableSandboxedEnvironment().from_string(settings["custom_chat_template"])
    text = render_prompt("1 + 1 = {x}?")
    # transformers gives a template the special tokens that there are, and no others
    tokens = {} if bos is None else {"bos_token": bos}
    messages = [{"role": "user", "content": text}]
    rendered = template.render(messages=messages, add_generation_prompt=True, **tokens)
    assert rendered == expected + text
