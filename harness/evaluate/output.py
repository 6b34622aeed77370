"""An evaluation as text, EVALUATION.md, summary.csv, samples.parquet and a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from harness.evaluate.folder import GROUP
from harness.evaluate.picture import Mark, rows_figure
from harness.evaluate.plan import Plan
from harness.evaluate.scores import SHARES
from harness.metrics.tables import write_parquet
from harness.plots import save_figure
from harness.store.files import write_atomic
from harness.text import NOTHING, markdown_table, number, paragraphs, plain_table
from harness.writing import written_together

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

SAMPLES, SUMMARY, PAGE, FIGURE = "samples.parquet", "summary.csv", "EVALUATION.md", "scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        plan: what was asked.
        graders: that graded it, the protocol's among them.
        samples: table of `grading.grade_all`.
        summary: table of `scores.summarise`.
    """

    plan: Plan
    graders: tuple[str, ...]
    samples: pd.DataFrame
    summary: pd.DataFrame


def evaluation_text(evaluation: Evaluation) -> str:
    """Return the result for a terminal."""
    return paragraphs(_head(evaluation), _part(evaluation), *_blocks(evaluation, plain_table))


def evaluation_markdown(evaluation: Evaluation, figures: Sequence[str], command: str) -> str:
    """Return the result as EVALUATION.md.

    Args:
        evaluation: what to write.
        figures: paths relative to the file.
        command: that makes it again.
    """
    plan = evaluation.plan
    assumed = [f"- {what}: {why}" for what, why in plan.protocol.assumed.items()]
    notes = [f"- {subset.benchmark.title}: {subset.benchmark.note}" for subset in plan.sets]
    body = paragraphs(
        f"# {plan.model.name} on {plan.suite.what}",
        _head(evaluation),
        _part(evaluation),
        *_blocks(evaluation, markdown_table),
        *(f"![{name}]({name})" for name in figures),
        "\n".join(["What the source leaves unsaid, and what is assumed:", "", *assumed])
        if assumed
        else "",
        "\n".join(["Of the benchmarks:", "", *notes]),
        f"Made by `{command}`. Every number stands in {SUMMARY} by its row_id, every sample in"
        f" {SAMPLES}.",
    )
    return f"{body}\n"


def write_evaluation(evaluation: Evaluation, out: Path, command: str) -> list[Path]:
    """Write samples.parquet, summary.csv, the picture and EVALUATION.md; return the files."""
    with written_together(out, GROUP) as half:
        write_parquet(evaluation.samples, half / SAMPLES)
        write_atomic(half / SUMMARY, evaluation.summary.to_csv(index=False))
        figures = save_figure(_figure(evaluation), half / FIGURE)
        names = [path.name for path in figures if path.suffix == ".svg"]
        write_atomic(half / PAGE, evaluation_markdown(evaluation, names, command))
    return [out / name for name in (PAGE, SUMMARY, SAMPLES, *(path.name for path in figures))]


def _head(evaluation: Evaluation) -> str:
    plan, protocol = evaluation.plan, evaluation.plan.protocol
    rule = "only of finished responses" if protocol.stop_rule else "finished or not"
    return (
        f"Protocol {protocol.name} ({protocol.what}): {protocol.samples} sample"
        f"{'s' if protocol.samples > 1 else ''} per question, temperature {protocol.temperature:g},"
        f" top-p {protocol.top_p:g}, at most {protocol.response_tokens} tokens, graded by"
        f" {protocol.grader}, {rule}; seed {plan.seed}."
    )


def _part(evaluation: Evaluation) -> str:
    """Return a warning if only some of the questions were asked."""
    parts = [
        f"{len(subset.questions)} of {subset.benchmark.questions} of {subset.benchmark.title}"
        for subset in evaluation.plan.sets
        if len(subset.questions) < subset.benchmark.questions
    ]
    return f"A look, not a result: only the first {', '.join(parts)}." if parts else ""


def _blocks(evaluation: Evaluation, table: Table) -> list[str]:
    return [
        table(*_scores(evaluation)),
        (
            "Brackets: 95 % interval over questions (t), what other questions of the kind could"
            " have given; sampling error: standard error for these very questions."
        ),
        table(*_shares(evaluation)),
        (
            "truncated: cut off at the limit, right or not; the other shares of outcomes are by the"
            " protocol."
        ),
        table(*_graders(evaluation)),
        "strict: a response that was cut off is not correct; lenient: how it ended does not count.",
    ]


def _scores(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    k = evaluation.plan.protocol.samples
    names = [f"avg@{k}", f"pass@{k}", f"maj@{k}"]
    heads = ["benchmark", "questions", *names, "sampling error"]
    rows = []
    for subset in evaluation.plan.sets:
        own = _own(evaluation, subset.benchmark.name)
        cells = [_with_interval(own, name) for name in names]
        error = number(float(own["sampling_error"][names[0]]), "fraction")
        rows.append([subset.benchmark.title, str(len(subset.questions)), *cells, error])
    return heads, rows


def _shares(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    rows = []
    for subset in evaluation.plan.sets:
        own = _own(evaluation, subset.benchmark.name)
        cells = [number(float(own["value"][name]), "fraction") for name in SHARES]
        tokens = number(float(own["value"]["response_tokens"]), "tokens")
        rows.append([subset.benchmark.title, *cells, tokens])
    return ["benchmark", *SHARES, "tokens"], rows


def _graders(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    k, rows = evaluation.plan.protocol.samples, []
    for subset in evaluation.plan.sets:
        own = evaluation.summary[evaluation.summary["benchmark"] == subset.benchmark.name]
        for grader in evaluation.graders:
            values = own[own["grader"] == grader].set_index("metric")["value"]
            names = (f"strict avg@{k}", f"lenient avg@{k}", "ungradable")
            cells = [number(float(values[name]), "fraction") for name in names]
            mark = " (counts)" if grader == evaluation.plan.protocol.grader else ""
            rows.append([subset.benchmark.title, f"{grader}{mark}", *cells])
    return ["benchmark", "grader", f"strict avg@{k}", f"lenient avg@{k}", "ungradable"], rows


def _own(evaluation: Evaluation, benchmark: str) -> pd.DataFrame:
    """Return a benchmark's numbers by the protocol's grader, by metric."""
    summary = evaluation.summary
    is_own = summary["grader"].isin([evaluation.plan.protocol.grader, ""])
    return summary[(summary["benchmark"] == benchmark) & is_own].set_index("metric")


def _with_interval(own: pd.DataFrame, name: str) -> str:
    value, low, high = (
        number(float(own[key][name]), "fraction") for key in ("value", "low", "high")
    )
    return value if NOTHING in (low, high) else f"{value} [{low}, {high}]"


def _figure(evaluation: Evaluation) -> Figure:
    k = evaluation.plan.protocol.samples
    rows = []
    for subset in evaluation.plan.sets:
        own = _own(evaluation, subset.benchmark.name)
        marks = [
            Mark(
                label=name,
                value=float(own["value"][name]),
                low=float(own["low"][name]),
                high=float(own["high"][name]),
            )
            for name in dict.fromkeys((f"avg@{k}", f"pass@{k}", f"maj@{k}"))
        ]
        rows.append((subset.benchmark.title, marks))
    title = f"{evaluation.plan.model.name}, protocol {evaluation.plan.protocol.name}"
    return rows_figure(rows, "share of questions [fraction]; line: 95 % over questions", title)
