"""What the installed verl computes, as one number for each of its formulas.

Golden tensors (four responses of two questions, some tokens that do not count) go through verl's
functions, and each result is summed up with fixed weights. A verl that was patched, or whose
release is wrong, shows itself by the number that moves, whatever version it names.

    python -m harness.plugins.fingerprint    prints the numbers that differ, and the fingerprint
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

FILE = "fingerprint.json"
"""Written into the folder of an attempt before its first step."""

LENGTHS = (3, 5, 2, 4)
PROMPT = 2
MASK = [[int(t < length) for t in range(5)] for length in LENGTHS]
REWARDS = [0.25, 0.0, 1.0, 0.5]
GROUPS = ["a", "a", "b", "b"]
RATE = 2e-4
TOLERANCE = 2e-5
"""Of a number, relative: verl computes some of them in single precision."""

Rows = list[list[float]]


def _golden(turn: float, scale: float, shift: float) -> Rows:
    return [[scale * math.sin(turn + 7 * i + 3 * t) - shift for t in range(5)] for i in range(4)]


VALUES, ADVANTAGES, RETURNS = (_golden(turn, 1.0, 0.0) for turn in (1.0, 2.0, 3.0))
NEW, OLD, REFERENCE = (_golden(turn, 0.3, 1.0) for turn in (4.0, 5.0, 6.0))


def tokens(rows: Any) -> list[float]:
    """Return the values of the tokens that count, response by response."""
    return [float(rows[i][t]) for i, length in enumerate(LENGTHS) for t in range(length)]


def tensor(rows: Any) -> Any:
    """Return rows as a tensor in double precision."""
    import torch

    return torch.tensor(rows, dtype=torch.float64)


def token_rewards() -> Any:
    """Return each response's reward at its last token, shape (4, 5)."""
    rows = [[0.0] * 5 for _ in LENGTHS]
    for row, length, reward in zip(rows, LENGTHS, REWARDS, strict=True):
        row[length - 1] = reward
    return tensor(rows)


def gae() -> list[float]:
    """Advantages and returns for two pairs of gamma and lambda; masked tokens must not leak in."""
    from verl.trainer.ppo import core_algos

    found: list[float] = []
    for gamma, lam in ((1.0, 1.0), (0.9, 0.8)):
        pair = core_algos.compute_gae_advantage_return(
            token_rewards(), tensor(VALUES), tensor(MASK), gamma, lam
        )
        found += [*tokens(pair[0]), *tokens(pair[1])]
    return found


def group_advantage() -> list[float]:
    """Score minus mean, over the deviation, of the samples of one question."""
    import numpy as np
    from verl.trainer.ppo import core_algos

    groups = np.array(GROUPS, dtype=object)
    return tokens(
        core_algos.compute_grpo_outcome_advantage(token_rewards(), tensor(MASK), groups)[0]
    )


def kl_estimators() -> list[float]:
    """k1, k2, k3 (Schulman 2020) and the absolute difference."""
    from verl.trainer.ppo import core_algos

    kinds = ("kl", "mse", "low_var_kl", "abs")
    rows = [core_algos.kl_penalty(tensor(NEW), tensor(REFERENCE), kind) for kind in kinds]
    return [value for found in rows for value in tokens(found)]


def reward_has_the_kl_term() -> list[float]:
    """Rewards of tokens with 0.3 times k1 taken off."""
    from verl import DataProto
    from verl.trainer.ppo import core_algos, ray_trainer

    tensors = {
        "response_mask": tensor(MASK),
        "token_level_scores": token_rewards(),
        "old_log_probs": tensor(OLD),
        "ref_log_prob": tensor(REFERENCE),
    }
    controller = core_algos.FixedKLController(kl_coef=0.3)
    data, _ = ray_trainer.apply_kl_penalty(DataProto.from_dict(tensors=tensors), controller, "kl")
    return tokens(data.batch["token_level_rewards"])


def policy_loss() -> list[float]:
    """PPO's clipped objective, mean over the tokens that count."""
    return [_actor_loss({"old_log_probs": OLD, "advantages": ADVANTAGES})]


