"""docs/algorithms.md and docs/ablations.md, made from the files that they are about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.claims.reading import Claim, read_claims
from harness.paths import CLAIMS
from harness.plan.cost import Estimate, estimate_cell, minutes
from harness.schema import flatten
from harness.spec import config as configs
from harness.spec.ablation import Ablation, changes_at, load_ablation, read_ablation, scales_of
from harness.spec.application import unsupported
from harness.spec.choices import ablation_files, group_choices
from harness.spec.matrix import arms_of, select_seeds
from harness.spec.options import first_comment
from harness.spec.study import make_study
from harness.text import markdown_table, paragraphs

LABELS = (
    "Advantage",
    "Loss",
    "Value loss",
    "Sampling",
    "Differs",
    "At micro",
    "Reads",
    "Degenerate",
    "Source",
)
"""A comment line of an algorithm's file that begins with one of these begins a new item."""

FULL_SCALE = "orz_7b"
"""Stands for the scales of the paper where a page names the arms of one."""

_ALGORITHMS = """\
# Algorithms

Made from `harness/conf/algorithm/*.yaml` by `python -m harness.docs algorithms`; a test
compares. Every advantage and loss is checked against a plain implementation of the formula, through
the functions of the installed veRL, on random and degenerate batches (`tests/algorithms/`).

`algorithm=<name>` chooses one; `ablation=algorithm_family levels=[ppo,<name>]` compares it with
PPO. In the formulas R is the reward of a response, A the advantage of a token, r = pi / pi_old its
probability ratio. All start from `ppo`: no KL term, no entropy bonus, one update of the policy per
batch. Then r is 1, no clip acts, and algorithms that differ in the clip alone train alike; smaller
mini-batches (`verl.actor_rollout_ref.actor.ppo_mini_batch_size`) make the difference.
"""

_ABLATIONS = """\
# Ablations

Made from `ablations/*.yaml` by `python -m harness.docs ablations`; a test compares.

`python -m harness.run ablation=<name> scale=<scale>` runs one; `dry_run=true` shows its cells. The
control is the first arm. A cell is one arm at one training seed; `python -m harness.plan` says what
cells cost at any scale. Claims are explained in [claims.md](claims.md). Where a file has other arms
at the scales of the paper, both are named.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One file of `harness/conf/algorithm`.

    Attributes:
        name: stem of the file.
        title: its first comment line.
        items: the rest of its comment, one sentence or formula per label of `LABELS`.
        base: the algorithm that it starts from; "" for none.
        keys: dotted veRL key -> value that the file sets.
    """

    name: str
    title: str
    items: tuple[str, ...]
    base: str
    keys: Mapping[str, Any]


def read_algorithm(path: Path) -> Algorithm:
    """Read one algorithm's file with its comment."""
    text = path.read_text()
    document = yaml.safe_load(text)
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            head.append(line.removeprefix("#").strip())
    bases = [name for name in document.get("defaults", ()) if name != "_self_"]
    return Algorithm(
        name=path.stem,
        title=first_comment(path),
        items=_items(head[1:]),
        base=bases[0] if bases else "",
        keys=dict(flatten(document["verl"])),
    )


def algorithms_page() -> str:
    """Return docs/algorithms.md."""
    found = [read_algorithm(path) for path in group_choices()["algorithm"].values()]
    rows = [[f"[{a.name}](#{a.name})", a.title] for a in found]
    parts = [_ALGORITHMS.rstrip(), markdown_table(["algorithm", "what it is"], rows, "<<")]
    for algorithm in found:
        items = [f"- {item}" for item in algorithm.items]
        start = f"On top of `{algorithm.base}`: " if algorithm.base else ""
        keys = ", ".join(f"`{key}: {_written(value)}`" for key, value in algorithm.keys.items())
        items.append(f"- Keys. {start}{keys}.")
        parts += [f"## {algorithm.name}", algorithm.title + ".", "\n".join(items)]
    parts.append("## Not supported")
    parts.append("`python -m harness.run algorithm=<name>` answers with the reason.")
    lines = [
        f"- `{name}`, {known['paper']}: {known['reason']}. Nearest: `{known['nearest']}`."
        for name, known in unsupported()["algorithm"].items()
    ]
    parts.append("\n".join(lines))
    return paragraphs(*parts) + "\n"


def ablations_page() -> str:
    """Return docs/ablations.md."""
    claims = read_claims(CLAIMS)
    parts = [_ABLATIONS.rstrip()]
    for name in ablation_files():
        document = load_ablation(name)
        parts += [f"## {name}", f"{document['question']} ({document['source']})"]
        items = [f"- Speaks to {_claims_of(name, claims)}."]
        if scales_of(document) != ("*",):
            scales = ", ".join(f"`{scale}`" for scale in scales_of(document))
            items.append(f"- At {scales} only: {document['scales']['because']}.")
            items.append(f"- {_size(read_ablation(name, document), '')}")
        else:
            micro = read_ablation(name, document, "micro")
            items.append(f"- {_size(micro, 'Micro: ')}")
            items.append(f"- Cost at micro scale: {_micro_cost(micro)}.")
            full = read_ablation(name, document, FULL_SCALE)
            if changes_at(document, FULL_SCALE):
                items.append(f"- {_size(full, 'At the scales of the paper: ')}")
        parts.append("\n".join(items))
    return paragraphs(*parts) + "\n"


def _items(lines: Sequence[str]) -> tuple[str, ...]:
    items: list[list[str]] = []
    for line in filter(None, lines):
        if line.startswith(LABELS) or not items:
            items.append([])
        items[-1].append(line)
    return tuple(_escaped(" ".join(item)) for item in items)


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is; what stands between backticks stays."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_<>|])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _claims_of(name: str, claims: Sequence[Claim]) -> str:
    ids = [claim.id for claim in claims if claim.ablation == name]
    return ", ".join(ids) if ids else "no claim of the paper"


def _size(ablation: Ablation, start: str) -> str:
    """Return arms, control, cells and steps in one sentence."""
    arms = arms_of(ablation)
    names = [",".join(f"{factor}={level}" for factor, level in arm.levels.items()) for arm in arms]
    seeds = len(select_seeds(None, ablation.seeds))
    steps = f"{ablation.steps} steps" if ablation.has_own_steps or "Micro" in start else "steps"
    steps += "" if steps != "steps" else " as the scale says"
    listed = ", ".join(f"`{name}`" for name in names)
    cells = f"{len(arms)} arms x {seeds} seed{'s' if seeds > 1 else ''}"
    return f"{start}{listed}; {cells} = {len(arms) * seeds} cells, {steps}."


def _micro_cost(ablation: Ablation) -> str:
    """Return what the whole study takes on the reference machine, by the scale's own estimate."""
    estimate, at_once = _micro_cell(ablation.steps)
    cells = len(arms_of(ablation)) * len(select_seeds(None, ablation.seeds))
    return f"{minutes(estimate.cell_s * cells / at_once)} on 2 cores ({estimate.source})"


@cache
def _micro_cell(steps: int) -> tuple[Estimate, int]:
    """Return what a cell of this many steps takes, in any arm, and how many run at once."""
    words = ["ablation=kl_penalty", "scale=micro", "levels=[none]", "seeds=1", f"steps={steps}"]
    with configs.session():
        study = make_study(words)
    launcher = study.request.launcher
    return estimate_cell(study.cells[0], launcher["estimate"], []), int(launcher["cells_at_once"])
