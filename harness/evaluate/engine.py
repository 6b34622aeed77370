"""The engine that answers: vLLM, one request per sample, results as they come."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from harness.evaluate import definitions
from harness.schema import DamagedError, UsageError

CPU_SETTINGS = {
    # GiB of key-value cache
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # kernels are not compiled: it takes longer than a small model needs
    "TORCHDYNAMO_DISABLE": "1",
    # one process less to start
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}
"""What vLLM's CPU build is told unless the environment says otherwise."""

LONGEST_SAID = 300
"""Characters of what vLLM says that an error repeats."""

CPU_TOKENS = 8192
"""Tokens of one step on a CPU."""


class Request(NamedTuple):
    """One response that is wanted.

    Attributes:
        benchmark: name.
        question: id of the question.
        sample: number of the sample, from 0.
        prompt: the whole text.
        seed: of the sampling.
    """

    benchmark: str
    question: str
    sample: int
    prompt: str
    seed: int


class Response(NamedTuple):
    """What came back: the text, why it ended ("stop" or "length"), and its length in tokens."""

    text: str
    finish_reason: str
    tokens: int


class Engine(Protocol):
    """Whatever answers requests."""

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Response]]:
        """Yield every request with its response, in whatever order they are ready."""


class Settings(NamedTuple):
    """How the engine is laid out; none of it is part of what is measured.

    Attributes:
        tensor_parallel: devices that share the weights.
        memory_share: of a GPU's memory, in (0, 1).
        at_once: most sequences at the same time.
    """

    tensor_parallel: int = 1
    memory_share: float = 0.9
    at_once: int = 256


class VllmEngine:
    """vLLM in this process and its children.

    Args:
        model: directory of weights and tokenizer.
        protocol: lengths and sampling.
        dtype: precision, as vLLM names it.
        settings: layout.

    Raises:
        UsageError: vLLM is not installed, or refuses the model or its lengths.
    """

    def __init__(
        self, model: Path, protocol: definitions.Protocol, dtype: str, settings: Settings
    ) -> None:
        is_cpu = _prepare_process()
        try:
            from transformers import AutoTokenizer
            from vllm import EngineArgs, LLMEngine
        except ImportError as error:
            raise UsageError(
                f"vLLM cannot be imported ({error}): install the engines with make setup"
            ) from error
        self._protocol = protocol
        self._tokenizer: Any = AutoTokenizer.from_pretrained(model)
        of_machine = cpu_arguments(protocol, settings.at_once) if is_cpu else {}
        arguments = EngineArgs(
            model=str(model),
            dtype=dtype,
            max_model_len=protocol.prompt_tokens + protocol.response_tokens,
            **{"max_num_seqs": settings.at_once, **of_machine},
            tensor_parallel_size=settings.tensor_parallel,
            gpu_memory_utilization=settings.memory_share,
            disable_log_stats=True,
            # sampling settings of the model's own files would replace what the protocol leaves out
            generation_config="vllm",
        )
        try:
            self._engine: Any = LLMEngine.from_engine_args(arguments)
        # a window that is too short, a precision or a model that it does not know
        except ValueError as error:
            raise UsageError(refusal(model, str(error))) from error

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Response]]:
        """Yield every request with its response as soon as it is ready.

        Raises:
            UsageError: a prompt is longer than the protocol allows.
            DamagedError: the engine ended.
        """
        prompts = {text: self._tokens(text) for text in dict.fromkeys(r.prompt for r in requests)}
        waiting = {str(place): request for place, request in enumerate(requests)}
        for id_, request in waiting.items():
            # as tokens, so that vLLM adds none of its own
            given = {"prompt_token_ids": prompts[request.prompt]}
            self._engine.add_request(id_, given, self._sampling(request.seed))
        while self._engine.has_unfinished_requests():
            for output in self._step():
                if output.finished:
                    yield waiting[output.request_id], _response(output.outputs[0])

    def close(self) -> None:
        """End the engine's processes."""
        core: Any = getattr(self._engine, "engine_core", None)
        if hasattr(core, "shutdown"):
            core.shutdown()

    def _step(self) -> Sequence[Any]:
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            outputs: Sequence[Any] = self._engine.step()
        except EngineDeadError as error:
            raise DamagedError(
                "vLLM's engine ended, for a reason that it gives above: the finished questions are"
                " kept; correct it and run the same command again"
            ) from error
        return outputs

    def _tokens(self, text: str) -> list[int]:
        # the authors' template begins with the begin-of-text token, which Qwen2.5 does not have
        whole = f"{self._tokenizer.bos_token or ''}{text}"
        ids: list[int] = self._tokenizer(whole, add_special_tokens=False)["input_ids"]
        if len(ids) > self._protocol.prompt_tokens:
            raise UsageError(
                f"a prompt has {len(ids)} tokens, at most {self._protocol.prompt_tokens} are"
                f" allowed (it ends in {text[-60:]!r}): a cut question is another question; use the"
                " suite that fits this model"
            )
        return ids

    def _sampling(self, seed: int) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            temperature=self._protocol.temperature,
            top_p=self._protocol.top_p,
            top_k=self._protocol.top_k,
            max_tokens=self._protocol.response_tokens,
            stop=list(self._protocol.stop),
            # the closing tag of an answer is a stop string, and graders look for it
            include_stop_str_in_output=True,
            seed=seed,
        )


def refusal(model: Path, said: str) -> str:
    """Return one sentence of what vLLM says against a model, which takes many lines to say it."""
    text = " ".join(said.split())
    short = text if len(text) <= LONGEST_SAID else f"{text[:LONGEST_SAID]}..."
    return (
        f"vLLM refuses {model}: {short}; give a model that it knows, or lengths that fit its window"
        " by response_tokens="
    )


def cpu_arguments(protocol: definitions.Protocol, at_once: int) -> dict[str, Any]:
    """Return vLLM's arguments on a CPU: at most `at_once` sequences, and fewer if need be."""
    # So few that all their prompts fit one step: of a prompt that it takes in parts, vLLM winds
    # back the generator of a request with a seed, which a generator of the CPU cannot do ("CPU
    # Generator does not use offset", docs/upstream/seeded_parts.py).
    budget = max(protocol.prompt_tokens + protocol.response_tokens, CPU_TOKENS)
    return {
        "enforce_eager": True,
        "max_num_batched_tokens": budget,
        "max_num_seqs": min(at_once, max(budget // protocol.prompt_tokens, 1)),
    }


def _response(output: Any) -> Response:
    reason = "stop" if output.finish_reason == "stop" else "length"
    return Response(str(output.text), reason, len(output.token_ids))


def _prepare_process() -> bool:
    """Set what vLLM reads from the environment; return whether this is its CPU build."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    with suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version("vllm-cpu")
        for name, value in CPU_SETTINGS.items():
            os.environ.setdefault(name, value)
        _name_cpu_build(version)
        return True
    return False


def _name_cpu_build(cpu_version: str) -> None:
    """Answer a question for the version of "vllm" with that of the CPU build.

    vLLM picks its platform by the suffix "+cpu" of that version; the CPU build is distributed as
    "vllm-cpu", so that without this it finds no version at all.
    """
    original = importlib.metadata.version

    def version(distribution_name: str) -> str:
        try:
            return original(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            # only that one: for all others "not installed" stays the answer
            if distribution_name != "vllm":
                raise
            return f"{cpu_version}+cpu"

    importlib.metadata.version = version
