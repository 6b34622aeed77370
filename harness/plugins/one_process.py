"""vLLM's engine and its worker in one process.

vLLM 0.28 gives a CPU worker a process of its own, and the engine asks a loop of shared memory for
each decode step's answer, and spends a core on waiting.
Chosen by `rollout.engine_kwargs.vllm.distributed_executor_backend`; for one worker only.
No longer needed when: vLLM's CPU platform leaves the executor "uni" as it was asked for (it sets
"mp" in its place, to choose the cores of each worker; one thread needs no such choice).
"""

from __future__ import annotations

from vllm.v1.executor.uniproc_executor import UniProcExecutor


class OneProcessExecutor(UniProcExecutor):
    """vLLM's own executor for one process, under a name that the CPU platform does not replace."""