def actor_loss_has_the_kl_term() -> list[float]:
    """The policy loss plus 0.7 times the mean of k3."""
    rows = {"old_log_probs": OLD, "advantages": ADVANTAGES, "ref_log_prob": REFERENCE}
    return [_actor_loss(rows, use_kl_loss=True, kl_loss_coef=0.7, kl_loss_type="low_var_kl")]


def value_loss() -> list[float]:
    """Half the larger of the plain and the clipped square, mean over the tokens that count."""
    from verl.trainer.ppo import core_algos

    found = core_algos.compute_value_loss(
        tensor(NEW), tensor(RETURNS), tensor(VALUES), tensor(MASK), 0.2
    )
    return [found[0].item()]


def critic_loss_adds_up() -> list[float]:
    """The critic's loss of a batch, as the sum of those of three micro-batches of it."""
    from verl.workers.utils import losses

    config = SimpleNamespace(
        cliprange_value=0.2, loss_agg_mode="token-mean", loss_scale_factor=None
    )
    total = 0.0
    for kept in ([0], [1, 2], [3]):
        output = {"values": _model_output(NEW, kept)}
        rows = {"values": VALUES, "returns": RETURNS}
        total += _loss_of(losses.value_loss, config, output, kept, **rows)
    return [total]


def aggregation() -> list[float]:
    """The mean over the tokens of a batch, at once and as the sum over its responses."""
    from verl.trainer.ppo import core_algos

    whole = core_algos.agg_loss(tensor(NEW), tensor(MASK), "token-mean")
    parts = [
        core_algos.agg_loss(
            tensor([NEW[n]]), tensor([MASK[n]]), "token-mean", batch_num_tokens=sum(LENGTHS)
        )
        for n in range(4)
    ]
    return [whole.item(), float(sum(part.item() for part in parts))]


def rate_at_step_one() -> list[float]:
    """The learning rate of the first two updates, constant and without warm-up, over its own."""
    import torch
    from verl.utils.torch_functional import get_constant_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler = get_constant_schedule_with_warmup(optimizer=optimizer, num_warmup_steps=0)
    rates = []
    for _ in range(2):
        rates.append(optimizer.param_groups[0]["lr"] / RATE)
        optimizer.step()
        scheduler.step()
    return rates


def _nested(rows: Any, kept: Sequence[int]) -> Any:
    import torch

    parts = [tensor(rows[n][: LENGTHS[n]]) for n in kept]
    return torch.nested.as_nested_tensor(parts, layout=torch.jagged)


def _model_output(rows: Rows, kept: Sequence[int]) -> Any:
    """Return what a model gives for prompt and response: a token's value one place before it."""
    import torch

    parts = [tensor([9.0] * (PROMPT - 1) + rows[n][: LENGTHS[n]] + [9.0]) for n in kept]
    return torch.nested.as_nested_tensor(
        [part.requires_grad_() for part in parts], layout=torch.jagged
    )


def _padded(rows: Any, kept: Sequence[int]) -> Any:
    return tensor([rows[n] for n in kept])


def _loss_of(loss: Any, config: Any, output: Any, kept: Sequence[int], **rows: Rows) -> float:
    try:
        found = loss(config, output, _batch(kept, is_nested=True, **rows))
    # verl before 0.8 hands its losses padded tensors
    except KeyError:
        found = loss(config, output, _batch(kept, is_nested=False, **rows))
    return float(found[0].item())


def _batch(kept: Sequence[int], *, is_nested: bool, **rows: Rows) -> Any:
    """Return a micro-batch of some responses, as verl's engine hands it to a loss."""
    import torch
    from tensordict import TensorDict
    from verl.utils import tensordict_utils as tu

    form = _nested if is_nested else _padded
    fields = {name: form(value, kept) for name, value in rows.items()}
    fields["response_mask"] = form(MASK, kept)
    fields["responses"] = form([[1.0] * 5] * 4, kept)
    if is_nested:
        fields["prompts"] = torch.nested.as_nested_tensor(
            [torch.ones(PROMPT) for _ in kept], layout=torch.jagged
        )
    else:
        fields["prompts"] = torch.ones(len(kept), PROMPT)
        fields["attention_mask"] = torch.tensor([[1] * PROMPT + MASK[n] for n in kept])
    data = TensorDict(fields, batch_size=[len(kept)])
    numbers = {"dp_size": 1, "batch_num_tokens": sum(LENGTHS), "global_batch_size": 4}
    for key, value in numbers.items():
        tu.assign_non_tensor_data(tensor_dict=data, key=key, val=value)
    return data


