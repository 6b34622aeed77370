"""The diagnoses there are, and who follows a run with them: while it goes on, and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.metrics.health import rules
from harness.metrics.health.evidence import Evidence, Setting, Step
from harness.metrics.health.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that can be wrong.

    Attributes:
        name: a few words.
        means: one sentence.
        when: the rule in words, with its thresholds.
        remedy: what to do.
        rule: decides.
    """

    name: str
    means: str
    when: str
    remedy: str
    rule: Rule


class Finding(NamedTuple):
    """A diagnosis that holds.

    Attributes:
        diagnosis: which.
        step: the first one at which it held.
        evidence: at that step, at least one.
    """

    diagnosis: Diagnosis
    step: int
    evidence: Sequence[Evidence]

    @property
    def text(self) -> str:
        """Name, evidence and remedy, for one line."""
        measured = "; ".join(item.text for item in self.evidence)
        return f"{self.diagnosis.name}: {measured}. {self.diagnosis.remedy}"


class Watch:
    """Follows one run step by step and tells each diagnosis once.

    Args:
        setting: of the run.
    """

    def __init__(self, setting: Setting) -> None:
        """Begin before the first step."""
        self.setting = setting
        self._steps: list[Step] = []
        self._waiting = list(DIAGNOSES)

    def see(self, step: Step) -> list[Finding]:
        """Take in the next step; return the diagnoses that hold for the first time."""
        self._steps.append(step)
        found = [
            Finding(diagnosis, step.number, evidence)
            for diagnosis in self._waiting
            if (evidence := diagnosis.rule(self._steps, self.setting))
        ]
        told = [finding.diagnosis for finding in found]
        self._waiting = [diagnosis for diagnosis in self._waiting if diagnosis not in told]
        return found


def findings(steps: Sequence[Step], setting: Setting) -> list[Finding]:
    """Return the diagnoses that held at any step of a run, by their first step."""
    watch = Watch(setting)
    return [finding for step in steps for finding in watch.see(step)]


