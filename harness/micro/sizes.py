"""The three sizes of the base model: one architecture, one corpus."""

from typing import NamedTuple


class Size(NamedTuple):
    """Shape of a model and its pre-training.

    Attributes:
        hidden, layers, heads, key_value_heads, intermediate: of the Qwen2 architecture.
        peak_rate: learning rate at the end of the warm-up.
        steps: of pre-training.
    """

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    peak_rate: float
    steps: int


# the head size is hidden / heads = 32, the smallest that vLLM's CPU attention has
SIZES = {
    "micro_0_3m": Size(96, 3, 3, 3, 288, 3e-3, 2800),
    "micro_0_8m": Size(128, 4, 4, 2, 384, 3e-3, 2800),
    "micro_3m": Size(256, 4, 8, 4, 768, 1.5e-3, 2000),
}
