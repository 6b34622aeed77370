"""Where the noise of an evaluation comes from: training, questions, sampling.

score[seed, question, sample] = mean + training[seed] + question[question]
    + training_by_question[seed, question] + sampling[seed, question, sample].

Axis letters: ``S`` training seeds, ``Q`` questions, ``K`` samples of a question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.stats.intervals import EQUAL, rounding
from harness.stats.shared_samples import sampling_correlation


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceSplit:
    """Variance components, in the squared unit of the scores; NaN is "the data cannot tell".

    Attributes:
        training: between seeds, alike for every question: what only more seeds reduce.
        question: between questions, alike for every seed.
        training_by_question: what a seed does to single questions; with one sample a question it
            cannot be told from sampling, is NaN, and `sampling` holds both.
        sampling: between samples of one seed and question. Of a difference: of one sample of treat
            minus the one of control. What aligned samples share cancels in it; of samples that are
            not aligned it is the most that the arms' own noise allows.
        seeds: seeds with any score.
        questions: questions with any score.
        samples: mean number of samples per seed and question that has any (of a difference: the
            harmonic mean of both arms).
        missing: cells (seed, question) without a score among seeds x questions.
        is_difference: components of treat minus control, not of one arm.
        note: "" or what a reader must know: unequal or missing cells, estimates below 0; of a
            difference, whether samples were aligned.
        sampling_correlation: of the arms' samples within a seed and question; NaN if they are not
            aligned, do not vary, or belong to one arm.
    """

    training: float
    question: float
    training_by_question: float
    sampling: float
    seeds: int
    questions: int
    samples: float
    missing: int
    is_difference: bool
    note: str
    sampling_correlation: float = float("nan")


def split_variance(score_SQK: np.ndarray) -> VarianceSplit:
    """Split the variance of one arm's scores.

    Moments: squares of the scores' means over seeds, over questions and over everything are set
    equal to what the model expects of them. Without missing cells this is the analysis of variance.

    Args:
        score_SQK: scores in any unit, shape (seeds, questions, samples); NaN is a sample that is
            not there, anywhere.

    Returns:
        The components; a negative estimate is set to 0 and named in the note.

    Raises:
        ValueError: not three axes, an infinite score, or no score at all.

    Source:
        Searle, Casella and McCulloch 1992, Variance Components, chapters 4 and 5.
    """
    cell_SQ, count_SQ, sampling = _cells(score_SQK)
    noise_SQ = np.where(count_SQ > 0, sampling / np.maximum(count_SQ, 1), np.nan)
    there = count_SQ[count_SQ > 0]
    return _solve(cell_SQ, noise_SQ, sampling, float(there.mean()), _unequal(there))


def split_difference(
    treat_SQK: np.ndarray, control_SQK: np.ndarray, *, is_aligned: bool = False
) -> VarianceSplit:
    """Split the variance of treat minus control, paired by seed and question.

    What a seed or a question does to both arms cancels and is in no component. Arms that share
    their sampling seeds share much of the sampling noise too: with aligned samples it cancels, and
    what remains is measured. Without, it cannot be told from what a seed does to single questions:
    the noise of independent samples is taken, but no more than the cells show.

    Args:
        treat_SQK: scores in any unit, shape (seeds, questions, samples); NaN is a sample that is
            not there.
        control_SQK: same seeds and questions; without alignment the number of samples may differ.
        is_aligned: sample k of both arms had the same sampling seed. Never true of scores that were
            made again from counts of right answers.

    Returns:
        The components of the difference over the cells (aligned: the samples) that both arms have.

    Raises:
        ValueError: seeds, questions or aligned samples differ, or see `split_variance`.
    """
    treat_SQK, control_SQK = (np.asarray(arm, dtype=float) for arm in (treat_SQK, control_SQK))
    axes = 3 if is_aligned else 2
    if treat_SQK.shape[:axes] != control_SQK.shape[:axes]:
        raise ValueError(
            f"arms must align on (seeds, questions{', samples' if is_aligned else ''}): got"
            f" {treat_SQK.shape} and {control_SQK.shape}"
        )
    if is_aligned:
        return _split_aligned(treat_SQK, control_SQK)
    treat, control = _cells(treat_SQK), _cells(control_SQK)
    is_there_SQ = (treat[1] > 0) & (control[1] > 0)
    if not is_there_SQ.any():
        raise ValueError("no pair of seed and question was scored in both arms")
    cell_SQ = np.where(is_there_SQ, treat[0] - control[0], np.nan)
    noise_SQ = sum(arm[2] / np.maximum(arm[1], 1) for arm in (treat, control))
    noise_SQ = np.where(is_there_SQ, noise_SQ, np.nan)
    counts = np.concatenate([arm[1][is_there_SQ] for arm in (treat, control)])
    samples = float(1.0 / np.mean(1.0 / counts))
    split = _solve(
        cell_SQ, noise_SQ, treat[2] + control[2], samples, _unequal(counts), is_most=True
    )
    return replace(split, is_difference=True, note=_joined(split.note, _not_aligned(split)))


def _split_aligned(treat_SQK: np.ndarray, control_SQK: np.ndarray) -> VarianceSplit:
    """Split the differences of aligned samples: what the two share is gone from all of them."""
    if treat_SQK.ndim == 3 and np.isnan(treat_SQK - control_SQK).all():
        raise ValueError("no pair of seed and question was scored in both arms")
    split = split_variance(treat_SQK - control_SQK)
    alone = int((np.isnan(treat_SQK) != np.isnan(control_SQK)).sum())
    lost = f"{alone} samples of one arm alone left out" if alone else ""
    correlation = sampling_correlation(treat_SQK, control_SQK)
    how = "" if np.isnan(correlation) else f" and correlate by {correlation:.2f}"
    said = f"samples are aligned{how}: what the arms share of their noise is in no component"
    note = _joined(split.note, lost, said)
    return replace(split, is_difference=True, note=note, sampling_correlation=correlation)


def _not_aligned(split: VarianceSplit) -> str:
    if np.isnan(split.training_by_question):
        return ""
    return (
        "samples are not aligned: `sampling` is the most and `training_by_question` the least that"
        " they can be"
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _cells(score_SQK: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean and count per cell, and the pooled variance within cells."""
    score_SQK = np.asarray(score_SQK, dtype=float)
    if score_SQK.ndim != 3 or np.isinf(score_SQK).any():
        raise ValueError(
            f"expected finite scores of shape (seeds, questions, samples), got {score_SQK.shape}"
        )
    is_there_SQK = ~np.isnan(score_SQK)
    count_SQ = is_there_SQK.sum(axis=2)
    if not count_SQ.any():
        raise ValueError(f"no score is there in an array of shape {score_SQK.shape}")
    total_SQ = np.where(is_there_SQK, score_SQK, 0.0).sum(axis=2)
    cell_SQ = np.divide(total_SQ, count_SQ, out=np.full(total_SQ.shape, np.nan), where=count_SQ > 0)
    apart = np.where(is_there_SQK, score_SQK - cell_SQ[:, :, None], 0.0)
    apart = np.where(np.abs(apart) <= rounding(np.nanmax(np.abs(score_SQK))), 0.0, apart)
    dof = int(np.maximum(count_SQ - 1, 0).sum())
    return cell_SQ, count_SQ, float((apart**2).sum() / dof) if dof else float("nan")


