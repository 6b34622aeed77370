"""The arithmetic of a step, against counts made by hand and against the real model's weights."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from harness.micro.models import model_dir
from harness.micro.sizes import SIZES
from harness.profile import floor
from harness.profile.floor import (
    Batch,
    Shape,
    Speed,
    decode_bytes,
    floor_s,
    measure_speed,
    shape_of,
    step_flops,
)

TINY = Shape(layers=1, hidden=2, intermediate=3, vocabulary=5, key_value=2)
BATCH = Batch(
    prompts=1,
    sequences=2,
    prompt_tokens=3.0,
    response_tokens=1.0,
    longest=1.0,
    has_critic=True,
    has_reference=False,
)


def test_weights_by_hand() -> None:
    # q, k, v, o of 2 x 2, three of 2 x 3; the head 2 x 5
    assert TINY.body_weights == 4 * 4 + 3 * 6
    assert TINY.head_weights == 10


@pytest.mark.parametrize("size", SIZES)
def test_weights_are_those_of_the_shipped_model(size: str) -> None:
    from safetensors import safe_open

    config = json.loads((model_dir(size) / "config.json").read_text())
    (file,) = model_dir(size).glob("*.safetensors")
    with safe_open(file, framework="np") as tensors:
        shapes = {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    matrices = {name: math.prod(s) for name, s in shapes.items() if len(s) == 2}
    embedding = sum(size for name, size in matrices.items() if "embed" in name)
    shape = shape_of(config)
    assert shape.body_weights == sum(matrices.values()) - embedding
    assert shape.head_weights == embedding  # tied


def test_operations_of_a_step_by_hand() -> None:
    # 8 tokens in sequences of 4: 2 x (34 + 10) for the weights, 4 x 2 x 4 / 2 for attention
    forward = 8 * (2 * 44 + 16)
    value = 8 * (2 * 36 + 16)
    # one prompt of 3 and two responses of 1
    generated = 5 * (2 * 44 + 16)
    assert step_flops(TINY, BATCH) == {
        "generation and scoring": generated,
        "old log-probs": forward,
        "actor update": 3 * forward,
        "values": value,
        "critic update": 3 * value,
    }


def test_of_unequal_lengths_the_operations_stay_a_floor() -> None:
    """Responses of today's world end after 15 tokens or at the limit of 288."""
    shape = shape_of(json.loads((model_dir() / "config.json").read_text()))
    lengths = (31, 304)
    whole = sum(shape.forward_flops(length, length) for length in lengths)
    mean = sum(lengths) / 2
    floor_ = shape.forward_flops(2 * mean, mean)
    assert 0.9 * whole < floor_ < whole
    assert shape.forward_flops(2 * mean, max(lengths)) > whole


def test_the_floor_is_arithmetic_over_speed_plus_the_traffic_of_decoding() -> None:
    slow = floor_s(TINY, BATCH, Speed(flops=1.0, bytes=math.inf))
    assert slow == step_flops(TINY, BATCH)
    memory = floor_s(TINY, BATCH, Speed(flops=math.inf, bytes=1.0))
    assert memory["generation and scoring"] == decode_bytes(TINY, BATCH) == 44 * 4
    assert memory["actor update"] == 0


def test_a_measured_speed_is_that_of_a_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "COPY_BYTES", 1 << 22)
    monkeypatch.setattr(floor, "REPEATS", 2)
    # wide enough that the product takes longer than calling it
    speed = measure_speed(replace(TINY, hidden=256, intermediate=1024), 64)
    assert 1e6 < speed.flops < 1e14
    assert 1e8 < speed.bytes < 1e13


def test_a_model_with_grouped_heads_has_narrow_keys() -> None:
    config = {
        "num_hidden_layers": 1,
        "hidden_size": 8,
        "intermediate_size": 4,
        "vocab_size": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    assert shape_of(config).key_value == 4
    assert shape_of({**config, "num_key_value_heads": 4}).key_value == 8


@pytest.mark.parametrize("key", ["hidden_size", "vocab_size"])
def test_a_config_that_lacks_a_size_is_refused(key: str, tmp_path: Path) -> None:
    config = json.loads((model_dir() / "config.json").read_text())
    del config[key]
    with pytest.raises(KeyError, match=key):
        shape_of(config)
