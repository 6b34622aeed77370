"""vLLM on a CPU drops the weight of a linear layer after packing: a weight sync has no target."""

import sys

import torch
from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm


def main() -> int:
    """Pack a layer as vLLM does after loading, then load other weights into it."""
    layer = torch.nn.Linear(64, 64, bias=False)
    inputs = torch.randn(2, 64)
    dispatch_cpu_unquantized_gemm(layer, remove_weight=True)
    before = layer.cpu_linear(inputs, layer.weight, None)
    print(f"weight after packing: {tuple(layer.weight.shape)}")
    if layer.weight.shape != (64, 64):
        print("a second load finds no weight of shape (64, 64) to write into")
        return 0
    layer.weight.data.mul_(2)
    is_stale = torch.equal(before, layer.cpu_linear(inputs, layer.weight, None))
    print("a second load changes nothing" if is_stale else "a second load arrives")
    return 0 if is_stale else 1


if __name__ == "__main__":
    sys.exit(main())
