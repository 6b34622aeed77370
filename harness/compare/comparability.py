"""What must be the same for a comparison to mean anything, as a list of rules.

A difference in the algorithm or in how it is trained is what is compared, and no reason to refuse.
A difference in how the result is measured, or an engine that computes something else, is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.compare.shortfalls import shortfalls
from harness.compare.sides import Side, other_samples, same_runs, same_work
from harness.schema import FORMULAS, OTHER_FORMULAS, ExitCode, HarnessError
from harness.store.data_names import APART, world_of

_SHOWN = 60


class NotComparableError(HarnessError):
    """The two sides do not measure the same thing."""

    exit_code = ExitCode.NOT_COMPARABLE


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Config keys that must have the same values.

    Attributes:
        what: measured thing that the keys decide.
        keys: regular expressions; a key that one matches as a whole counts.
        why: what a difference does to the numbers.
    """

    what: str
    keys: tuple[str, ...]
    why: str


SAMPLES = "number of samples per question"

KEY_RULES = (
    KeyRule(
        "grader and reward",
        (r"reward\.name", r"verl\.reward\.custom_reward_function\..+", r"evaluation\.grader"),
        "a change of grader alone has moved a published score by three points",
    ),
    KeyRule(
        "template",
        (
            r"verl\.actor_rollout_ref\.model\.custom_chat_template",
            r"verl\.data\.apply_chat_template_kwargs(\..+)?",
            r"verl\.data\.return_raw_chat",
            r"evaluation\.template",
        ),
        "another prompt is another task",
    ),
    KeyRule(
        "stop strings and agent loop",
        (
            r"verl\.actor_rollout_ref\.rollout\.agent\.default_agent_loop",
            r"verl\.actor_rollout_ref\.rollout\.agent\.agent_loop_config_path",
        ),
        "where a response ends decides whether an answer is found in it",
    ),
    KeyRule(
        "truncation lengths",
        (
            r"verl\.data\.max_(prompt|response)_length",
            r"verl\.data\.truncation",
            r"verl\.actor_rollout_ref\.rollout\.(max_model_len|prompt_length|response_length)",
        ),
        "a response that is cut off is not correct",
    ),
    KeyRule(
        SAMPLES,
        (r"verl\.actor_rollout_ref\.rollout\.val_kwargs\.n",),
        "means over another number of samples have another noise, and pass@k another meaning",
    ),
    KeyRule(
        "sampling of the evaluation",
        (r"verl\.actor_rollout_ref\.rollout\.val_kwargs\.(temperature|top_p|top_k|do_sample)",),
        "greedy and sampled accuracies differ for the same weights",
    ),
    KeyRule(
        "evaluation protocol",
        (r"evaluation\.name",),
        "another protocol is another measurement",
    ),
)
"""Config keys that say how a result is measured."""


@dataclass(frozen=True, slots=True)
class EngineRule:
    """Engine versions whose numbers cannot be compared.

    Attributes:
        package: distribution name.
        since / before: the first bad version, and the first good one after it.
        applies: whether a side's config is concerned.
        why: what is wrong in them.
    """

    package: str
    since: tuple[int, ...]
    before: tuple[int, ...]
    applies: Callable[[Mapping[str, Any]], bool]
    why: str


def has_critic(config: Mapping[str, Any]) -> bool:
    """Tell whether a config trains a critic; an empty (unknown) one may."""
    enabled = config.get("verl.critic.enable")
    if enabled is not None:
        return bool(enabled)
    return str(config.get("verl.algorithm.adv_estimator", "gae")) == "gae"


