from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.launch.command import ROOT, CellPaths, build_command, fill, hydra_value
from harness.spec.verl_keys import verl_keys
from tests.cells import CONFIG, make_spec

PATHS = CellPaths(
    model=Path("/models/base"),
    data=Path("/data/x"),
    attempt=Path("/r/kl=none-s1-0/attempt-0"),
    scratch=Path("/s"),
)


def argv() -> tuple[str, ...]:
    return build_command(make_spec(), PATHS).argv


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        1e-6,
        -1,
        0.1,
        "word",
        "fp32",
        "true",
        "null",
        "1.0",
        "",
        "a b",
        "/r/kl=none,clip=low/x",
        "pkg://harness.rewards.rule",
        "{% for m in messages %}{{ m['content'] }}{% endfor %}",
        "it's",
        "back\\slash",
        "ends in \\",
        "before a quote \\'",
        '"double"',
        "a,b",
        "[1]",
        ["console", "file", "a=b"],
        [],
        {},
    ],
)
def test_hydra_reads_back_what_is_written(value: Any) -> None:
    parser = OverridesParser.create()
    assert parser.parse_override(f"key={hydra_value(value)}").value() == value


@pytest.mark.parametrize("value", ["${interpolated}", object()])
def test_what_cannot_be_written_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot write"):
        hydra_value(value)


def test_the_command_is_verls_trainer_with_filled_places() -> None:
    words = argv()
    assert words[1:3] == ("-m", "verl.trainer.main_ppo")
    assert "actor_rollout_ref.model.path=/models/base" in words
    assert "data.val_files=[/data/x/eval_easy.parquet]" in words
    assert not any("@" in word for word in words)


def test_keys_that_verl_does_not_list_get_a_plus() -> None:
    config = {**CONFIG, "verl": {"trainer": {"device": "cpu", "unheard_of": 1}}}
    words = build_command(make_spec(config=config), PATHS).argv
    assert "+trainer.unheard_of=1" in words
    assert "trainer.device=cpu" in words


def test_ray_is_private_and_the_metrics_stay_in_the_attempt() -> None:
    command = build_command(make_spec(), PATHS)
    assert "+ray_kwargs.ray_init.address=local" in command.argv
    assert "+ray_kwargs.ray_init._temp_dir=/s/ray" in command.argv
    assert command.environment["VERL_FILE_LOGGER_PATH"] == f"{PATHS.attempt}/metrics.jsonl"
    assert command.environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert command.environment["VERL_PLATFORM"] == "cpu"


def test_a_variable_of_null_is_not_set() -> None:
    config = {**CONFIG, "environment": {"GIVEN": 0, "TAKEN_BACK": None}}
    environment = build_command(make_spec(config=config), PATHS).environment
    assert environment["GIVEN"] == "0"
    assert "TAKEN_BACK" not in environment


def test_a_machine_with_gpus_is_not_told_how_many_it_has() -> None:
    assert not any("num_gpus" in word for word in argv())
    config = {**CONFIG, "verl": {"trainer": {"device": "cpu"}}}
    words = build_command(make_spec(config=config), PATHS).argv
    assert "+ray_kwargs.ray_init.num_gpus=1" in words


def test_the_command_depends_on_spec_and_places_only() -> None:
    assert argv() == argv()
    assert build_command(make_spec(seed=2), PATHS).argv != argv()


def test_tokens_are_filled_in() -> None:
    assert fill("@plugins/agent_loop.yaml", PATHS) == str(ROOT / "harness/plugins/agent_loop.yaml")
    assert fill("@attempt/generations", PATHS) == "/r/kl=none-s1-0/attempt-0/generations"
    assert fill(["@model", 3, "plain"], PATHS) == ["/models/base", 3, "plain"]


def test_an_unknown_token_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown path token '@nowhere/x'"):
        fill("@nowhere/x", PATHS)


def test_the_key_list_is_read_without_verl() -> None:
    assert {"data.seed", "trainer.v1.trainer_mode"} <= verl_keys()
