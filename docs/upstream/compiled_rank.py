"""Counting larger log-probs is compiled by vLLM in every new process, with a C++ compiler."""

import os
import subprocess
import sys

CALL = """
import time
import torch
from vllm.v1.sample.ops.logprobs import batched_count_greater_than
values = torch.randn(8, 100)
begin = time.perf_counter()
batched_count_greater_than(values, values[:, :1])
print(time.perf_counter() - begin)
"""


def seconds(**variables: str) -> float:
    """Return the seconds of the first call in a new process without a compiler cache."""
    environment = {**os.environ, "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1", **variables}
    command = [sys.executable, "-c", CALL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> int:
    """Compare the first call with and without the compiler."""
    compiled, plain = seconds(), seconds(TORCHDYNAMO_DISABLE="1")
    print(f"first call {compiled:.2f} s compiled, {plain:.4f} s as it is")
    return 0 if compiled > 10 * plain else 1


if __name__ == "__main__":
    sys.exit(main())
