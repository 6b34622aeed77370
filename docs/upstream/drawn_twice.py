"""vLLM's sampler on a CPU draws noise that it throws away if every request has its own seed."""

import sys

import torch
from vllm.v1.sample.ops.topk_topp_sampler import TopKTopPSampler

REQUESTS, VOCABULARY = 4, 16


def main() -> int:
    """Sample for seeded requests; look whether the shared generator went on."""
    generators = {place: torch.Generator().manual_seed(place) for place in range(REQUESTS)}
    before = torch.get_rng_state()
    TopKTopPSampler().forward_cpu(torch.zeros(REQUESTS, VOCABULARY), generators, None, None)
    went_on = not torch.equal(before, torch.get_rng_state())
    print(f"{REQUESTS} requests with a generator each: the shared generator was used: {went_on}")
    return 0 if went_on else 1


if __name__ == "__main__":
    sys.exit(main())
