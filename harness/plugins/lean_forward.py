"""The forward pass of a small Qwen2 in vLLM without what a small model need not pay for.

vLLM 0.28 goes through some fifty modules, parameter subclasses and registered operators for each
decode step: more than the arithmetic of a model of a million parameters. Here the same operations
run in the same order on the same tensors, called directly; the numbers are equal bit by bit.
Anything but a plain dense Qwen2 on one worker takes vLLM's own way. `HARNESS_LEAN_FORWARD=1`
switches it on.
No longer needed when: a cell is as fast with that variable at 0 (`harness/profile/switches.yaml`).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch.nn import functional


def patch(module: ModuleType) -> None:
    """Replace the forward pass of `Qwen2Model` in vllm.model_executor.models.qwen2."""
    # imported with that module in any case
    from vllm.model_executor.layers.attention.attention import get_attention_context

    kind = module.Qwen2Model
    original = kind.forward

    def forward(
        self: Any,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> Any:
        if input_ids is None or inputs_embeds is not None or not _is_plain(self):
            return original(self, input_ids, positions, intermediate_tensors, inputs_embeds)
        # parameters are subclasses that ask Python before every operation
        with torch._C.DisableTorchFunctionSubclass():
            return _forward(self, input_ids, positions, get_attention_context)

    kind.forward = forward


def _is_plain(model: Any) -> bool:
    """Say whether the pass below does all that this model's own pass would do (asked once)."""
    known = model.__dict__.get("_harness_is_plain")
    if known is None:
        linears = [
            part
            for layer in model.layers
            for part in (
                layer.self_attn.qkv_proj,
                layer.self_attn.o_proj,
                layer.mlp.gate_up_proj,
                layer.mlp.down_proj,
            )
        ]
        known = (
            not model.aux_hidden_state_layers
            and all(getattr(part, "tp_size", 1) == 1 for part in linears)
            and all(
                type(getattr(part, "quant_method", None)).__name__ == "UnquantizedLinearMethod"
                for part in linears
            )
            and not any(layer.self_attn.qk_norm for layer in model.layers)
            and all(layer.self_attn.attn.query_quant is None for layer in model.layers)
        )
        model.__dict__["_harness_is_plain"] = known
    return bool(known)


def _forward(
    model: Any, input_ids: torch.Tensor, positions: torch.Tensor, context_of: Any
) -> torch.Tensor:
    """Return the last hidden states, [tokens, hidden size]."""
    hidden = functional.embedding(input_ids, model.embed_tokens.weight)
    residual = None
    for layer in model.layers:
        hidden, residual = _normalise(layer.input_layernorm, hidden, residual)
        hidden = _attend(layer.self_attn, positions, hidden, context_of)
        hidden, residual = _normalise(layer.post_attention_layernorm, hidden, residual)
        gate, up = functional.linear(hidden, layer.mlp.gate_up_proj.weight).chunk(2, dim=-1)
        hidden = functional.linear(functional.silu(gate) * up, layer.mlp.down_proj.weight)
    return _normalise(model.norm, hidden, residual)[0]


def _normalise(
    norm: Any, hidden: torch.Tensor, residual: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the normalised sum of both, and the sum."""
    total = hidden if residual is None else hidden + residual
    variance = total.pow(2).mean(dim=-1, keepdim=True)
    return total * torch.rsqrt(variance + norm.variance_epsilon) * norm.weight, total


def _attend(
    attention: Any, positions: torch.Tensor, hidden: torch.Tensor, context_of: Any
) -> torch.Tensor:
    """Return what the attention adds, [tokens, hidden size]."""
    projection, layer = attention.qkv_proj, attention.attn
    qkv = functional.linear(hidden, projection.weight, projection.bias)
    query, key, value = qkv.split([attention.q_size, attention.kv_size, attention.kv_size], dim=-1)
    query, key = attention.rotary_emb(positions, query, key)
    query = query.view(-1, layer.num_heads, layer.head_size)
    key = key.view(-1, layer.num_kv_heads, layer.head_size)
    value = value.view(-1, layer.num_kv_heads, layer.head_size)
    metadata, _, cache, slots = context_of(layer.layer_name)
    output = torch.empty_like(query, memory_format=torch.contiguous_format)
    if slots is not None:
        layer.impl.do_kv_cache_update(layer, key, value, cache, slots)
    layer.impl.forward(layer, query, key, value, cache, metadata, output=output)
    return functional.linear(output.view(len(hidden), -1), attention.o_proj.weight)
