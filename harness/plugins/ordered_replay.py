"""A replay buffer that hands out whole batches in the order of their questions, and polls often.

verl 0.9.1 names prompts by uuid4 and orders rows as the queue returns them, so two runs of one seed
would split the same batch into different mini-batches. It is verl's own sampling otherwise. A batch
sorted like this is shuffled again, by a seed of the cell, where it makes several mini-batches
(`actor.shuffle` in harness/conf/config.yaml): each would else be a few whole questions. No longer
needed when two runs of one seed train on the same rows in the same order without it.
"""

from __future__ import annotations

from typing import Any

import transfer_queue as tq
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer


def batch_order(keys: list[str], index_of_key: dict[str, int]) -> list[int]:
    """Return the positions of `keys` ordered by (question, sample, turn).

    Args:
        keys: trajectory keys, `<uid>_<sample>_<turn>`.
        index_of_key: row index of the question in its data set, per key.

    Returns:
        A permutation of range(len(keys)).
    """

    def place(position: int) -> tuple[int, int, int]:
        _, sample, turn = keys[position].rsplit("_", 2)
        return index_of_key[keys[position]], int(sample), int(turn)

    return sorted(range(len(keys)), key=place)


class OrderedReplayBuffer(ReplayBuffer):
    """verl's synchronous replay buffer with rows in the order of the data.

    Args:
        sampler_kwargs: `poll_interval` in seconds (verl waits 2.0 between looks, whatever the work
            takes), and any argument that verl passes to its own buffer but not to a custom one.
        kwargs: as verl passes them.
    """

    def __init__(self, *, sampler_kwargs: Any, **kwargs: Any) -> None:
        super().__init__(sampler_kwargs=sampler_kwargs, **{**kwargs, **dict(sampler_kwargs)})

    def _materialize_batch(
        self, partition_id: str, selected_prompt_uids: list[str], partition_snapshot: dict
    ) -> KVBatchMeta:
        failed = self.failure_keys[partition_id] & set(selected_prompt_uids)
        if failed:
            # verl goes on with the rest: what cannot be graded would choose what is trained on
            raise RuntimeError(
                f"{len(failed)} of {len(selected_prompt_uids)} prompts have a response that failed:"
                " the log says why"
            )
        batch = super()._materialize_batch(partition_id, selected_prompt_uids, partition_snapshot)
        # the keys hold random names of the prompts: only the queue knows which questions they are
        rows = tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=["index"]
        )
        index_of_key = dict(zip(batch.keys, map(int, list(rows["index"])), strict=True))
        batch.reorder(batch_order(batch.keys, index_of_key))
        return batch
