"""How often the gate passes, cannot tell and says worse, on made-up studies whose loss is known.

Every study calls the gate itself (`harness.compare.gate.judge`) on paired scores of seeds.
Axis letters: ``R`` repeats, ``S`` seeds.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from harness.compare.effects import Effect
from harness.compare.gate import judge
from harness.schema import ExitCode
from harness.stats.gating import gate_chances
from harness.stats.paired import compare_paired
from harness.text import markdown_table

MARGIN = 0.03
SPREAD = 0.02
"""Standard deviation of the paired differences: two thirds of the margin."""

SEEDS = (3, 5, 10)
LOSSES = (0.0, 1.0, 2.0)
"""In margins."""

REPEATS = 4000
_ANSWERS = 128


class Row(NamedTuple):
    """Shares of studies with each answer, in [0, 1]; `stated` are those of the operating curve."""

    world: str
    seeds: int
    loss: float
    passes: float
    untold: float
    worse: float
    stated: tuple[float, ...]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Normal differences."""
    return rng.normal(0.0, SPREAD, shape)


def skewed_down(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Most runs do a little better than their mean, and few fall far below it (exponential)."""
    return SPREAD * (1.0 - rng.exponential(1.0, shape))


def skewed_up(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """The same upside down: few runs lift the mean."""
    return -skewed_down(rng, shape)


def bounded(rng: np.random.Generator, shape: tuple[int, int], loss: float = 0.0) -> np.ndarray:
    """Accuracies over 128 answers, the baseline at 0.92: what a seed does is in both arms."""
    centre, width = 0.92, 120.0
    shared = rng.beta(width * centre, width * (1.0 - centre), shape)
    lowered = shared * (1.0 - loss / centre)
    treat, control = (rng.binomial(_ANSWERS, share) / _ANSWERS for share in (lowered, shared))
    return np.asarray(treat - control)


WORLDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": normal,
    "skewed, few far below": skewed_down,
    "skewed, few far above": skewed_up,
    "bounded, lattice of 1/128": bounded,
}
"""Name -> maker of paired differences whose mean is 0, in the order of the table."""


def answers(world: str, seeds: int, loss: float, repeats: int = REPEATS) -> Row:
    """Measure the share of each answer of the gate.

    Args:
        world: of `WORLDS`.
        seeds: of each study.
        loss: true loss in margins.
        repeats: studies.
    """
    # not hash(): of a text it differs from process to process
    rng = np.random.default_rng(zlib.crc32(f"gate {world} {seeds} {loss}".encode()))
    shape = (repeats, seeds)
    if world.startswith("bounded"):
        difference_RS = bounded(rng, shape, loss * MARGIN)
    else:
        difference_RS = WORLDS[world](rng, shape) - loss * MARGIN
    codes = [_code(difference_S) for difference_S in difference_RS]
    passes, untold, worse = (codes.count(code) / repeats for code in _CODES)
    error = float(difference_RS.std()) / seeds**0.5
    stated = gate_chances(np.array([loss * MARGIN]), error=error, dof=seeds - 1.0, margin=MARGIN)
    shares = tuple(float(share[0]) for share in stated)
    return Row(world, seeds, loss, passes, untold, worse, shares)


def table(repeats: int = REPEATS) -> str:
    """Return the table as Markdown, with what it is made of.

    Args:
        repeats: studies of each row.
    """
    rows = [answers(w, s, loss, repeats) for w in WORLDS for s in SEEDS for loss in LOSSES]
    heads = ["differences by seed", "seeds", "true loss", "passes", "cannot tell", "worse"]
    cells = [
        [
            row.world,
            str(row.seeds),
            f"{row.loss:g} margins",
            *(
                f"{100 * found:.1f} ({100 * stated:.1f})"
                for found, stated in zip(row[3:6], row.stated, strict=True)
            ),
        ]
        for row in rows
    ]
    error = 100 * (0.25 / repeats) ** 0.5
    says = (
        f"Per cent of {repeats} studies a row (standard error at most {error:.1f}); in brackets"
        " what the gate's operating curve says for the true spread. Margin 0.03; the differences"
        " by seed have a standard deviation of 0.02, those of answers 0.03 to 0.04."
    )
    return f"{says}\n\n{markdown_table(heads, cells)}"


_CODES = (ExitCode.OK, ExitCode.CANNOT_TELL, ExitCode.WORSE)


def _code(difference_S: np.ndarray) -> ExitCode:
    zero_S = np.zeros(difference_S.size)
    effect = Effect(
        metric="accuracy_easy",
        unit="fraction",
        better="higher",
        end=1,
        candidate=float(difference_S.mean()),
        baseline=0.0,
        seeds=((), ()),
        rows=(),
        difference=compare_paired(difference_S, zero_S, margin=MARGIN),
    )
    return judge(effect, is_same=False).code