ENGINE_RULES = (
    EngineRule(
        "verl",
        (0, 7, 0),
        (0, 9, 0),
        has_critic,
        "its critic's loss is multiplied by the number of micro-batches (veRL pull request 6957)",
    ),
)
"""Engine versions that compute something else than they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """Whether two sides may be compared.

    Attributes:
        reasons: why not, every one; none if they may.
        notes: differences that do not forbid it, and what nobody can know.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_comparable(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons

    @property
    def warning(self) -> str:
        """What every output of a comparison must carry; "" if the sides are comparable."""
        if self.is_comparable:
            return ""
        count = f"{len(self.reasons)} reason{'s' if len(self.reasons) > 1 else ''}"
        return f"NOT COMPARABLE ({count}), compared all the same: {'; '.join(self.reasons)}"

    def refuse(self, candidate: str, baseline: str) -> None:
        """Refuse to compare if there is a reason against it.

        Raises:
            NotComparableError: there is; names every one.
        """
        if self.is_comparable:
            return
        listed = "".join(f"\n  {n}. {text}" for n, text in enumerate(self.reasons, start=1))
        raise NotComparableError(
            f"{candidate} and {baseline} are not comparable:{listed}\ncorrect this, or give"
            " --anyway: then every output carries the warning"
        )


def check_comparability(
    candidate: Side, baseline: Side, *, allow_partial: bool = False
) -> Comparability:
    """Return every reason not to compare two sides, and what a reader should know.

    What one side does not state counts as a reason: nobody can say that it is the same.

    Args:
        candidate: what is judged.
        baseline: what it is judged by.
        allow_partial: other seeds or steps than the baseline's are no reason, and noted.
    """
    sides = (candidate, baseline)
    reasons = [*_worlds(*sides), *_unknown(sides), *_inputs(*sides), *_questions(*sides)]
    if candidate.config and baseline.config:
        reasons += [text for rule in KEY_RULES for text in _key_reasons(rule, *sides)]
    reasons += _samples(*sides)
    reasons += [text for rule in ENGINE_RULES for side in sides for text in _engine(rule, side)]
    reasons += _formulas(*sides)
    partial = shortfalls(candidate, baseline)
    if partial and not allow_partial:
        hint = "allow_partial=true compares what there is, and cannot pass"
        reasons.append(f"seeds and steps: {'; '.join(partial)}; {hint}")
    notes = [*(f"partial: {text}" for text in partial), *_notes(*sides)]
    return Comparability(reasons=tuple(dict.fromkeys(reasons)), notes=tuple(notes))


def _unknown(sides: Sequence[Side]) -> list[str]:
    return [
        f"resolved config: the {side.role} {side.source} does not state it, so that grader,"
        " template, lengths and sampling may be any"
        for side in sides
        if not side.config
    ]


def _worlds(candidate: Side, baseline: Side) -> list[str]:
    """Say first what the other reasons follow from, where the sides are of two micro-worlds."""
    mine, other = world_of(candidate.config), world_of(baseline.config)
    if not mine or not other or mine == other:
        return []
    return [f"micro-world: the candidate is of {mine}, the baseline of {other}: {APART}"]


def _inputs(candidate: Side, baseline: Side) -> list[str]:
    mine, other = candidate.protocol.get("model"), baseline.protocol.get("model")
    if mine and other:
        return [] if mine == other else [_differs("initial model", mine[:12], other[:12])]
    return ["initial model: not stated by both sides"]


def _questions(candidate: Side, baseline: Side) -> list[str]:
    """Compare the questions themselves where both sides have them, else the data's hash."""
    mine, other = question_ids(candidate), question_ids(baseline)
    shared = [split for split in mine if split in other]
    if shared:
        return [
            f"evaluation questions of {split}: {len(mine[split])} of the candidate,"
            f" {len(other[split])} of the baseline, {len(mine[split] & other[split])} in common;"
            " accuracies on different questions are different quantities"
            for split in shared
            if mine[split] != other[split]
        ]
    if mine and other:
        return [_differs("evaluation splits", ", ".join(mine), ", ".join(other))]
    hashes = [side.protocol.get("data") for side in (candidate, baseline)]
    plans = [side.protocol.get("evaluation", {}).get("questions") for side in (candidate, baseline)]
    if all(hashes) and hashes[0] == hashes[1] and plans[0] == plans[1]:
        return []
    if all(hashes):
        return [_differs("data", *(text[:12] for text in hashes if text))]
    return ["evaluation questions: not stated by both sides"]


def question_ids(side: Side) -> dict[str, frozenset[str]]:
    """Return split -> questions that a side's runs were scored on."""
    scores = side.scores
    if scores.empty:
        return {}
    splits = scores["split"].astype(str)
    return {
        split: frozenset(scores.loc[splits == split, "question_id"].astype(str))
        for split in sorted(set(splits))
    }


def _key_reasons(rule: KeyRule, candidate: Side, baseline: Side) -> list[str]:
    keys = dict.fromkeys([*baseline.config, *candidate.config])
    absent = "(absent)"
    found = []
    for key in keys:
        if any(re.fullmatch(pattern, key) for pattern in rule.keys):
            mine, other = candidate.config.get(key, absent), baseline.config.get(key, absent)
            if mine != other:
                found.append(f"{_differs(rule.what, mine, other, key)}; {rule.why}")
    return found


def _samples(candidate: Side, baseline: Side) -> list[str]:
    """Compare the k of mean@k, which a log states beside no config."""
    rule = next(rule for rule in KEY_RULES if rule.what == SAMPLES)
    return [f"{SAMPLES} {text}; {rule.why}" for text in other_samples(candidate, baseline)]


def _differs(what: str, mine: object, other: object, key: str = "") -> str:
    where = f" ({key})" if key else ""
    return f"{what}{where}: {_short(mine)} in the candidate, {_short(other)} in the baseline"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _engine(rule: EngineRule, side: Side) -> list[str]:
    if not rule.applies(side.config):
        return []
    # the first that is wrong speaks for all: a merged bundle has runs of several
    found = (_engine_reason(rule, side, known) for known in side.all_versions)
    return next(([text] for text in found if text), [])


def _engine_reason(rule: EngineRule, side: Side, versions: Mapping[str, str]) -> str:
    stated = versions.get(rule.package, "")
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", stated)
    if numbers is None:
        return f"engine: the {side.role} does not state its version of {rule.package}"
    version = tuple(int(number or 0) for number in numbers.groups())
    if not rule.since <= version < rule.before:
        return ""
    return (
        f"engine: the {side.role} was trained with a critic by {rule.package} {stated}; {rule.why};"
        f" right since {'.'.join(map(str, rule.before))}"
    )


def _formulas(candidate: Side, baseline: Side) -> list[str]:
    """Refuse engines that compute something else, whatever version they name."""
    mine, other = candidate.versions.get(FORMULAS, ""), baseline.versions.get(FORMULAS, "")
    if mine and other and mine != other:
        return [_differs(FORMULAS, mine, other)]
    return [
        f"{FORMULAS}: those of the {side.role} give {text}, and what the other side computed is"
        " not stated"
        for side, text in ((candidate, mine), (baseline, other))
        if text.startswith(OTHER_FORMULAS) and not (mine and other)
    ]


def _notes(candidate: Side, baseline: Side) -> list[str]:
    notes = []
    packages = dict.fromkeys([*baseline.versions, *candidate.versions])
    # no version: `_formulas` judges it, and runs before it was taken have none
    packages.pop(FORMULAS, None)
    other = [
        f"{name} {candidate.versions.get(name, 'absent')} (baseline:"
        f" {baseline.versions.get(name, 'absent')})"
        for name in packages
        if candidate.versions.get(name, "absent") != baseline.versions.get(name, "absent")
    ]
    if candidate.versions and baseline.versions and other:
        notes.append(f"other versions, which may move a result by themselves: {', '.join(other)}")
    if candidate.reached != baseline.reached:
        notes.append("both sides are compared at the last step that they have in common")
    if candidate.protocol.get("data") != baseline.protocol.get("data"):
        notes.append("the data sets differ (the evaluation questions are judged by themselves)")
    if same_runs(candidate, baseline):
        notes.append("both sides are the same runs")
    elif same_work(candidate, baseline):
        notes.append("both sides are the same work, done twice: their numbers differ by themselves")
    return [*notes, *(note for side in (candidate, baseline) for note in _reservations(side))]


def _reservations(side: Side) -> list[str]:
    """Note what a reader must know of one side by itself."""
    notes = []
    if side.unfinished:
        notes.append(f"the {side.role} has runs that are not done: {', '.join(side.unfinished)}")
    if any(known != side.versions for known in side.all_versions):
        notes.append(f"the {side.role} is merged from runs of different versions")
    notes += [f"the {side.role} contradicts itself: {doubt}" for doubt in side.doubts]
    if side.because:
        notes.append(f"the {side.role} was stored with a reservation: {side.because}")
    return notes
