"""Every arm of every ablation at every scale of the paper, and every algorithm at one of them,
through veRL's own Hydra config and its own validation, full and as a shadow.
"""

from pathlib import Path
from typing import Any

import pytest

from harness.launch.command import CellPaths, build_command
from harness.micro.models import model_dir
from harness.report.deviations import recipe_scales
from harness.schema import CellSpec
from harness.spec import config as configs
from harness.spec.ablation import is_for, load_ablation
from harness.spec.choices import ablation_files, group_choices
from harness.spec.study import make_study

pytestmark = pytest.mark.engine

FIRST = "orz_7b"
CASES = [
    (scale, ablation)
    for scale in recipe_scales()
    for ablation in sorted(ablation_files())
    if is_for(load_ablation(ablation), scale)
]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> CellPaths:
    """Where veRL finds a tokenizer and a model's config, which its validation reads."""
    model = tmp_path_factory.mktemp("model")
    for path in model_dir().iterdir():
        (model / path.name).symlink_to(path)
    for part in ("actor", "critic"):
        (model / part).symlink_to(model_dir())
    return CellPaths(model=model, data=Path("/data"), attempt=Path("/runs/r"), scratch=Path("/s"))


def verl_config(cell: CellSpec, paths: CellPaths) -> Any:
    """Compose a cell's command line as veRL's trainer would."""
    from hydra import compose, initialize_config_module

    argv = build_command(cell, paths).argv
    words = [word for word in argv[3:] if not word.startswith("hydra")]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=words)


def validate(cell: CellSpec, paths: CellPaths) -> Any:
    """Let veRL validate a cell's config as its trainer does before it starts; return the config."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    config = verl_config(cell, paths)
    validate_config(
        config=config,
        use_reference_policy=need_reference_policy(config),
        use_critic=need_critic(config),
    )
    return config


def cells_of(*words: str) -> list[CellSpec]:
    with configs.session():
        return list(make_study([*words, "seeds=1"]).cells)


@pytest.mark.parametrize("ablation", [ablation for scale, ablation in CASES if scale == FIRST])
def test_every_arm_at_the_first_scale_is_valid(ablation: str, paths: CellPaths) -> None:
    for cell in cells_of(f"ablation={ablation}", f"scale={FIRST}"):
        validate(cell, paths)


@pytest.mark.slow
@pytest.mark.parametrize("shadow", ["false", "true"])
@pytest.mark.parametrize(("scale", "ablation"), CASES)
def test_every_arm_at_every_scale_is_valid(
    scale: str, ablation: str, shadow: str, paths: CellPaths
) -> None:
    for cell in cells_of(f"ablation={ablation}", f"scale={scale}", f"shadow={shadow}"):
        validate(cell, paths)


@pytest.mark.parametrize("algorithm", sorted(group_choices()["algorithm"]))
def test_every_algorithm_is_valid_at_full_scale(algorithm: str, paths: CellPaths) -> None:
    words = ["ablation=sampling", f"scale={FIRST}", "levels=[t1.0]"]
    for cell in cells_of(*words, f"algorithm={algorithm}"):
        validate(cell, paths)


def test_a_recipe_reaches_verl_as_it_is_written(paths: CellPaths) -> None:
    (cell, *_) = cells_of("ablation=gae_lambda", "scale=orz_32b", "levels=['1.0']")
    config = validate(cell, paths)
    assert config.critic.forward_max_token_len_per_gpu == 8192
    assert config.actor_rollout_ref.ref.log_prob_use_dynamic_bsz is True
    assert config.actor_rollout_ref.rollout.response_length == 16384
    assert config.critic.model.override_config.initializer_range == pytest.approx(
        1 / 5121, rel=1e-5
    )
    assert config.actor_rollout_ref.actor.fsdp_config.model_dtype == "fp32"


def test_verl_s_validation_refuses_what_is_wrong(paths: CellPaths) -> None:
    (cell, *_) = cells_of(
        "ablation=sampling",
        "scale=orz_7b",
        "levels=[t1.0]",
        "verl.actor_rollout_ref.actor.use_dynamic_bsz=false",
    )
    with pytest.raises(Exception, match="ppo_micro_batch_size"):
        validate(cell, paths)
