"""The metrics there are: name, where it is read, unit, meaning. Nothing else enters a table.

Training metrics are keys of metrics.jsonl, one value per training step. Evaluation metrics are
computed from the rows of generations/<step>.jsonl, per split: their name ends in the split
("accuracy" of split "eval_easy" is `accuracy_easy`). verl's own validation aggregates are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.schema import UsageError

Source = Literal["training", "evaluation"]

FINAL_TRAINING_STEPS = 10
"""A training metric's final window: the mean of the last 10 steps, since one batch is noisy."""

REFLECTION_WORDS = ("wait,", "recheck", "retry", "alternatively,", "however,")
"""A response that contains one of these, in any case, counts as reflecting (paper v1, Fig. 6)."""

SPLIT_PREFIX = "eval_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric.

    Attributes:
        name: in the tables; for an evaluation metric without the split.
        path: key of metrics.jsonl, or field of an evaluation row (and the value that counts).
        unit: of the value.
        help: one line for the glossary.
        source: which file it is read from.
        is_required: a finished run without it is an error.
        label: for figure axes, without the unit.
    """

    name: str
    path: str
    unit: str
    help: str
    source: Source = "training"
    is_required: bool = False
    label: str = ""

    @property
    def window(self) -> str:
        """What "at the end of training" means for it."""
        if self.source == "evaluation":
            return "last evaluation"
        return f"mean of the last {FINAL_TRAINING_STEPS} training steps"


def _training(name: str, path: str, unit: str, help_: str, label: str = "") -> Column:
    return Column(name=name, path=path, unit=unit, help=help_, label=label or name)


def _evaluation(name: str, path: str, unit: str, help_: str, label: str) -> Column:
    return Column(name=name, path=path, unit=unit, help=help_, label=label, source="evaluation")


TRAINING = (
    Column(
        name="reward",
        path="critic/score/mean",
        unit="1",
        help="Mean reward of the task over the batch, before any KL term.",
        is_required=True,
        label="training reward",
    ),
    Column(
        name="response_length",
        path="response_length/mean",
        unit="tokens",
        help="Mean length of the batch's responses.",
        is_required=True,
        label="response length",
    ),
    _training(
        "reward_with_kl",
        "critic/rewards/mean",
        "1",
        "Mean reward that the advantages are made from: with the KL term, if it is in the reward.",
    ),
    _training("response_length_max", "response_length/max", "tokens", "Longest of the batch."),
    _training(
        "clipped_share",
        "response_length/clip_ratio",
        "fraction",
        "Responses of the batch as long as the limit.",
    ),
    _training(
        "entropy",
        "actor/entropy",
        "nats",
        "Mean entropy of the policy's next-token distribution.",
    ),
    _training("policy_loss", "actor/pg_loss", "1", "Policy-gradient loss."),
    _training(
        "policy_kl",
        "actor/ppo_kl",
        "nats",
        "Estimate (k1) of the divergence of the updated policy from the one that sampled.",
    ),
    _training(
        "policy_clip_share",
        "actor/pg_clipfrac",
        "fraction",
        "Tokens whose probability ratio was clipped.",
    ),
    _training(
        "policy_gradient_norm", "actor/grad_norm", "1", "Norm of the actor's gradient before clip."
    ),
    _training("policy_learning_rate", "actor/lr", "1", "Learning rate of the actor."),
    _training(
        "kl_loss",
        "actor/kl_loss",
        "nats",
        "Divergence from the reference policy in the loss; only there with a KL loss.",
    ),
    _training(
        "kl_in_reward",
        "actor/reward_kl_penalty",
        "nats",
        "Divergence from the reference policy in the reward; only there with KL in the reward.",
    ),
    _training("value_loss", "critic/vf_loss", "1", "Loss of the critic."),
    _training(
        "value_explained_variance",
        "critic/vf_explained_var",
        "1",
        "1 - var(return - value) / var(return): 1 is a perfect critic, 0 a constant one.",
    ),
    _training("value_mean", "critic/values/mean", "1", "Mean value that the critic predicts."),
    _training(
        "value_gradient_norm", "critic/grad_norm", "1", "Norm of the critic's gradient before clip."
    ),
    _training("advantage_max", "critic/advantages/max", "1", "Largest advantage of the batch."),
    _training("advantage_min", "critic/advantages/min", "1", "Smallest advantage of the batch."),
    _training(
        "rollout_probs_diff",
        "training/rollout_probs_diff_mean",
        "1",
        "Mean absolute difference of a token's probability between rollout and training engine.",
    ),
    _training("tokens", "perf/total_num_tokens", "tokens", "Prompt and response tokens."),
    _training(
        "throughput", "perf/throughput", "tokens/s", "Tokens of the step per second and device."
    ),
    _training("step_time", "timing_s/step", "s", "Whole step; its parts follow."),
    _training("generation_time", "timing_s/gen", "s", "Waiting for responses."),
    _training("old_log_prob_time", "timing_s/old_log_prob", "s", "Log-probabilities of the actor."),
    _training("reference_time", "timing_s/ref", "s", "Log-probabilities of the reference."),
    _training("values_time", "timing_s/values", "s", "Values of the critic."),
    _training("advantage_time", "timing_s/adv", "s", "Rewards to advantages."),
    _training("critic_update_time", "timing_s/update_critic", "s", "Update of the critic."),
    _training("actor_update_time", "timing_s/update_actor", "s", "Update of the actor."),
    _training("weight_sync_time", "timing_s/update_weights", "s", "New weights to the rollout."),
    _training("evaluation_time", "timing_s/testing", "s", "Evaluation after the step."),
)
"""Metrics of training steps, in the order of the glossary."""

EVALUATION = (
    _evaluation(
        "accuracy",
        "correct",
        "fraction",
        "Mean over questions of the mean over samples of `correct`, by the rule of the paper"
        " whatever the training reward is. Truncated and unparsable answers are not correct.",
        "accuracy",
    ),
    _evaluation(
        "format",
        "format_ok",
        "fraction",
        "Samples in the format of the prompt: think block, then answer block.",
        "format ratio",
    ),
    _evaluation(
        "response_tokens", "response_tokens", "tokens", "Mean length of a sample.", "length"
    ),
    _evaluation(
        "wrong",
        "outcome=wrong",
        "fraction",
        "Samples with an answer that could be read and is not the reference.",
        "wrong answers",
    ),
    _evaluation(
        "unparsable",
        "outcome=unparsable",
        "fraction",
        "Finished samples in which no answer could be read.",
        "unparsable answers",
    ),
    _evaluation(
        "truncated",
        "outcome=truncated",
        "fraction",
        "Samples cut off at the length limit.",
        "truncated answers",
    ),
    _evaluation(
        "reflection",
        "output",
        "fraction",
        f"Samples that contain one of: {' '.join(REFLECTION_WORDS)}",
        "reflecting answers",
    ),
    _evaluation(
        "samples", "question_id", "rows", "Sample rows that were found for the step.", "rows found"
    ),
)
"""Metrics of evaluation rows, in the order of the glossary; each exists once per split."""

_BY_NAME = {column.name: column for column in (*TRAINING, *EVALUATION)}


def short_split(split: str) -> str:
    """Return the ending of a split's metrics: "eval_easy" gives "easy"."""
    return split.removeprefix(SPLIT_PREFIX)


def column_of(metric: str) -> Column:
    """Return the column of a metric's full name, for example `reward` or `accuracy_easy`.

    Raises:
        UsageError: there is no such metric.
    """
    column = _BY_NAME.get(metric)
    if column is not None and column.source == "training":
        return column
    name, split = split_of(metric)
    column = _BY_NAME.get(name)
    if column is None or column.source != "evaluation" or not split:
        training = ", ".join(c.name for c in TRAINING)
        evaluation = ", ".join(f"{c.name}_<split>" for c in EVALUATION)
        raise UsageError(
            f"unknown metric {metric!r}: choose one of {training}, {evaluation} (docs/metrics.md)"
        )
    return column


def split_of(metric: str) -> tuple[str, str]:
    """Return (column name, short split) of an evaluation metric's full name."""
    for column in EVALUATION:
        if metric.startswith(f"{column.name}_"):
            return column.name, metric.removeprefix(f"{column.name}_")
    return metric, ""


def label_of(metric: str) -> str:
    """Return the axis label of a metric, with its split, without its unit."""
    column = column_of(metric)
    if column.source == "training":
        return column.label
    return f"{column.label} ({split_of(metric)[1]})"
