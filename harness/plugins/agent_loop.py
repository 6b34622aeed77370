"""The rollout of one request: exact prompt, stop strings, own seed, finish reason.

verl 0.9.1 builds sampling parameters in the agent loop and has no key for stop strings, gives
requests no seed of their own, and reports "stop" and "length" alike as "completed". All three are
settled here, through verl's registration of agent loops (`rollout.agent.agent_loop_config_path`).
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Literal

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from harness.plugins.request_seed import REQUEST_SEED_VARIABLE, request_seed

FINAL_SWITCH = "HARNESS_FINAL_OUTPUT"
"""Environment variable: "1" lets vLLM report a response once, when it is finished."""

PROMPTS_KEPT = 1024
"""Prompts whose tokens are kept at most."""

FinishReason = Literal["stop", "length"]


def finish_reason(
    response_ids: list[int], text: str, *, limit: int, eos_id: int | None, stop: tuple[str, ...]
) -> FinishReason:
    """Say why a response ended, from the response alone.

    Args:
        response_ids: tokens of the response, the stop token included.
        text: the decoded response, special tokens left out.
        limit: most tokens that the response could have had.
        eos_id: id of the end-of-text token, if the tokenizer has one.
        stop: stop strings, kept in the output.

    Returns:
        "stop" if it ended by itself, "length" if it was cut off. A response of full length whose
        last token ends the text or completes a stop string has stopped.
    """
    if len(response_ids) < limit:
        return "stop"
    if response_ids and response_ids[-1] == eos_id:
        return "stop"
    return "stop" if text.endswith(stop) else "length"


def _output_kind() -> dict[str, Any]:
    """Return the sampling parameter that has a response reported once.

    Works around, in verl 0.9.1: only the last of the outputs of a request is read, but vLLM builds
    and delivers one for each token.
    No longer needed when: `vllm_async_server.py` asks for `RequestOutputKind.FINAL_ONLY`.
    """
    if os.environ.get(FINAL_SWITCH) != "1":
        return {}
    from vllm.sampling_params import RequestOutputKind

    return {"output_kind": RequestOutputKind.FINAL_ONLY}


class PairedAgentLoop(SingleTurnAgentLoop):
    """verl's single-turn loop with stop strings and a seed hashed from what is asked.

    Args:
        stop: stop strings; a response ends with the first one, which stays in the output.
        kwargs: as verl passes them to every agent loop.
    """

    def __init__(self, *args: Any, stop: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stop = tuple(stop)
        self.run_seed = int(os.environ[REQUEST_SEED_VARIABLE])
        self._prompts: dict[tuple[tuple[str, str], ...], asyncio.Task[list[int]]] = {}

    async def ct_build_initial_tokens(
        self, messages: list[dict[str, Any]], **extra: Any
    ) -> list[int]:
        """Return the tokens of a prompt; the samples of a question share one tokenisation.

        Works around, in verl 0.9.1: each of them tokenises the prompt anew, a fifth of the agent
        loop's time at micro scale (docs/lab/0012).
        """
        if any(extra.values()):
            return await super().ct_build_initial_tokens(messages, **extra)
        key = tuple((message["role"], message["content"]) for message in messages)
        if key not in self._prompts:
            if len(self._prompts) >= PROMPTS_KEPT:
                self._prompts.clear()
            build = super().ct_build_initial_tokens(messages, **extra)
            self._prompts[key] = asyncio.create_task(build)
        return list(await self._prompts[key])

    async def run(
        self, sampling_params: dict[str, Any], priority: int = 0, **kwargs: Any
    ) -> AgentLoopOutput:
        """Generate one response; `extra_fields` then holds what the reward must know of it."""
        question = str(kwargs["extra_info"]["question_id"])
        sample = int(kwargs["session_id"])
        seed = request_seed(self.run_seed, int(kwargs["global_steps"]), question, sample)
        sampling_params = {
            **sampling_params,
            # without one a request draws from the server's generator, in the order of scheduling
            "seed": seed,
            "stop": list(self.stop),
            "include_stop_str_in_output": True,
            **_output_kind(),
        }
        output = await super().run(sampling_params, priority, **kwargs)
        # verl keeps no finish reason that tells a cut response from a whole one
        text = self.tokenizer.decode(output.response_ids, skip_special_tokens=True)
        reason = finish_reason(
            output.response_ids,
            text,
            limit=self.response_length,
            eos_id=self.tokenizer.eos_token_id,
            stop=self.stop,
        )
        output.extra_fields.update(
            sample=sample, finish_reason=reason, response_tokens=len(output.response_ids)
        )
        return output
