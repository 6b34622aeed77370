from typing import Any

import pytest

from harness.plan.models import counted, model_entries, read_model
from harness.schema import UsageError

REPORTED = {"0.5B": 0.49e9, "1.5B": 1.54e9, "7B": 7.61e9, "14B": 14.7e9, "32B": 32.5e9}
"""As the model cards of Qwen2.5 state them."""


def by_hand(config: dict[str, Any]) -> int:
    """Count the parameters of a Qwen2 decoder from its dimensions."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    head = hidden // config["num_attention_heads"]
    kv = head * config["num_key_value_heads"]
    attention = hidden * (hidden + 2 * kv) + (hidden + 2 * kv) + hidden * hidden
    layer = attention + 3 * hidden * config["intermediate_size"] + 2 * hidden
    tables = config["vocab_size"] * hidden * (1 if config["tie_word_embeddings"] else 2)
    return layers * layer + tables + hidden


@pytest.mark.parametrize("size", REPORTED)
def test_counts_agree_with_the_dimensions_and_with_the_model_cards(size: str) -> None:
    name = f"Qwen/Qwen2.5-{size}"
    model = read_model(name)
    assert model.parameters == by_hand(model_entries()[name].config.model_dump())
    assert model.parameters == pytest.approx(REPORTED[size], rel=0.01)


def test_other_dimensions_give_another_count() -> None:
    config = {**model_entries()["Qwen/Qwen2.5-7B"].config.model_dump(), "num_hidden_layers": 27}
    assert by_hand(config) != read_model("Qwen/Qwen2.5-7B").parameters


def test_what_a_token_is_multiplied_with() -> None:
    tied, untied = read_model("Qwen/Qwen2.5-0.5B"), read_model("Qwen/Qwen2.5-7B")
    assert tied.multiplied == tied.parameters
    assert untied.multiplied == untied.parameters - 152064 * 3584
    # 28 layers x keys and values x 4 heads of 128 x 2 bytes
    assert untied.kv_bytes == 28 * 2 * 512 * 2


def test_an_alias_is_the_same_model() -> None:
    assert read_model("orz_32b_stage1").parameters == read_model("Qwen/Qwen2.5-32B").parameters


def test_a_model_without_dimensions_is_refused() -> None:
    with pytest.raises(UsageError, match="no dimensions of the model 'micro_0_8m' are stored"):
        read_model("micro_0_8m")


def test_every_model_has_a_source() -> None:
    assert all("config.json" in entry.source for entry in model_entries().values())
    assert set(counted()["models"]) == set(model_entries())


@pytest.mark.engine
def test_the_counts_are_what_the_script_counts() -> None:
    import importlib.util
    from pathlib import Path

    path = Path(__file__).resolve().parents[2] / "scripts" / "count_parameters.py"
    spec = importlib.util.spec_from_file_location("count_parameters", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.count_all()["models"] == counted()["models"]
