"""Attention over packed sequences without flash-attention, under a name that transformers knows.

verl 0.9.1's `use_remove_padding` packs a micro-batch into one row, (1, tokens), so that no matrix
product multiplies padding, and leaves it to flash-attention to keep the sequences apart. Here each
sequence becomes a row of its own for the attention alone, padded on the right to the longest, where
a causal mask keeps the padding out; everything else stays packed. Chosen by
`override_config.attn_implementation: harness_packed`. No longer needed when a flash-attention that
transformers accepts runs on a CPU.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

from harness.plugins.after_import import after_import

NAME = "harness_packed"
"""The name of this attention in `attn_implementation`."""


class Layout(NamedTuple):
    """Where the tokens of a packed row lie when each sequence has a row of its own.

    Attributes:
        rows: sequences.
        longest: tokens of the longest.
        places: (tokens,) int64, position of each token in the flat (rows * longest) order.
    """

    rows: int
    longest: int
    places: torch.Tensor


class _LayoutCache:
    """The layout of the micro-batch that was seen last: all layers of a pass share it."""

    positions: torch.Tensor | None = None
    layout: Layout | None = None


def layout_of(positions: torch.Tensor) -> Layout:
    """Return the layout of a packed row from its positions, which begin at 0 in each sequence.

    Args:
        positions: (1, tokens), counting up from 0 in each sequence.
    """
    # identity is enough and costs nothing: the tensor is kept, so no other can take its place
    if _LayoutCache.positions is not positions or _LayoutCache.layout is None:
        flat = positions[0]
        row = (flat == 0).cumsum(0) - 1
        longest = int(flat.max()) + 1
        _LayoutCache.layout = Layout(int(row[-1]) + 1, longest, row * longest + flat)
        _LayoutCache.positions = positions
    return _LayoutCache.layout


def _padded(packed: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Return (1, heads, tokens, size) as (rows, heads, longest, size), padded with 0."""
    _, heads, _, size = packed.shape
    flat = packed.new_zeros(layout.rows * layout.longest, heads, size)
    flat = flat.index_copy(0, layout.places, packed[0].transpose(0, 1))
    return flat.view(layout.rows, layout.longest, heads, size).transpose(1, 2)


def packed_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **extra: Any,
) -> tuple[torch.Tensor, None]:
    """Attend causally within each sequence of a packed row.

    Args:
        module: attention layer; its training flag and head counts are not asked for.
        query: (1, heads, tokens, size).
        key: (1, key-value heads, tokens, size).
        value: of the shape of `key`.
        attention_mask: always None, see `register`.
        extra: what transformers passes beside; `position_ids` (1, tokens) and `scaling` are used.

    Returns:
        (1, tokens, heads, size), and no attention weights.

    Raises:
        ValueError: the batch is not packed, or the positions are missing.
    """
    positions = extra.get("position_ids")
    if query.shape[0] != 1 or positions is None or attention_mask is not None:
        raise ValueError(
            f"{NAME} attends over packed rows only: found {query.shape[0]} rows, expected one with"
            " position_ids and no mask; set use_remove_padding=true or attn_implementation=sdpa"
        )
    layout = layout_of(positions)
    out = scaled_dot_product_attention(
        _padded(query, layout),
        _padded(key, layout),
        _padded(value, layout),
        # also the mask of the padding, which comes after every token of its row
        is_causal=True,
        scale=extra.get("scaling"),
        enable_gqa=True,
    )
    flat = out.transpose(1, 2).reshape(-1, query.shape[1], query.shape[3])
    return flat.index_select(0, layout.places).unsqueeze(0), None


def _register(module: ModuleType) -> None:
    """Make the attention known to transformers, with no mask made for it: it needs none."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

    module.ALL_ATTENTION_FUNCTIONS.register(NAME, packed_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *args, **kwargs: None)


def register() -> None:
    """Register once transformers' models are imported by somebody else."""
    after_import("transformers.modeling_utils", _register)
