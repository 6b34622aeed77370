"""Whether two sides are paired: the same seeds, and a seed that means the same on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.sides import Side

PAIRED_KEYS = {
    "verl.data.train_files": "training questions",
    "verl.data.shuffle": "order of the training questions",
    "verl.data.train_batch_size": "questions per step",
    "verl.actor_rollout_ref.rollout.n": "responses per question",
    "verl.actor_rollout_ref.rollout.agent.default_agent_loop": "seeds of single requests",
    "verl.trainer.v1.sampler.custom_sampler.name": "order within a batch",
}
"""Config keys without which a seed does not give both sides the same prompts, and what they do."""

LEAST_SHARED = 0.5
"""Share of the smaller side's seeds that must be common; with less, pairing wastes the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How the seeds of two sides go together.

    Attributes:
        is_paired: compare seed by seed.
        seeds: the candidate's and the baseline's seeds that are compared; paired: the same.
        note: how, or why not, and which seeds are left out.
    """

    is_paired: bool
    seeds: tuple[tuple[int, ...], tuple[int, ...]]
    note: str


def pair_sides(candidate: Side, baseline: Side) -> Pairing:
    """Decide, from protocol and seeds alone and never from the values, how two sides are compared.

    Paired if data, initial model and `PAIRED_KEYS` agree and at least two seeds, and half of the
    smaller side's, are common; else unpaired, with all seeds of both sides. If the candidate has
    all seeds of the baseline, only these enter.
    """
    shared = tuple(seed for seed in candidate.seeds if seed in baseline.seeds)
    why = _differences(candidate, baseline)
    smaller = min(len(candidate.seeds), len(baseline.seeds))
    if len(shared) < 2 or len(shared) < LEAST_SHARED * smaller:
        why.append(
            f"{len(shared)} of {len(candidate.seeds)} seeds of the candidate and"
            f" {len(baseline.seeds)} of the baseline are common"
        )
    if why:
        # a candidate does not choose its seeds: beside the baseline's, more of them do not count
        is_whole = len(shared) == len(baseline.seeds)
        mine = shared if is_whole else candidate.seeds
        more = [str(seed) for seed in candidate.seeds if seed not in mine]
        out = f"; left out: candidate seed{'s' if more[1:] else ''} {', '.join(more)}"
        return Pairing(
            is_paired=False,
            seeds=(mine, baseline.seeds),
            note=f"unpaired (Welch): {'; '.join(why)}{out if more else ''}",
        )
    left = [
        f"{side.role} seed{'s' if len(extra) > 1 else ''} {', '.join(map(str, extra))}"
        for side in (candidate, baseline)
        if (extra := [seed for seed in side.seeds if seed not in shared])
    ]
    out = f"; left out: {', '.join(left)}" if left else ""
    seeds = ", ".join(map(str, shared))
    return Pairing(
        is_paired=True,
        seeds=(shared, shared),
        note=f"paired by seed ({seeds}): data, initial model, prompts and their order match{out}",
    )


def _differences(candidate: Side, baseline: Side) -> list[str]:
    """Say why the same seed would not mean the same on both sides; none if it does."""
    found = []
    for name in ("data", "model"):
        mine, other = candidate.protocol.get(name), baseline.protocol.get(name)
        if not mine or mine != other:
            found.append(f"the {name} {'differs' if mine and other else 'is not stated'}")
    if not (candidate.config and baseline.config):
        return [*found, "a resolved config is not stated"]
    for key, what in PAIRED_KEYS.items():
        if candidate.config.get(key) != baseline.config.get(key):
            found.append(f"{what} differ ({key})")
    return found