def _solve(
    cell_SQ: np.ndarray,
    noise_SQ: np.ndarray,
    sampling: float,
    samples: float,
    unequal: str,
    *,
    is_most: bool = False,
) -> VarianceSplit:
    """Solve the moments of the cell means; `noise_SQ` is each mean's variance by sampling.

    `is_most` says that samples of the arms may share noise, so that this is the most it can be.
    """
    all_there_SQ = ~np.isnan(cell_SQ)
    used = np.ix_(all_there_SQ.any(axis=1), all_there_SQ.any(axis=0))
    cell_SQ, noise_SQ, is_there_SQ = cell_SQ[used], noise_SQ[used], all_there_SQ[used]
    is_merged = not np.isfinite(sampling)
    # a shift changes no component and keeps the squares small
    value_SQ = np.where(is_there_SQ, cell_SQ - np.nanmean(cell_SQ), 0.0)
    noise_SQ = np.where(is_there_SQ & (not is_merged), np.nan_to_num(noise_SQ), 0.0)
    weights, squares = _moments(is_there_SQ, value_SQ, noise_SQ)
    seeds, questions = cell_SQ.shape
    known = [True, seeds > 1, questions > 1, seeds > 1 and questions > 1]
    found = np.full(4, np.nan)
    solution, _, rank, _ = np.linalg.lstsq(weights[:, known], squares, rcond=1e-10)
    if rank == sum(known):
        # below this a square is the rounding of the numbers, or of the solution
        least = rounding(np.nanmax(np.abs(cell_SQ))) ** 2 + EQUAL * float((value_SQ**2).mean())
        found[known] = np.where(np.abs(solution) <= least, 0.0, solution)
    names = ("training", "question", "training by question")
    below = [name for name, value in zip(names, found[1:], strict=True) if value < 0.0]
    training, question, both = (float(max(v, 0.0)) if v == v else np.nan for v in found[1:])
    if is_most and found[3] < 0.0:
        # cells vary less than independent samples would make them: samples cannot vary more
        sampling = max(sampling + samples * float(found[3]), 0.0)
    missing = int((~is_there_SQ).sum())
    return VarianceSplit(
        training=training,
        question=question,
        training_by_question=np.nan if is_merged else both,
        sampling=both if is_merged else sampling,
        seeds=seeds,
        questions=questions,
        samples=samples,
        missing=missing,
        is_difference=False,
        note=_note(
            (seeds, questions, missing),
            unequal,
            is_merged=is_merged,
            is_solved=rank == sum(known),
            below=below,
        ),
    )


