"""vLLM winds back the generator of a seeded request after a part of its prompt; on a CPU it cannot.

With more prompt tokens waiting than one step takes (2,048 unless told), a prompt is taken in parts.
A part draws a token that does not count, so the model runner sets the request's generator back by
its offset, which a generator of the CPU does not have: the engine dies.
"""

import inspect
import sys

import torch
from vllm.v1.worker.cpu_model_runner import CPUModelRunner


def main() -> int:
    """Do what the runner of the CPU does, if it does it."""
    modules = [sys.modules[part.__module__] for part in CPUModelRunner.__mro__[:2]]
    sources = [inspect.getsource(module) for module in modules]
    is_wound_back = any("gen.set_offset(gen.get_offset() - 4)" in text for text in sources)
    print(f"the runner winds generators back: {is_wound_back}")
    generator = torch.Generator(device="cpu").manual_seed(1)
    torch.rand(1, generator=generator)
    try:
        generator.set_offset(generator.get_offset() - 4)
    except RuntimeError as error:
        print(f"a generator of the CPU: {str(error).splitlines()[0]}")
        return 0 if is_wound_back else 1
    print("a generator of the CPU was wound back")
    return 1


if __name__ == "__main__":
    sys.exit(main())
