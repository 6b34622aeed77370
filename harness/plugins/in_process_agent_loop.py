"""verl's agent-loop manager with the bookkeeping of a response in one process.

verl 0.9.1's own worker builds an agent loop with Hydra for each response, asks a load balancer for
the only server there is, sends each response to another process to be scored, and puts each one
alone into the queue: some 40 ms of bookkeeping a response, where a small model needs 10 ms for it.
This worker does the same work with the same functions in one process, and puts the responses of a
prompt together. Chosen by `rollout.agent.agent_loop_manager_class`; for one rollout replica only.
No longer needed when a cell is as fast with that key at null (`harness/profile/switches.yaml`).
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Mapping
from typing import Any

import hydra
import ray
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


class _LocalRewardWorker:
    """verl's reward worker in this process, called as the Ray actor would be."""

    def __init__(self, config: Any) -> None:
        self._worker = RewardLoopWorker(config)

    @property
    def compute_score(self) -> _LocalRewardWorker:
        """Stands for the actor's method, of which only `remote` is asked for."""
        return self

    def remote(self, data: Any) -> Any:
        """Return the coroutine that scores one response; the caller awaits it."""
        # A Ray actor would get a copy. verl's reward manager writes into it, and the samples of a
        # prompt share their `extra_info`.
        data.non_tensor_batch = copy.deepcopy(data.non_tensor_batch)
        return self._worker.compute_score(data)


class _PromptBuffer:
    """What the samples of one prompt have ready for the queue."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.fields: list[dict[str, Any]] = []
        self.tags: list[dict[str, Any]] = []


class InProcessAgentLoopWorker(_Base):
    """verl's worker for one replica; see the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        remote: Any = self.reward_loop_worker_handles
        # there are none where verl scores whole batches later
        self.reward_loop_worker_handles: Any = remote and [_LocalRewardWorker(self.config)]
        self._loops: dict[str, Any] = {}
        self._buffers: dict[str, _PromptBuffer] = {}
        self._acquire_once()

    def _acquire_once(self) -> None:
        """Ask the load balancer for its only server once, and never return it."""
        client = self.llm_client
        acquire = client._acquire_server
        known: list[Any] = []

        async def acquire_server(request_id: str, **extra: Any) -> Any:
            if not known:
                known.append(await acquire(request_id, **extra))
            return known[0]

        client._acquire_server = acquire_server
        client._release_server = lambda server_id, request_id=None: None

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
        self._buffers[uid] = _PromptBuffer()
        runs = (
            self._run_agent_loop(dict(sampling_params), trajectory, session_id=session, **prompt)
            for session in range(count)
        )
        ends = await asyncio.gather(*runs, return_exceptions=True)
        buffer, status = self._buffers.pop(uid), "finished"
        # as in verl's own worker: a response that fails marks its prompt and does not end the run
        for error in (end for end in ends if isinstance(end, BaseException)):
            logger.error("a response of prompt %s failed", uid, exc_info=error)
            status = "failure"
        if buffer.keys:
            await tq.async_kv_batch_put(
                keys=buffer.keys,
                fields=list_of_dict_to_tensordict(buffer.fields),
                tags=buffer.tags,
                partition_id=partition,
            )
        await tq.async_kv_put(key=uid, partition_id=partition, tag={"status": status})

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agent_loop_workers_class = ray.remote(InProcessAgentLoopWorker)