DIAGNOSES: Sequence[Diagnosis] = (
    Diagnosis(
        name="Reward all zero or one",
        means="Every response is paid the same, so that nothing can be told from the reward.",
        when=f"`reward` is 0 in {rules.ZERO_STEPS} steps in a row, or 1 in {rules.ONE_STEPS}",
        remedy="Read responses of the last step in rollouts/: are the questions too hard or solved,"
        " or does the reward read something else than the responses say?",
        rule=rules.constant_reward,
    ),
    Diagnosis(
        name="Nothing can be graded",
        means="Responses have the form of an answer and none is read: the grader fails on them, or"
        " the policy writes no answer.",
        when="`training_accuracy` is 0 and `training_format` at least"
        f" {rules.LEAST_FORMAT:g} in {rules.GRADED_STEPS} steps in a row, or `unparsable_<split>`"
        f" is at least {rules.UNREADABLE:g} where `format_<split>` is at least"
        f" {rules.LEAST_FORMAT:g}",
        remedy="Read responses and their grade_reason in rollouts/ or generations/; grade them with"
        " another grader: python -m harness.grade.",
        rule=rules.no_grader,
    ),
    Diagnosis(
        name="Truncation",
        means="Many responses are cut off at the length limit, where the rule pays nothing.",
        when=f"`clipped_share` is over {rules.TRUNCATED:g} in the mean of"
        f" {rules.TRUNCATED_STEPS} steps",
        remedy="Raise verl.data.max_response_length if the responses are sound; if they repeat"
        " themselves, lower the learning rate.",
        rule=rules.above("clipped_share", rules.TRUNCATED_STEPS, rules.TRUNCATED),
    ),
    Diagnosis(
        name="Entropy collapse",
        means="The policy has become nearly certain of every token and explores no more.",
        when=f"`entropy`, mean of {rules.ENTROPY_STEPS} steps, is at most"
        f" {rules.ENTROPY_LEFT:.0%} of the first step's",
        remedy="Lower the learning rate, or sample at a higher temperature; a KL term holds the"
        " policy near its start.",
        rule=rules.collapsed_entropy,
    ),
    Diagnosis(
        name="Repetition",
        means="Responses go round in circles.",
        when=f"`training_repetition` is over {rules.REPEATED:g} in the mean of"
        f" {rules.REPEATED_STEPS} steps",
        remedy="Go back to a checkpoint before it began and lower the learning rate.",
        rule=rules.above("training_repetition", rules.REPEATED_STEPS, rules.REPEATED),
    ),
    Diagnosis(
        name="Rollout-training mismatch",
        means="The sampler and the trainer give the same tokens other probabilities, so the update"
        " is not that of the policy that sampled.",
        when=f"`rollout_probs_diff` is over {rules.MISMATCH:g} in the mean of"
        f" {rules.MISMATCH_STEPS} steps",
        remedy="Compare temperature, top_p, top_k, precision and the weights after"
        " the synchronisation in both engines; verl.algorithm.rollout_correction corrects what is"
        " left.",
        rule=rules.above("rollout_probs_diff", rules.MISMATCH_STEPS, rules.MISMATCH),
    ),
    Diagnosis(
        name="Ratio not one at the first update",
        means="Before anything was updated the policy's probabilities are not those of the batch.",
        when="with one update per batch, `policy_kl` of the first step is over"
        f" {rules.RATIO_KL:g} either way, or `policy_clip_share` over {rules.RATIO_CLIPPED:g}",
        remedy="Look for other weights, another temperature or filter of tokens, dropout, or a mask"
        " that is off by one between old and new log-probabilities.",
        rule=rules.ratio_not_one,
    ),
    Diagnosis(
        name="No update",
        means="The learning rate or the gradient is zero, or the policy stays what it was.",
        when=f"in {rules.STILL_STEPS} steps in a row, `policy_learning_rate` or"
        " `policy_gradient_norm` is 0, or `kl_to_base` (from step 2 on) at most"
        f" {rules.STILL_KL:g}",
        remedy="Check verl.actor_rollout_ref.actor.optim and its schedule; without a gradient,"
        " whether all responses of a question are paid the same; else whether new weights reach"
        " the sampler.",
        rule=rules.no_update,
    ),
    Diagnosis(
        name="Useless critic",
        means="The critic predicts returns no better than a constant would.",
        when="`value_explained_variance` is at most 0 in"
        f" {rules.CRITIC_STEPS} steps in a row, while the mean `reward` is between"
        f" {rules.LEAST_PAID:g} and {rules.MOST_PAID:g}",
        remedy="Check that the reward depends on the response at all; train the critic longer or"
        " first (its learning rate, mini-batches, warm-up), or take an algorithm without one.",
        rule=rules.useless_critic,
    ),
    Diagnosis(
        name="Paid without truth",
        means="The policy earns more, by the form of its answers or by what a weak grader takes for"
        " an answer, and is not right more often.",
        when=f"in the mean of {rules.PAID_STEPS} steps, `reward_gap` is at least"
        f" {rules.PAID_GAP:g}, `reward` has risen by {rules.PAID_RISE:g} since the first"
        f" {rules.PAID_STEPS}, and `training_accuracy` by at most half of that",
        remedy="Read responses that are paid and not right; pay right answers only (reward=rule),"
        " or the format only of a right answer.",
        rule=rules.paid_without_truth,
    ),
    Diagnosis(
        name="Silent resume",
        means="The steps are not those of one run from its beginning, and no record says why.",
        when="steps with a `reward` do not begin with 1 (or behind the checkpoint that the record"
        " names), repeat or jump",
        remedy="Look for a checkpoint of another run in verl.trainer.default_local_dir; set"
        " resume_mode=disable, or join the streams of both parts.",
        rule=rules.silent_resume,
    ),
    Diagnosis(
        name="Stalled throughput",
        means="Steps take many times as long for each token as they did before.",
        when=f"`throughput` of {rules.STALLED_STEPS} steps in a row is at most"
        f" {rules.STALLED:.0%} of the median of up to {rules.PACE_STEPS} steps before",
        remedy="Look at what else the machine runs, its memory and swap, and which phase"
        " takes the time (`generation_time`, `actor_update_time`).",
        rule=rules.stalled,
    ),
)
"""Every diagnosis, in the order of the table of docs/reliability.md."""
