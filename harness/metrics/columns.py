"""The metrics there are, each defined here alone: its source, unit, direction, margin, meaning.

Training metrics are keys of metrics.jsonl, one value per training step. Evaluation metrics are
computed from the rows of generations/<step>.jsonl, per split: their name ends in the split
("accuracy" of split "eval_easy" is `accuracy_easy`). verl's own validation aggregates are not read.
Decimals belong to the unit (`harness.text.DECIMALS`).
"""

from __future__ import annotations

from harness.graders.reflection import REFLECTION_WORDS, attempts
from harness.metrics.column import POINTS, TENTH, Better, Column, Field, Margin
from harness.metrics.fields import (
    CORRECT,
    FORMAT_OK,
    OUTCOME,
    REFLECTION,
    REFLECTION_RATE,
    RESPONSE_TOKENS,
    RIGHT_REFLECTION_TOKENS,
    STORED_FIELDS,
)
from harness.schema import UsageError

SPLIT_PREFIX = "eval_"
_SHOWN = 60


def _training(
    name: str,
    key: str,
    unit: str,
    help_: str,
    better: Better = "neither",
    margin: Margin | None = None,
) -> Column:
    return Column(
        name=name, key=key, unit=unit, help=help_, better=better, margin=margin, label=name
    )


TRAINING = (
    Column(
        name="reward",
        key="critic/score/mean",
        unit="1",
        help="Mean reward of the task over the batch, before any KL term.",
        better="higher",
        margin=POINTS,
        is_required=True,
        label="training reward",
    ),
    Column(
        name="response_length",
        key="response_length/mean",
        unit="tokens",
        help="Mean length of the batch's responses.",
        margin=TENTH,
        is_required=True,
        label="response length",
    ),
    _training(
        "reward_with_kl",
        "critic/rewards/mean",
        "1",
        "Mean reward that the advantages are made from: with the KL term, if it is in the reward.",
        "higher",
        POINTS,
    ),
    _training("response_length_max", "response_length/max", "tokens", "Longest of the batch."),
    _training(
        "clipped_share",
        "response_length/clip_ratio",
        "fraction",
        "Responses of the batch as long as the limit.",
        "lower",
        POINTS,
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
        "higher",
        Margin(0.05),
    ),
    _training("value_mean", "critic/values/mean", "1", "Mean value that the critic predicts."),
    _training(
        "value_gradient_norm", "critic/grad_norm", "1", "Norm of the critic's gradient before clip."
    ),
    _training("advantage_max", "critic/advantages/max", "1", "Largest advantage of the batch."),
    _training("advantage_min", "critic/advantages/min", "1", "Smallest advantage of the batch."),
    _training(
        "training_accuracy",
        "rollout/accuracy",
        "fraction",
        "Responses of the batch that are right by the rule, whatever is paid.",
        "higher",
        POINTS,
    ),
    _training(
        "reward_gap",
        "rollout/reward_gap",
        "1",
        "Mean reward paid less the share of right responses: what is paid for something else.",
        "neither",
        POINTS,
    ),
    _training(
        "training_format",
        "rollout/format",
        "fraction",
        "Responses of the batch in the format of the prompt.",
        "higher",
        POINTS,
    ),
    _training("length_right", "rollout/length_right", "tokens", "Mean length of right responses."),
    _training("length_wrong", "rollout/length_wrong", "tokens", "Mean length of the others."),
    _training(
        "training_reflection",
        "rollout/reflection",
        "fraction",
        f"Responses of the batch that contain one of: {' '.join(REFLECTION_WORDS)}",
    ),
    *(
        _training(
            f"training_reflection_{word.strip(',')}",
            f"rollout/reflection_{word.strip(',')}",
            "fraction",
            f"Responses of the batch that contain {word}",
        )
        for word in REFLECTION_WORDS
    ),
    _training(
        "training_right_reflection_length",
        "rollout/right_reflection_length",
        "tokens",
        "Mean length of the batch's right responses with a word of reflection.",
    ),
    _training(
        "training_attempts",
        "rollout/attempts",
        "1",
        "Mean attempts of a response, as the micro-world writes them: numbers, then no or yes.",
    ),
    _training(
        "training_repetition",
        "rollout/repetition",
        "fraction",
        "Tokens of the batch from the place on where 8 tokens that stood in their response before"
        " begin again.",
        "lower",
        POINTS,
    ),
    _training(
        "kl_to_base",
        "rollout/kl_to_base",
        "nats",
        "Divergence (k3) of the policy that sampled from the model that training started from, on"
        " one response of each question; micro cells only.",
    ),
    *(
        _training(
            f"advantage_quarter_{number}",
            f"rollout/advantage_quarter_{number}",
            "1",
            f"Mean advantage of the tokens in quarter {number} of their response.",
        )
        for number in (1, 2, 3, 4)
    ),
    _training(
        "repetition_advantage",
        "rollout/repetition_advantage",
        "1",
        "Mean advantage of the tokens that `training_repetition` counts.",
    ),
    _training(
        "repetition_advantage_gap",
        "rollout/repetition_advantage_gap",
        "1",
        "The same less what the authors' GRPO would give these tokens (v2 Fig. 5).",
    ),
    _training(
        "repetition_value_change",
        "rollout/repetition_value_change",
        "1",
        "Mean value of these tokens less that of the tokens before them in their responses.",
    ),
    _training(
        "rollout_probs_diff",
        "training/rollout_probs_diff_mean",
        "1",
        "Mean absolute difference of a token's probability between rollout and training engine.",
        "lower",
        Margin(0.001),
    ),
    _training(
        "tokens", "perf/total_num_tokens", "tokens", "Prompt and response tokens.", "lower", TENTH
    ),
    _training(
        "throughput",
        "perf/throughput",
        "tokens/s",
        "Tokens of the step per second and device.",
        "higher",
        TENTH,
    ),
    _training("step_time", "timing_s/step", "s", "Whole step; its parts follow.", "lower", TENTH),
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
    Column(
        name="accuracy",
        source="evaluation",
        field=CORRECT,
        over="questions",
        unit="fraction",
        better="higher",
        margin=POINTS,
        help="Mean over questions of the mean over samples of `correct`, by the rule of the paper"
        " whatever the training reward is. Truncated and unparsable answers are not correct.",
        label="accuracy",
    ),
    Column(
        name="pass_at_n",
        source="evaluation",
        field=CORRECT,
        over="best",
        unit="fraction",
        better="higher",
        margin=POINTS,
        help="pass@k with k = n, the samples of a question: questions with a correct one.",
        label="pass@n",
    ),
    Column(
        name="format",
        source="evaluation",
        field=FORMAT_OK,
        unit="fraction",
        better="higher",
        margin=POINTS,
        help="Samples in the format of the prompt: think block, then answer block.",
        label="format ratio",
    ),
    Column(
        name="response_tokens",
        source="evaluation",
        field=RESPONSE_TOKENS,
        unit="tokens",
        margin=TENTH,
        help="Mean length of a sample.",
        label="length",
    ),
    Column(
        name="wrong",
        source="evaluation",
        field=OUTCOME,
        equals="wrong",
        unit="fraction",
        better="lower",
        margin=POINTS,
        help="Samples with an answer that could be read and is not the reference.",
        label="wrong answers",
    ),
    Column(
        name="unparsable",
        source="evaluation",
        field=OUTCOME,
        equals="unparsable",
        unit="fraction",
        better="lower",
        margin=POINTS,
        help="Finished samples in which no answer could be read.",
        label="unparsable answers",
    ),
    Column(
        name="truncated",
        source="evaluation",
        field=OUTCOME,
        equals="truncated",
        unit="fraction",
        better="lower",
        margin=POINTS,
        help="Samples cut off at the length limit.",
        label="truncated answers",
    ),
    Column(
        name="reflection",
        source="evaluation",
        field=REFLECTION,
        unit="fraction",
        margin=Margin(0.05),
        help=f"Samples that contain one of: {' '.join(REFLECTION_WORDS)}",
        label="reflecting answers",
    ),
    Column(
        name="reflection_rate",
        source="evaluation",
        field=REFLECTION_RATE,
        unit="1/100 tokens",
        margin=TENTH,
        help="Mean over samples of the words of reflection in 100 tokens: a longer response has no"
        " higher rate for being longer.",
        label="words of reflection",
    ),
    Column(
        name="right_reflection_tokens",
        source="evaluation",
        field=RIGHT_REFLECTION_TOKENS,
        unit="tokens",
        margin=TENTH,
        help="Mean length of the correct samples with a word of reflection; nothing where there is"
        " none (paper v1, Fig. 6).",
        label="length of correct reflecting answers",
    ),
    Column(
        name="attempts",
        source="evaluation",
        field=Field("attempts", "int16", "output", lambda row: attempts(str(row["output"]))),
        unit="1",
        help="Mean over samples of the attempts written, as the micro-world writes them: numbers,"
        " then no or yes.",
        label="attempts",
    ),
    Column(
        name="samples",
        source="evaluation",
        key="question_id",
        over="rows",
        unit="rows",
        help="Sample rows that were found for the step.",
        label="rows found",
    ),
)
"""Metrics of evaluation rows, in the order of the glossary; each exists once per split."""

SAMPLE_FIELDS = tuple(
    dict.fromkeys([*STORED_FIELDS, *(c.field for c in EVALUATION if c.field is not None)])
)
"""Every column of the samples table between what a sample is and its text."""

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
            f"unknown metric {metric[:_SHOWN]!r}: choose one of {training}, {evaluation}"
            " (docs/metrics.md)"
        )
    return column


def split_of(metric: str) -> tuple[str, str]:
    """Return (column name, short split) of an evaluation metric's full name."""
    names = [c.name for c in EVALUATION if metric.startswith(f"{c.name}_")]
    if not names:
        return metric, ""
    # the longest: reflection_rate_easy is no reflection of a split rate_easy
    name = max(names, key=len)
    return name, metric.removeprefix(f"{name}_")


def label_of(metric: str) -> str:
    """Return the axis label of a metric, with its split, without its unit."""
    column = column_of(metric)
    if column.source == "training":
        return column.label
    return f"{column.label} ({split_of(metric)[1]})"
