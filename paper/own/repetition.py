"""own8: the advantage of repetitive tokens (v2 Fig. 5); no record of ours has it yet."""

from __future__ import annotations

from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs
from paper.product import Product
from paper.series import to_frame

GAP = (
    "the records of a run have the largest and smallest advantage of each batch and no advantage"
    " of single tokens, so that what repetitive tokens get cannot be told"
)


def repetition(inputs: Inputs) -> Product:
    """Return own8: axes with the gap named."""
    plots = [
        Plot(title=arm, label="mean advantage", gap=GAP)
        for arm in ("algorithm=ppo", "algorithm=grpo")
    ]
    caption = "Nothing is drawn. The paper's figure is v2 Fig. 5 (v2fig5), words only."
    title = "Advantage of repetitive tokens"
    return Product(
        id="own8",
        place="",
        title=title,
        caption=caption,
        numbers=to_frame([]),
        figure=draw(title, [Block(header="Ours", plots=plots)], caption),
        claims=[claim.id for claim in inputs.claims if claim.id == "f21"],
        gaps=[GAP],
    )


FIGURES = {"own8": ("Advantage of repetitive tokens", repetition)}
