"""The way of a batch through verl's own trainer and worker, from the replay buffer to an update.

Real are the order of our replay buffer and verl between it and the model: balancing over
data-parallel ranks, what the trainer asks of a worker, the cut into ranks and into mini-batches.
Only the processes and the model are left out: who is handed a mini-batch writes it down.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import chain
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from omegaconf import OmegaConf
from tensordict import TensorDict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils import tensordict_utils as tu
from verl.workers.engine_workers import TrainingWorker

from harness.plugins.ordered_replay import batch_order


class Row(NamedTuple):
    """One response: the number of its question in the data set, and of its sample."""

    question: int
    sample: int


def batch_of(questions: int, samples: int, *, seed: int = 0) -> KVBatchMeta:
    """A batch as our replay buffer hands it out, with responses of random length."""
    rng = np.random.default_rng(seed)
    keys = [f"{question}_{sample}_0" for question in range(questions) for sample in range(samples)]
    keys = [keys[place] for place in rng.permutation(len(keys))]  # as a queue returns them
    tags = [{"seq_len": int(length)} for length in rng.integers(20, 2000, size=len(keys))]
    batch = KVBatchMeta(keys=keys, tags=tags, partition_id="train")
    batch.reorder(batch_order(keys, {key: row_of(key).question for key in keys}))
    return batch


def row_of(key: str) -> Row:
    question, sample, _ = key.split("_")
    return Row(int(question), int(sample))


def updates_of(
    verl: dict[str, Any], model: str, *, ranks: int = 1, seed: int = 0
) -> list[list[Row]]:
    """The rows of each update that a cell makes of one batch, in their order.

    Args:
        verl: verl's keys of the cell.
        model: "actor" or "critic".
        ranks: data-parallel ranks.
        seed: of the batch.
    """
    defaults = files("verl.trainer.config") / "_generated_ppo_trainer.yaml"
    config = OmegaConf.merge(OmegaConf.load(str(defaults)), verl)
    workers = _Workers(ranks)
    trainer = SimpleNamespace(
        config=config,
        actor_rollout_wg=workers,
        critic_wg=workers,
        distillation_config=None,
        use_critic=True,
        global_steps=1,
        tokenizer=SimpleNamespace(eos_token_id=0),
    )
    rule = PPOTrainerSync._get_required_batch_multiple
    trainer._get_required_batch_multiple = lambda size: rule(trainer, size)
    batch = batch_of(config.data.train_batch_size, config.actor_rollout_ref.rollout.n, seed=seed)
    batch = PPOTrainerSync._balance_batch(trainer, batch, {})
    getattr(PPOTrainerSync, f"_update_{model}")(trainer, batch, {})
    return workers.updates


class _Workers:
    """A worker group whose ranks train one after the other."""

    def __init__(self, ranks: int) -> None:
        self.ranks = ranks
        self._dispatch_info = {"actor": list(range(ranks))}
        self.updates: list[list[Row]] = []

    def train_mini_batch(self, batch: KVBatchMeta) -> "_Output":
        parts = enumerate(batch.chunk(self.ranks))
        by_rank = [_mini_batches(part, rank, self.ranks) for rank, part in parts]
        # an update is made of what all ranks train on at the same time
        self.updates = [list(chain(*shares)) for shares in zip(*by_rank, strict=True)]
        return _Output(metrics={"mfu": 0.0})

    update_actor = train_mini_batch


class _Output(dict[str, Any]):
    def get(self) -> "_Output":  # type: ignore[override]
        return self


class _Engine:
    def __init__(self, rank: int, ranks: int) -> None:
        self.get_data_parallel_rank = lambda: rank
        self.get_data_parallel_size = lambda: ranks
        self.is_mp_src_rank_with_outputs = lambda: False

    @contextmanager
    def train_mode(self, **_: Any) -> Iterator[None]:
        yield


def _mini_batches(part: KVBatchMeta, rank: int, ranks: int) -> list[list[Row]]:
    """What verl's worker trains on in one rank, mini-batch by mini-batch."""
    rows = torch.tensor([row_of(key) for key in part.keys])
    data = TensorDict({"row": rows}, batch_size=[len(rows)])
    for key, value in (part.extra_info or {}).items():  # as verl's bridge to the queue does
        tu.assign_non_tensor_data(tensor_dict=data, key=key, val=value)
    seen: list[list[Row]] = []

    def train_batch(mini_batch: TensorDict) -> None:
        seen.append([Row(*row) for row in mini_batch["row"].tolist()])

    worker = SimpleNamespace(
        engine=_Engine(rank, ranks),
        train_batch=train_batch,
        profiler=SimpleNamespace(step=lambda: None),
    )
    inspect.unwrap(TrainingWorker.train_mini_batch)(worker, data)
    return seen
