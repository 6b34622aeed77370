"""Writes the tables and the figure of the pilots in lab 0010 from the stored exploratory runs.

python scripts/pilots.py
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims.measuring import curves_of
from harness.claims.quantities import Quantity, values_of
from harness.metrics.tables import Tables
from harness.paths import BASELINES
from harness.plots import COLOURS, METADATA, STYLE
from harness.stats.power import Design, Goal, detectable_effect
from harness.stats.variance import split_difference
from harness.store.bundle import Bundle, find_bundle, read_bundle, scores_of
from harness.store.files import write_atomic
from harness.writing import whole_file

LAB = Path(__file__).resolve().parent.parent / "docs" / "lab"
PAGE, FIGURE = LAB / "0010-a-world-with-room.md", LAB / "0010-pilots.png"
BEGIN, END = "<!-- made by scripts/pilots.py -->", "<!-- end of the pilots -->"
PILOTS, NOISE = "micro/pilot@v1", "micro/noise@v1"
"""The ends of the factors at two seeds; control and GRPO at five."""

CONTROL = "pilot=control"

GROUPS: Mapping[str, Sequence[str]] = {
    "KL term": ("kl_loss_1", "kl_reward_0.5"),
    "lambda and gamma": ("lambda_0.5", "gamma_0.9"),
    "algorithm and updates": ("grpo", "updates_8", "rate_x10"),
    "data": ("data_16", "narrow"),
    "rollouts and reward": ("temperature_0.6", "temperature_2", "format", "random"),
    "size": ("size_0.3m", "size_3m"),
}
"""Panels of the figure and the arms in them."""

TIMES = ("step_time", "evaluation_time")
HOURS, EVALUATIONS = 2, 5
LENGTHS = (10, 20, 50, 100, 200)
DESIGNS = ((12, 4), (24, 4), (48, 1), (48, 2), (48, 4), (48, 8), (96, 4), (192, 4))
"""Questions of each held-out set and samples of each question."""

COLUMNS = (
    ("accuracy, step 10", Quantity(measure="level", metric="accuracy_easy", arm="", at=(10, 10))),
    ("20", Quantity(measure="level", metric="accuracy_easy", arm="", at=(20, 20))),
    ("40", Quantity(measure="level", metric="accuracy_easy", arm="")),
    ("harder", Quantity(measure="level", metric="accuracy_hard", arm="")),
    ("never trained on", Quantity(measure="level", metric="accuracy_transfer", arm="")),
    ("length [tokens]", Quantity(measure="level", metric="response_length", arm="")),
    ("format", Quantity(measure="level", metric="format_easy", arm="")),
    (
        "reflection [1/100 tokens]",
        Quantity(measure="level", metric="reflection_rate_easy", arm=""),
    ),
    ("largest fall of reward", Quantity(measure="largest_fall", metric="reward", arm="")),
)
"""Head -> what is measured; without a step the end of training."""


def arm_table(tables: Tables) -> str:
    """One line per arm: means over its seeds."""
    heads = ["arm", "seeds", *(head for head, _ in COLUMNS)]
    lines = [_row(heads), _row(["---", *["---:"] * (len(heads) - 1)])]
    for arm in dict.fromkeys(tables.runs["arm"].astype(str)):
        cells = [arm.partition("=")[2], str(int((tables.runs["arm"].astype(str) == arm).sum()))]
        for _, asked in COLUMNS:
            value = float(np.mean(_measured(tables, arm, asked)))
            cells.append(f"{value:.1f}" if asked.metric == "response_length" else f"{value:.3f}")
        lines.append(_row(cells))
    return "\n".join(lines)


def _measured(tables: Tables, arm: str, asked: Quantity) -> np.ndarray:
    curves, _ = curves_of(tables, asked.metric, [arm])
    return values_of(replace(asked, arm=arm), curves)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def worth_table(bundle: Bundle) -> str:
    """What questions and samples buy: the difference that `HOURS` of cells can see at 80 %."""
    splits = list(dict.fromkeys(bundle.scores["split"]))
    noise = [
        split_difference(
            *(scores_of(bundle, arm, split) for arm in ("pilot=grpo", CONTROL)),
            is_aligned=bundle.is_aligned,
        )
        for split in splits
    ]
    training, sample = _seconds(bundle)
    heads = ["questions x samples", "cell [s]", f"seeds in {HOURS} h", *splits]
    lines = [_row(heads), _row(["---", *["---:"] * (len(heads) - 1)])]
    for questions, samples in DESIGNS:
        cell = training + EVALUATIONS * len(splits) * questions * samples * sample
        seeds = int(HOURS * 3600 / (2 * cell))
        design = Design(seeds=seeds, questions=questions, samples=samples)
        seen = [detectable_effect(one, Goal(effect=0.05), design) for one in noise]
        cells = [f"{questions} x {samples}", f"{cell:.0f}", str(seeds), *(f"{x:.3f}" for x in seen)]
        lines.append(_row(cells))
    return "\n".join(lines)


def _seconds(bundle: Bundle) -> tuple[float, float]:
    """Return the mean time of training a cell and that of evaluating one sample."""
    curves = bundle.curves[bundle.curves["arm"].astype(str) == CONTROL]
    of = {name: curves.loc[curves["metric"] == name, "value"] for name in TIMES}
    runs = curves["run_id"].nunique()
    evaluation = bundle.manifest["protocol"]["evaluation"]
    requested = sum(evaluation["questions"].values()) * evaluation["samples"]
    return (
        float(of["step_time"].sum()) / runs,
        float(of["evaluation_time"].mean()) / requested,
    )


def page_with_pilots(page: str, pilots: Bundle, noise: Bundle) -> str:
    """The page with its tables made again."""
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n{arm_table(pilots.tables)}\n\n{worth_table(noise)}\n{END}{after}"


def draw(tables: Tables, noise: Tables, path: Path) -> None:
    """Accuracy and length against the step: the control's seeds as a band, each arm's as lines."""
    metrics = {"accuracy_easy": "accuracy [fraction]", "response_length": "length [tokens]"}
    stored = set(tables.runs["arm"].astype(str))
    with mpl.rc_context({**STYLE, "font.size": 8}):
        figure = Figure(figsize=(15, 5.2), layout="constrained")
        panels = figure.subplots(len(metrics), len(GROUPS), sharex=True, sharey="row")
        for row, (metric, label) in zip(panels, metrics.items(), strict=True):
            for panel, (group, arms) in zip(row, GROUPS.items(), strict=True):
                _draw_control(panel, noise, metric)
                _draw_arms(panel, tables, metric, [a for a in arms if f"pilot={a}" in stored])
                panel.set_title(group if metric == "accuracy_easy" else "")
            row[0].set_ylabel(label)
            if metric == "response_length":
                row[0].set_yscale("log")
                row[0].set_yticks(LENGTHS, labels=map(str, LENGTHS), minor=False)
                row[0].minorticks_off()
        for panel in panels[-1]:
            panel.set_xlabel("training step")
        for panel in panels[0]:
            panel.legend(fontsize=7)
        with whole_file(path) as half:
            figure.savefig(half, metadata=METADATA[".png"])


def _draw_control(panel: Axes, tables: Tables, metric: str) -> None:
    curves, seeds = curves_of(tables, metric, [CONTROL])
    control_ST = curves.value[CONTROL]
    panel.fill_between(
        curves.step_T, control_ST.min(axis=0), control_ST.max(axis=0), color="#D0D0D0", linewidth=0
    )
    label = f"control, {len(seeds)} seeds"
    panel.plot(curves.step_T, control_ST.mean(axis=0), color=COLOURS[0], label=label)


def _draw_arms(panel: Axes, tables: Tables, metric: str, arms: Sequence[str]) -> None:
    for arm, colour in zip(arms, COLOURS[1:], strict=False):
        own, _ = curves_of(tables, metric, [f"pilot={arm}"])
        for place, value_T in enumerate(own.value[f"pilot={arm}"]):
            panel.plot(own.step_T, value_T, color=colour, linewidth=1, label=None if place else arm)


def main() -> int:
    """Write page and figure."""
    pilots, noise = (read_bundle(find_bundle(name, BASELINES)) for name in (PILOTS, NOISE))
    write_atomic(PAGE, page_with_pilots(PAGE.read_text(), pilots, noise))
    draw(pilots.tables, noise.tables, FIGURE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
