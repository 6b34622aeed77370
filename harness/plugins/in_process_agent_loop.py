"""verl's agent-loop manager with the bookkeeping of a response in one process.

verl 0.9.1's own worker builds an agent loop with Hydra for each response, asks a load balancer for
the only server there is, calls it through Ray, sends each response to another process to be scored,
and puts each one alone into the queue: some 40 ms of bookkeeping a response, where a small model
needs 2 ms for it. This worker does the same work with the same functions inside the process of
vLLM's server, and puts all responses together that are ready when the queue has taken the last
ones. Chosen by `rollout.agent.agent_loop_manager_class`; for one rollout replica only.
No longer needed when a cell is as fast with that key at null (`harness/profile/switches.yaml`).
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import hydra
import torch
import transfer_queue as tq
from verl.experimental.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.agent_loop import (
    DictConfigWrap,
    ToolListWrap,
    _agent_loop_registry,
)
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ, AgentLoopWorkerTQ
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

logger = logging.getLogger(__name__)

_Base: Any = AgentLoopWorkerTQ.__ray_metadata__.modified_class


class _Here(NamedTuple):
    """A function of this process in the place of a method of a Ray actor.

    Attributes:
        remote: what is called instead; its result is awaited.
    """

    remote: Callable[..., Any]


def _reward_worker(config: Any) -> Any:
    """Return verl's reward worker in this process, called as the Ray actor would be."""
    worker = RewardLoopWorker(config)

    def compute_score(data: Any) -> Any:
        # A Ray actor would get a copy. verl's reward manager writes into it, and the samples of a
        # prompt share their `extra_info`.
        data.non_tensor_batch = copy.deepcopy(data.non_tensor_batch)
        return worker.compute_score(data)

    return SimpleNamespace(compute_score=_Here(compute_score))


def _local_server(server: Any) -> Any:
    """Return vLLM's server in this process, called as the Ray actor would be."""

    def generate(*, sampling_params: dict[str, Any], **kwargs: Any) -> Any:
        # a Ray actor would get a copy, and the server takes entries out of it
        return server.generate(sampling_params=dict(sampling_params), **kwargs)

    return SimpleNamespace(generate=_Here(generate))


