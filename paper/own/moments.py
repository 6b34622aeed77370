"""own9: step moments, reward, length and reflection lifted together more than chance would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.references.entries import Curve
from harness.report.effects import effect_seed
from harness.stats.moments import Moments, joint_moments
from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs, Study
from paper.product import Product
from paper.series import Series, metric_rows, to_frame

PUBLISHED = (
    "fig6_main_reward_raw",
    "fig6_main_average_response_length_raw",
    "fig6_main_correct_reflection_length_raw",
)
METRICS = ("reward", "response_length", "training_right_reflection_length")
PUBLISHED_WIDTH, WIDTH = 40, 4
"""Steps on each side: for the paper's 730 near the 50 of its surge, for ours a tenth of 40."""

_TITLE = "Step moments"
_LABEL = "joint surge / chance's bound"
_BOUND = Series(
    role="level", arm="bound", label="bound", x=(float("nan"),), y=(1.0,), unit="1", sources=()
)
GAP = "no stored study has the length of right reflecting responses at every step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was looked for in one run: its steps, and what was found."""

    name: str
    step_T: np.ndarray
    moments: Moments

    @property
    def is_flagged(self) -> bool:
        """Whether its largest joint surge is one that chance has in at most 5 % of runs."""
        return self.moments.p <= 0.05

    def series(self, role_arm: str, label: str) -> Series:
        """Return the joint surge over its bound at every step."""
        return Series(
            role="seed" if not label else "mean",
            arm=role_arm,
            label=label,
            x=tuple(self.step_T[self.moments.places].tolist()),
            y=tuple((self.moments.joint / self.moments.bound).tolist()),
            unit="1",
            sources=(self.name,),
        )


def step_moments(inputs: Inputs) -> Product:
    """Return own9."""
    paper = _look("fig6", _of_curves([inputs.paper.curves[n] for n in PUBLISHED]), PUBLISHED_WIDTH)
    ours = {study.name: _of_study(study) for study in inputs.studies}
    looked = {study.name: found for study in inputs.studies if (found := ours[study.name])}
    blocks = [_published_block(paper)] if paper is not None else []
    blocks += [
        _block(study, looked[study.name]) for study in inputs.studies if study.name in looked
    ]
    blocks += [] if looked else [Block(header="Ours", gap=GAP)]
    caption = (
        "At each step the mean of the next steps minus that of the last ones, in robust deviations,"
        " after local linear trends are taken away; the smallest of the three curves (reward,"
        f" response length, length of right reflecting responses). {PUBLISHED_WIDTH} steps for the"
        f" paper, {WIDTH} for ours. Above 1: higher than chance has it anywhere in a run in 5 % of"
        " runs, chance being the same curves turned against one another."
    )
    rows = [("fig6", paper)] if paper is not None else []
    # the names alone: with its header, a panel's title would be most of every row
    names = [name for name, _ in rows] + [*looked]
    series = [
        (f"{name}: {plot.title}", plot.series)
        for name, block in zip(names, blocks, strict=False)
        for plot in block.plots
    ]
    rows += [(name, one) for name, found in looked.items() for one in found]
    return Product(
        id="own9",
        place="",
        title=_TITLE,
        caption=caption,
        numbers=pd.concat([to_frame(series), _p_values(rows)]),
        figure=draw(_TITLE, blocks, caption),
        references=list(PUBLISHED),
        runs={study.name: study.runs for study in inputs.studies if study.name in looked},
        claims=[claim.id for claim in inputs.claims if claim.id == "f14"],
        gaps=[block.gap for block in blocks if block.gap],
    )


def _look(name: str, frame: pd.DataFrame, width: int) -> Found | None:
    """Look for a moment in curves, one column each; None where there is too little to look at."""
    whole = frame.dropna()
    rng = np.random.default_rng(effect_seed(f"step moments:{name}"))
    try:
        found = joint_moments(whole.to_numpy(dtype=float).T, width=width, rng=rng)
    except ValueError:
        return None
    return Found(name=name, step_T=whole.index.to_numpy(), moments=found)


def _of_curves(curves: Sequence[Curve]) -> pd.DataFrame:
    return pd.concat(
        [pd.Series(c.values, index=list(c.steps), name=c.name) for c in curves], axis=1
    )


def _of_study(study: Study) -> list[Found]:
    """Return what is found in each finished run that recorded the three curves."""
    rows = pd.concat([metric_rows(study, name).assign(metric=name) for name in METRICS])
    found = []
    for run in study.runs:
        own = rows[rows["run_id"] == run]
        curves = own.pivot_table(index="step", columns="metric", values="value")
        if set(curves.columns) == set(METRICS) and (one := _look(run, curves, WIDTH)):
            found.append(one)
    return found


def _published_block(paper: Found) -> Block:
    largest = int(paper.step_T[paper.moments.largest])
    header = (
        f"The paper, 7B (Fig. 6): the largest joint surge is at step {largest}, p ="
        f" {paper.moments.p:.2f}"
    )
    plots = [Plot(title="ORZ-7B", label=_LABEL, series=[paper.series("ORZ-7B", "ORZ-7B"), _BOUND])]
    return Block(header=header, plots=plots, arms=["ORZ-7B", "bound"])


def _block(study: Study, found: Sequence[Found]) -> Block:
    flagged = sum(one.is_flagged for one in found)
    header = (
        f"Ours: {study.title}: {flagged} of {len(found)} runs above the bound, where chance alone"
        f" would have {0.05 * len(found):.1f}"
    )
    arm_of = dict(
        metric_rows(study, METRICS[0])[["run_id", "arm"]].drop_duplicates().to_numpy().tolist()
    )
    plots = []
    for arm in study.arms:
        mine = [one for one in found if arm_of[one.name] == arm]
        if mine:
            series = [one.series(arm, "") for one in mine]
            plots.append(Plot(title=arm, label=_LABEL, series=[*series, _BOUND]))
    return Block(header=header, plots=plots, arms=[*study.arms, "bound"])


def _p_values(rows: Sequence[tuple[str, Found]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "panel": f"p of the largest joint surge, {name}",
                "role": "p",
                "arm": "",
                "x": float(one.step_T[one.moments.largest]),
                "y": one.moments.p,
                "n": 1,
                "unit": "1",
                "source": one.name,
            }
            for name, one in rows
        ]
    )


FIGURES = {"own9": (_TITLE, step_moments)}
