"""own6: how responses grow over training, with responses to read."""

from __future__ import annotations

import textwrap

import pandas as pd

from harness.metrics.columns import short_split
from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs, Study
from paper.own.noise import splits
from paper.product import Product
from paper.series import DERIVED, INTERVAL, axis_label, metric_label, of_arms, to_frame

LETTERS = 118
MOST_LETTERS = 480
"""Letters of a response that are shown; what is cut is said."""

METRICS = ("response_tokens_", DERIVED, "reflection_", "accuracy_")
_GAP = "no stored study has single responses: a baseline keeps their scores alone"


def growth(inputs: Inputs) -> Product:
    """Return own6."""
    studies = [study for study in inputs.studies if splits(study) and study.bundle is None]
    blocks = [block for study in studies for block in _blocks(study)]
    if not blocks:
        blocks = [Block(header="Ours", gap=_GAP)]
    caption = (
        f"Mean over seeds (n in the legend). {INTERVAL} Evaluations on questions of the training"
        " kind; a response reflects if it contains wait, recheck, retry, alternatively or however"
        " (docs/metrics.md). Responses below: sample 0 of the first of these questions, of the"
        " control's first seed, at the first, middle and last evaluation whose texts are kept;"
        " chosen by this rule and not by reading."
    )
    series = [
        (f"{b.header}: {p.label} ({p.title.lower()})", p.series) for b in blocks for p in b.plots
    ]
    frame = to_frame(series)
    shown = [row for study in studies for row in _chosen(study)]
    return Product(
        id="own6",
        place="",
        title="Length and reflection over training, with responses",
        caption=caption,
        numbers=pd.concat([frame, _as_rows(shown)]) if shown else frame,
        figure=draw("Length and reflection over training, with responses", blocks, caption),
        runs={study.name: study.runs for study in studies},
        claims=["f01c", "f13"],
        gaps=[block.gap for block in blocks if block.gap],
    )


def _blocks(study: Study) -> list[Block]:
    plots = []
    # one set of questions: the others rise alike, and a figure of every study would be a wall
    for split in splits(study)[:1]:
        for metric in METRICS:
            name = f"{metric}{split}"
            label = axis_label(metric_label(name)[0])
            series = of_arms(study, name, study.arms, seeds_shown=False)
            gap = "" if series else f"{study.name} has no sample of this kind"
            title = split.capitalize()
            plots.append(Plot(title=title, label=label, series=series, gap=gap, has_markers=True))
    text = "\n".join(_as_text(row) for row in _chosen(study))
    header = f"Ours: {study.title}"
    return [
        Block(header=header, plots=plots, columns=len(METRICS), arms=study.arms),
        Block(header=f"Responses of {study.arms[0]}", text=text),
    ]


def _chosen(study: Study) -> list[dict[str, object]]:
    """Return the sample rows that are shown."""
    samples = study.tables.samples
    samples = samples[samples["run_id"].astype(str).isin(study.runs)]
    samples = samples[samples["arm"].astype(str) == study.arms[0]]
    # a table keeps the text of some evaluations only
    samples = samples[samples["response"].notna()]
    first = samples["split"].astype(str).map(short_split) == splits(study)[0]
    chosen: list[dict[str, object]] = []
    for _, own in samples[first].groupby("split", observed=True):
        own = own[own["seed"] == own["seed"].min()]
        own = own[own["question_id"].astype(str) == own["question_id"].astype(str).min()]
        own = own[own["sample"] == own["sample"].min()]
        steps = sorted(own["step"].unique())
        wanted = dict.fromkeys(steps[i] for i in (0, len(steps) // 2, -1)) if steps else {}
        for step in wanted:
            (row,) = own[own["step"] == step].to_dict("records")
            chosen.append({str(key): value for key, value in row.items()})
    return chosen


def _as_text(row: dict[str, object]) -> str:
    response = str(row["response"])
    cut = f" (+{len(response) - MOST_LETTERS} letters)" if len(response) > MOST_LETTERS else ""
    # a $ would begin a formula, and a line break would end the line
    plain = " ".join(response[:MOST_LETTERS].split()).replace("$", r"\$")
    head = (
        f"{row['split']} {row['question_id']}, seed {row['seed']}, step {row['step']}:"
        f" {row['response_tokens']} tokens, {row['outcome']}"
    )
    problem = str(row["prompt"]).rpartition("This is the problem:\n")[2].split("\n")[0]
    question = f"  asked:  {textwrap.shorten(problem, LETTERS - 10)}".replace("$", r"\$")
    lines = textwrap.wrap(plain + cut, LETTERS - 10) or ["(empty)"]
    return "\n".join(
        [head, question, f"  answer: {lines[0]}", *(f"          {x}" for x in lines[1:])]
    )


def _as_rows(shown: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "panel": f"response, {row['split']}",
                "role": "response",
                "arm": row["arm"],
                "x": float(str(row["step"])),
                "y": float(str(row["response_tokens"])),
                "n": 1,
                "unit": "tokens",
                "source": row["row_id"],
            }
            for row in shown
        ]
    )


FIGURES = {"own6": ("Length and reflection over training, with responses", growth)}