def _moments(
    is_there_SQ: np.ndarray, value_SQ: np.ndarray, noise_SQ: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the unknowns in the four squares, and the squares less sampling noise.

    Unknowns, in columns: mean^2 (times the cells), training, question, training by question.
    Rows: squares of the means over questions, over seeds, of the cells, of everything.
    """
    cells = float(is_there_SQ.sum())
    per_S, per_Q = is_there_SQ.sum(axis=1), is_there_SQ.sum(axis=0)
    seeds, questions = is_there_SQ.shape
    weights = np.array(
        [
            [1.0, cells, seeds, seeds],
            [1.0, questions, cells, questions],
            [1.0, cells, cells, cells],
            [1.0, (per_S**2).sum() / cells, (per_Q**2).sum() / cells, 1.0],
        ]
    )
    squares = np.array(
        [
            (value_SQ.sum(axis=1) ** 2 / per_S).sum(),
            (value_SQ.sum(axis=0) ** 2 / per_Q).sum(),
            (value_SQ**2).sum(),
            value_SQ.sum() ** 2 / cells,
        ]
    )
    noise = np.array(
        [
            (noise_SQ.sum(axis=1) / per_S).sum(),
            (noise_SQ.sum(axis=0) / per_Q).sum(),
            noise_SQ.sum(),
            noise_SQ.sum() / cells,
        ]
    )
    return weights, squares - noise


def _note(
    split: tuple[int, int, int], unequal: str, *, is_merged: bool, is_solved: bool, below: list[str]
) -> str:
    """Say what of (seeds, questions, missing cells) and of the estimates a reader must know."""
    seeds, questions, missing = split
    notes = []
    if missing:
        notes.append(f"{missing} of {seeds * questions} pairs of seed and question have no score")
    if unequal:
        notes.append(unequal)
    if not is_solved:
        notes.append("too few cells overlap to tell the components apart")
    if seeds == 1:
        notes.append(
            "one seed: nothing is known of training noise, and `question` holds what it"
            " does to single questions"
        )
    if questions == 1:
        notes.append("one question: `training` holds what a seed does to this question")
    if is_merged:
        notes.append("one sample a question: `sampling` holds training by question too")
    if below:
        notes.append(f"estimated below 0 and set to 0: {', '.join(below)}")
    return "; ".join(notes)


def _unequal(counts: np.ndarray) -> str:
    if counts.min() == counts.max():
        return ""
    return f"between {counts.min()} and {counts.max()} samples a question"