class _Ready:
    """What is ready for the queue: responses of prompts, and the prompts that are finished."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.fields: list[dict[str, Any]] = []
        self.tags: list[dict[str, Any]] = []
        self.prompts: dict[str, str] = {}

    async def put(self, partition: str) -> None:
        """Put the responses, and then say which prompts are finished: that order is read from."""
        if self.keys:
            await tq.async_kv_batch_put(
                keys=self.keys,
                fields=list_of_dict_to_tensordict(self.fields),
                tags=self.tags,
                partition_id=partition,
            )
        await tq.async_kv_batch_put(
            keys=list(self.prompts),
            tags=[{"status": status} for status in self.prompts.values()],
            partition_id=partition,
        )


class InProcessAgentLoopWorker(_Base):
    """verl's worker for one replica; see the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        remote: Any = self.reward_loop_worker_handles
        # there are none where verl scores whole batches later
        self.reward_loop_worker_handles: Any = remote and [_reward_worker(self.config)]
        self._loops: dict[str, Any] = {}
        self._buffers: dict[str, _Ready] = {}
        self._ready: dict[str, _Ready] = {}
        self._putting: set[str] = set()

    def ask_locally(self, server: Any) -> None:
        """Let the client ask this server, in this process, and no load balancer."""
        local = _local_server(server)

        async def acquire_server(request_id: str, **extra: Any) -> Any:
            return "local", local

        self.llm_client._acquire_server = acquire_server
        self.llm_client._release_server = lambda server_id, request_id=None: None

    def _loop_of(self, name: str) -> Any:
        """Return the agent loop of this name; it holds nothing of a single response."""
        if name not in self._loops:
            self._loops[name] = hydra.utils.instantiate(
                config=_agent_loop_registry[name],
                trainer_config=DictConfigWrap(config=self.config),
                server_manager=self.llm_client,
                tokenizer=self.tokenizer,
                processor=self.processor,
                hf_model_type=self.hf_model_type,
                dataset_cls=self.dataset_cls,
                data_config=DictConfigWrap(self.config.data),
                tools=ToolListWrap(self.tools),
            )
        return self._loops[name]

    async def _run_agent_loop(
        self,
        sampling_params: dict[str, Any],
        trajectory: Mapping[str, Any],
        *,
        agent_name: str,
        trace: bool = True,
        **kwargs: Any,
    ) -> None:
        output = await self._loop_of(agent_name).run(sampling_params, **kwargs)
        await self._agent_loop_postprocess(output, trajectory["validate"], **kwargs)

    async def _run_prompt(
        self, prompt: dict[str, Any], sampling_params: dict[str, Any], trajectory: Any, trace: bool
    ) -> None:
        """Run the samples of a prompt, put what they have ready, then say that it is finished."""
        uid, validate = prompt["uid"], trajectory["validate"]
        partition = "val" if validate else "train"
        config = self.config.actor_rollout_ref.rollout
        count = prompt.pop("__rollout_n__", config.val_kwargs.n if validate else config.n)
        self._buffers[uid] = _Ready()
        runs = (
            self._run_agent_loop(dict(sampling_params), trajectory, session_id=session, **prompt)
            for session in range(count)
        )
        ends = await asyncio.gather(*runs, return_exceptions=True)
        buffer, status = self._buffers.pop(uid), "finished"
        # as in verl's own worker: a response that fails marks its prompt; the replay buffer, which
        # sees the mark, ends the run
        for error in (end for end in ends if isinstance(end, BaseException)):
            logger.error("a response of prompt %s failed", uid, exc_info=error)
            status = "failure"
        buffer.prompts[uid] = status
        await self._put(buffer, partition)

    async def _put(self, buffer: _Ready, partition: str) -> None:
        """Put what a prompt has ready, with all that is ready when the queue has taken the last."""
        ready = self._ready.setdefault(partition, _Ready())
        ready.keys += buffer.keys
        ready.fields += buffer.fields
        ready.tags += buffer.tags
        ready.prompts |= buffer.prompts
        if partition in self._putting:
            return
        self._putting.add(partition)
        try:
            while partition in self._ready:
                await self._ready.pop(partition).put(partition)
        finally:
            self._putting.discard(partition)

    async def _agent_loop_postprocess(
        self, output: AgentLoopOutput, validate: bool, **kwargs: Any
    ) -> None:
        """Score a response and keep it with those of its prompt."""
        await self._compute_score([output], kwargs=kwargs)
        prompts = torch.tensor(output.prompt_ids, dtype=torch.int64)
        responses = torch.tensor(output.response_ids, dtype=torch.int64)
        field = output.as_dict()
        field.update(kwargs)
        field.pop("multi_modal_data", None)
        field["loss_mask"] = field["response_mask"]
        field["input_ids"] = torch.cat([prompts, responses], dim=0)
        field["position_ids"] = torch.arange(len(prompts) + len(responses), dtype=torch.int64)
        field["multi_modal_inputs"] = {}
        buffer = self._buffers[kwargs["uid"]]
        buffer.keys.append(f"{kwargs['uid']}_{kwargs['session_id']}_0")
        buffer.fields.append(field)
        buffer.tags.append(_tag(field, len(prompts), len(responses), kwargs["global_steps"]))


def _tag(field: Mapping[str, Any], prompt: int, response: int, step: int) -> dict[str, Any]:
    """Return what verl writes beside a response, with the steps of the weights that made it."""
    extra = field["extra_fields"]
    return {
        "status": "success",
        "prompt_len": prompt,
        "response_len": response,
        "seq_len": prompt + response,
        "global_steps": step,
        "min_global_steps": extra.get("min_global_steps"),
        "max_global_steps": extra.get("max_global_steps"),
    }


class InProcessAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager over one `InProcessAgentLoopWorker`."""

    async def _init_agent_loop_workers(self) -> None:
        _, server = await self.llm_client._acquire_server("the agent loop", prompt_ids=[])
        await server.host_agent_loop.remote(
            self.config, self.llm_client, self.teacher_client, self.reward_loop_worker_handles
        )
        # the worker inside the server, called as a Ray actor of its own would be
        self.agent_loop_workers: list[Any] = [
            SimpleNamespace(generate_sequences=server.run_agent_loop)
        ]
