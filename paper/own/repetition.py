"""own8: what the critic makes of repetition, against what GRPO would give the same tokens."""

from __future__ import annotations

from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs, Study
from paper.product import Product
from paper.series import INTERVAL, metric_label, metric_rows, of_arms, to_frame

METRICS = {
    "training_repetition": "Tokens after a repetition began",
    "repetition_advantage": "Their advantage",
    "repetition_advantage_gap": "Less what GRPO would give",
    "repetition_value_change": "Value after less before",
}
GAP = "a study stored before 2026-11-28 has no advantage of single tokens, so that it is not drawn"
_TITLE = "Advantage of repetitive tokens"


def repetition(inputs: Inputs) -> Product:
    """Return own8."""
    claims = [claim for claim in inputs.claims if claim.id == "f21"]
    asked = [study for study in inputs.studies if study.ablation in {c.ablation for c in claims}]
    studies = [s for s in asked if not metric_rows(s, "repetition_advantage_gap").empty]
    blocks = [_block(study) for study in studies] or [Block(header="Ours", gap=GAP)]
    caption = (
        "The control, PPO with a critic, of the study that the claim is judged on. A repetition"
        " begins where 8 tokens that stood in the response before begin again; a step without one"
        " has no point. Below 0 in the third panel: less than the authors' GRPO would give these"
        " tokens in the same batch. Thin lines: single"
        f" seeds. {INTERVAL} The paper's figure is v2 Fig. 5 (v2fig5), words only."
    )
    # the name alone: with its world, a panel's title would be half of every row
    series = [
        (f"{study.name}: {plot.title}", plot.series)
        for study, block in zip(studies, blocks, strict=False)
        for plot in block.plots
    ]
    return Product(
        id="own8",
        place="",
        title=_TITLE,
        caption=caption,
        numbers=to_frame(series),
        figure=draw(_TITLE, blocks, caption),
        runs={study.name: study.runs for study in studies},
        claims=[claim.id for claim in claims],
        gaps=[block.gap for block in blocks if block.gap],
    )


def _block(study: Study) -> Block:
    control = study.arms[:1]
    plots = [
        Plot(
            title=title,
            label=metric_label(metric)[0].replace("_", " "),
            series=of_arms(study, metric, control, seeds_shown=True),
        )
        for metric, title in METRICS.items()
    ]
    return Block(header=f"Ours: {study.title}", plots=plots, arms=control)


FIGURES = {"own8": (_TITLE, repetition)}