def _actor_loss(rows: Mapping[str, Rows], **changes: Any) -> float:
    from verl.workers.config import ActorConfig
    from verl.workers.utils import losses

    clip = {"clip_ratio": 0.2, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2, "clip_ratio_c": 1e6}
    config = ActorConfig(
        strategy="fsdp2",
        rollout_n=1,
        ppo_micro_batch_size_per_gpu=1,
        loss_agg_mode="token-mean",
        **clip,
        **changes,
    )
    kept = [0, 1, 2, 3]
    return _loss_of(losses.ppo_loss, config, {"log_probs": _model_output(NEW, kept)}, kept, **rows)


MEASURES: Mapping[str, Callable[[], list[float]]] = {
    measure.__name__: measure
    for measure in (
        gae,
        group_advantage,
        kl_estimators,
        reward_has_the_kl_term,
        policy_loss,
        actor_loss_has_the_kl_term,
        value_loss,
        critic_loss_adds_up,
        aggregation,
        rate_at_step_one,
    )
}

EXPECTED: Mapping[str, float] = {
    "gae": 0.42572064,
    "group_advantage": -4.035509,
    "kl_estimators": 0.075965101,
    "reward_has_the_kl_term": -1.0689148,
    "policy_loss": -0.0775425,
    "actor_loss_has_the_kl_term": -0.053840765,
    "value_loss": 0.47673181,
    "critic_loss_adds_up": 0.47673181,
    "aggregation": -0.12734438,
    "rate_at_step_one": 0.12415547,
}
"""What the formulas give; `tests/plugins/test_fingerprint.py` works them out without verl."""


def summed_up(values: Sequence[float]) -> float:
    """Return values as one number that moves with each of them and with their order."""
    return math.fsum(math.cos(place + 1) * value for place, value in enumerate(values))


def taken() -> dict[str, float | str]:
    """Return each number of the installed verl, or why there is none."""
    found: dict[str, float | str] = {}
    for name, measure in MEASURES.items():
        try:
            found[name] = summed_up(measure())
        # another verl may lack a function, call it otherwise, or refuse these tensors
        except Exception as error:
            found[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return found


def departures(found: Mapping[str, float | str]) -> list[str]:
    """Return the names of the formulas that give another number than `EXPECTED`."""
    return [
        name
        for name, expected in EXPECTED.items()
        if not isinstance(found.get(name), float)
        or not math.isclose(float(found[name]), expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    ]


def text_of(found: Mapping[str, float | str]) -> str:
    """Return a fingerprint: the same text for engines that compute the same.

    Numbers that are as expected are not part of it: machines round differently.
    """
    wrong = {name: found.get(name) for name in departures(found)}
    if not wrong:
        known = json.dumps(EXPECTED, sort_keys=True)
        return f"as expected ({hashlib.sha256(known.encode()).hexdigest()[:8]})"
    shown = [
        f"{name} {value:.4g}" if isinstance(value, float) else name for name, value in wrong.items()
    ]
    return f"other: {', '.join(shown)}"


def report(module: ModuleType) -> None:
    """Have verl's trainer leave its fingerprint before it trains."""
    trainer = module.PPOTrainer
    original = trainer.fit

    def fit(self: Any, *words: Any, **named: Any) -> Any:
        found = taken()
        document = {"fingerprint": text_of(found), "numbers": found}
        Path(FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        print(f"verl's formulas: {document['fingerprint']}", flush=True)
        return original(self, *words, **named)

    trainer.fit = fit


def read(folder: Path) -> str:
    """Return the fingerprint in the folder of an attempt; "" if it has none."""
    try:
        return str(json.loads((folder / FILE).read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def main() -> int:
    """Print the fingerprint of the installed verl; the exit code is 1 if it is another."""
    found = taken()
    for name in departures(found):
        print(f"{name}: {found.get(name)}, expected {EXPECTED[name]:.6g}")
    print(text_of(found))
    return 1 if departures(found) else 0


if __name__ == "__main__":
    sys.exit(main())
