"""Tables of the lab: who graded what how, where graders disagree, what each would have paid."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.graders.pool import Pool
from harness.graders.verdict import Outcome, Sample, Verdict
from harness.rewards.graded import reward_of

STORED = "stored"
"""Name of the score that the responses carry already, beside the graders'."""

_PLACE = ["grader", "arm", "seed", "step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How a grader worked.

    Attributes:
        distinct: number of different (response, reference) pairs; each is graded once.
        seconds: wall time of grading them, without the start of the processes.
        cpu_s: CPU seconds of the gradings alone.
        workers: number of processes.
        replaced: processes that were ended at the limit, or ended themselves.
    """

    distinct: int
    seconds: float
    cpu_s: float
    workers: int
    replaced: int

    @property
    def per_second(self) -> float:
        """Distinct responses per second of wall time, of all workers together."""
        return self.distinct / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per distinct response, whatever else the machine does."""
        return 1000.0 * self.cpu_s / self.distinct


def grade_with(
    grader: str, responses: pd.DataFrame, *, workers: int, limit_s: float | None = None
) -> tuple[list[Verdict], Timing]:
    """Grade every response with one grader.

    Args:
        grader: a name of `registry.GRADERS`.
        responses: columns response and reference.
        workers: number of processes.
        limit_s: CPU seconds per response; None is the grader's own limit.

    Returns:
        One verdict per row, and how long it took.

    Raises:
        GraderUnavailableError: the grader cannot be loaded, or no longer.
    """
    samples = [
        Sample(str(response), str(reference))
        for response, reference in zip(responses["response"], responses["reference"], strict=True)
    ]
    # many samples of a question are the same text
    distinct = list(dict.fromkeys(samples))
    with Pool(grader, workers=workers, limit_s=limit_s) as pool:
        start = time.perf_counter()
        verdicts = dict(zip(distinct, pool.grade(distinct), strict=True))
        seconds = time.perf_counter() - start
        timing = Timing(
            distinct=len(distinct),
            seconds=seconds,
            cpu_s=pool.cpu_s,
            workers=workers,
            replaced=pool.replaced,
        )
    return [verdicts[sample] for sample in samples], timing


def verdict_table(
    responses: pd.DataFrame, verdicts: dict[str, list[Verdict]], *, has_stop_rule: bool
) -> pd.DataFrame:
    """Return the responses, without their text, beside what each grader says and would pay.

    Args:
        responses: columns of `responses.COLUMNS`.
        verdicts: grader -> one verdict per row.
        has_stop_rule: only responses that finished earn; else every right one does.

    Returns:
        The columns row_id to sample, reference, finish_reason and score; per grader `<name>`
        (outcome), `<name>_reason`, `<name>_answer`, `<name>_reward` (0 or 1).
    """
    table = responses.drop(columns="response")
    for grader, given in verdicts.items():
        table[grader] = [verdict.outcome.value for verdict in given]
        table[f"{grader}_reason"] = [verdict.reason for verdict in given]
        table[f"{grader}_answer"] = [verdict.answer for verdict in given]
        ends = table["finish_reason"] if has_stop_rule else ["stop"] * len(table)
        table[f"{grader}_reward"] = [
            reward_of(verdict, end) for verdict, end in zip(given, ends, strict=True)
        ]
    return table


def disagreements(table: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """Return the rows that at least one grader finds right and at least one does not."""
    is_right = table[list(graders)] == Outcome.RIGHT.value
    return table[is_right.nunique(axis=1) > 1]


def totals(table: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """Return per grader the number of each outcome, and the mean reward (fraction)."""
    rows = []
    for grader in graders:
        counts = table[grader].value_counts()
        row: dict[str, object] = {"grader": grader}
        row |= {outcome.value: int(counts.get(outcome.value, 0)) for outcome in Outcome}
        rows.append({**row, "reward": float(table[f"{grader}_reward"].mean())})
    return pd.DataFrame(rows)


def pairs(table: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """Return per pair of graders how many rows both, the first only, or the second only pass."""
    rows = []
    for first, second in itertools.combinations(graders, 2):
        left, right = (table[grader] == Outcome.RIGHT.value for grader in (first, second))
        rows.append(
            {
                "first": first,
                "second": second,
                "both": int((left & right).sum()),
                "first_only": int((left & ~right).sum()),
                "second_only": int((~left & right).sum()),
                "neither": int((~left & ~right).sum()),
                "agreement": float((left == right).mean()),
            }
        )
    return pd.DataFrame(rows)


def reasons(table: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """Return per grader, outcome and reason the number of rows, the most frequent first."""
    frames = []
    for grader in graders:
        columns = {grader: "outcome", f"{grader}_reason": "reason"}
        named = table[list(columns)].rename(columns=columns)
        counts = named.groupby(["outcome", "reason"]).size().sort_values(ascending=False)
        frames.append(counts.rename("rows").reset_index().assign(grader=grader))
    columns_ = ["grader", "outcome", "reason", "rows"]
    return pd.concat(frames, ignore_index=True)[columns_]


def curves(table: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """Return the reward that each grader would have given, per arm, seed and step.

    Returns:
        Columns grader, arm, seed, step, reward (mean, fraction; an ungradable response earned 0),
        ungradable (share), responses (number). Rows that state no step are left out. The score
        that was stored is one more grader, `STORED`, without a share, where all rows have one.
    """
    stepped = table[table["step"].notna()]
    frames = []
    for grader in graders:
        is_ungradable = stepped[grader] == Outcome.UNGRADABLE.value
        rows = stepped.assign(
            grader=grader, reward=stepped[f"{grader}_reward"], ungradable=is_ungradable
        )
        frames.append(_means(rows))
    if len(stepped) and stepped["score"].notna().all():
        rows = stepped.assign(
            grader=STORED, reward=stepped["score"].astype(float), ungradable=float("nan")
        )
        frames.append(_means(rows))
    return pd.concat(frames, ignore_index=True)


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby(_PLACE, observed=True)
    means = grouped[["reward", "ungradable"]].mean()
    return means.assign(responses=grouped.size()).reset_index()
