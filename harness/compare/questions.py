"""Scores question by question: the middle half of them, who wins, and how they are spread.

A mean over questions hides on which ones a side is better. None of this enters the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from harness.compare.pairing import Pairing
from harness.compare.sides import Side
from harness.metrics.columns import short_split
from harness.report.effects import effect_seed
from harness.stats.aggregates import wins
from harness.stats.percentile import Aggregate, Plan, Pointwise
from harness.stats.stratified import aggregate_intervals, improvement_interval, profile_intervals

Drawn = Literal["seeds", "questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionScores:
    """Both sides' scores on the same questions, at the last evaluation.

    A score is the share of a question's samples that are correct, in [0, 1].

    Attributes:
        metric: full name of the accuracy.
        drawn: what intervals draw: whole seeds, or questions where each side is one model.
        seeds: the candidate's and the baseline's number of seeds.
        questions: number of questions.
        left_out: questions that a run lacks.
        iqm: interquartile mean of all scores of (candidate, baseline).
        improvement: chance that the candidate is higher on a question, a tie counting one half.
        threshold_T: scores at which the profiles step, rising, shape (thresholds,).
        profiles: share of the scores of (candidate, baseline) above each threshold.
    """

    metric: str
    drawn: Drawn
    seeds: tuple[int, int]
    questions: int
    left_out: int
    iqm: tuple[Aggregate, Aggregate]
    improvement: Aggregate
    threshold_T: np.ndarray
    profiles: tuple[Pointwise, Pointwise]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the numbers, each once."""
        notes = [item.note for item in (*self.iqm, self.improvement) if item.note]
        if self.left_out:
            notes.append(f"{self.left_out} questions that a run lacks are left out")
        return tuple(dict.fromkeys(notes))


def scores_of_sides(
    candidate: Side, baseline: Side, pairing: Pairing, level: float
) -> tuple[QuestionScores, ...]:
    """Return the scores of every split that both sides were evaluated on.

    Args:
        candidate: one side.
        baseline: the other; the sides are drawn independently, whether they are paired or not.
        pairing: which seeds are compared.
        level: of the intervals, in (0, 1).

    Returns:
        None of sides of other lengths: scores are stored of the last evaluation alone, and the
        last evaluations are then not of the same step.
    """
    if candidate.steps != baseline.steps or candidate.scores.empty or baseline.scores.empty:
        return ()
    sides = (candidate, baseline)
    splits = [set(side.scores["split"].astype(str)) for side in sides]
    found = []
    for split in sorted(splits[0] & splits[1]):
        tables = [
            _matrix(side, split, seeds) for side, seeds in zip(sides, pairing.seeds, strict=True)
        ]
        both = pd.concat(tables)
        # a score that is missing is not a score of 0
        score = both.dropna(axis="columns").to_numpy(dtype=float)
        if score.size:
            arms = (score[: len(tables[0])], score[len(tables[0]) :])
            scores = question_scores(f"accuracy_{short_split(split)}", arms, level)
            found.append(replace(scores, left_out=both.shape[1] - score.shape[1]))
    return tuple(found)


def question_scores(
    metric: str, arms: tuple[np.ndarray, np.ndarray], level: float, drawn: Drawn = "seeds"
) -> QuestionScores:
    """Return the aggregates of scores.

    Args:
        metric: full name of the accuracy; it also decides the draws, so that they can be repeated.
        arms: scores of candidate and baseline, shape (seeds, questions), finite, the same
            questions; one seed each to draw questions.
        level: of the intervals, in (0, 1).
        drawn: what varies: seeds, or the questions themselves.
    """
    treat_SQ, control_SQ = arms
    plan, rng = Plan(level=level), np.random.default_rng(effect_seed(f"questions/{metric}"))
    threshold_T = np.unique([0.0, 1.0, *treat_SQ.ravel(), *control_SQ.ravel()])
    if drawn == "seeds":
        improvement = improvement_interval(treat_SQ, control_SQ, rng=rng, plan=plan)
    else:
        # a question is drawn with both answers to it, so that its difficulty cancels
        win_Q1 = wins(treat_SQ, control_SQ)[0].T
        improvement = aggregate_intervals(win_Q1, names=("mean",), rng=rng, plan=plan)["mean"]
    columns = [score_SQ if drawn == "seeds" else score_SQ.T for score_SQ in arms]
    iqm = [aggregate_intervals(one, names=("iqm",), rng=rng, plan=plan)["iqm"] for one in columns]
    profiles = [profile_intervals(one, threshold_T, rng=rng, plan=plan) for one in columns]
    return QuestionScores(
        metric=metric,
        drawn=drawn,
        seeds=(len(treat_SQ), len(control_SQ)),
        questions=treat_SQ.shape[1],
        left_out=0,
        iqm=(_named(iqm[0], drawn), _named(iqm[1], drawn)),
        improvement=_named(improvement, drawn),
        threshold_T=threshold_T,
        profiles=(profiles[0], profiles[1]),
    )


def _matrix(side: Side, split: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Return the share of correct samples, seeds by questions; NaN where a run lacks one."""
    rows = side.scores[side.scores["split"].astype(str) == split]
    rows = rows.assign(
        seed=rows["seed"].astype(int),
        question_id=rows["question_id"].astype(str),
        score=rows["correct"].astype(float) / rows["samples"].astype(float),
    )
    return rows.pivot(index="seed", columns="question_id", values="score").reindex(list(seeds))


def _named(item: Aggregate, drawn: Drawn) -> Aggregate:
    """Let the words of an estimator, which speaks of seeds, name what was drawn."""
    method, note = (text.replace("seed", drawn[:-1]) for text in (item.method, item.note))
    return replace(item, method=method, note=note)
