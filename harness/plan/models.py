"""Sizes of models: dimensions from models.yaml, parameters as counted in parameters.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.cli import suggest
from harness.schema import DamagedError, UsageError
from harness.typed import Form, Many, read_form

DIMENSIONS = Path(__file__).with_name("models.yaml")
COUNTS = Path(__file__).with_name("parameters.json")


class Dimensions(Form):
    """The keys of a model's config.json that make its size."""

    model_type: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int | None = None
    intermediate_size: int
    vocab_size: int
    tie_word_embeddings: bool


class ModelEntry(Form):
    """One model of models.yaml."""

    source: str
    aliases: Many[str]
    config: Dimensions


class _File(Form):
    models: Mapping[str, ModelEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A dense decoder.

    Attributes:
        name: on the Hugging Face hub.
        layers, hidden, intermediate, vocab: sizes as in its config.json.
        attention_width: heads times the width of one.
        kv_width: key-value heads times the width of one.
        parameters: of the language model.
        value_parameters: of the same network with a value head of one output.
        layer_parameters: of one layer.
        embedding_parameters: of the table of token embeddings.
        is_tied: the output layer is that same table.
    """

    name: str
    layers: int
    hidden: int
    intermediate: int
    vocab: int
    attention_width: int
    kv_width: int
    parameters: int
    value_parameters: int
    layer_parameters: int
    embedding_parameters: int
    is_tied: bool

    @property
    def multiplied(self) -> int:
        """Parameters that every token is multiplied with: all but an untied embedding table."""
        return self.parameters - (0 if self.is_tied else self.embedding_parameters)

    @property
    def value_multiplied(self) -> int:
        """The same for the network with a value head, which has no output table."""
        return self.value_parameters - self.embedding_parameters

    @property
    def kv_bytes(self) -> int:
        """Bytes of the key-value cache per token, in BF16."""
        return self.layers * 2 * self.kv_width * 2


def read_model(name: str) -> Model:
    """Return a model by its name on the hub, or by one of its aliases.

    Raises:
        UsageError: its dimensions are not stored.
        DamagedError: its parameters were not counted.
    """
    entries = model_entries()
    names = {alias: key for key, entry in entries.items() for alias in (key, *entry.aliases)}
    if name not in names:
        raise UsageError(
            f"no dimensions of the model {name!r} are stored: {suggest(name, list(names))}; add its"
            " config to harness/plan/models.yaml and run scripts/count_parameters.py"
        )
    key = names[name]
    if key not in counted()["models"]:
        raise DamagedError(f"{COUNTS.name} has no count of {key}: run scripts/count_parameters.py")
    config, count = entries[key].config, counted()["models"][key]
    head = config.head_dim or config.hidden_size // config.num_attention_heads
    return Model(
        name=name,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        vocab=config.vocab_size,
        attention_width=head * config.num_attention_heads,
        kv_width=head * config.num_key_value_heads,
        is_tied=config.tie_word_embeddings,
        **count,
    )


@cache
def model_entries() -> Mapping[str, ModelEntry]:
    """Return every entry of models.yaml."""
    return read_form(_File, DIMENSIONS).models


@cache
def counted() -> dict[str, Any]:
    """Return parameters.json: the command that made it, versions, and the counts."""
    return dict(json.loads(COUNTS.read_text(encoding="utf-8")))
