"""What a request would run, for the terminal: its matrix, its commands, its cost."""

from __future__ import annotations

import math

from harness.plan.cost import estimate_cell, finished_runs, minutes
from harness.run.checks import cells_at_once, watchdog_limits
from harness.run.launchers import shown_launch
from harness.run.session import pending_cells
from harness.spec.config import replaced_keys
from harness.spec.matrix import arm_name
from harness.spec.shadow import Replacement
from harness.spec.study import Study
from harness.store.ledger import RunStore
from harness.text import aligned, folded


def print_plan(study: Study) -> None:
    """Print the matrix as a table; if asked, then what would be started for each cell, in full."""
    # a limit that there is not would stop the run itself
    watchdog_limits(study)
    print(folded(describe_study(study)))
    print(folded(cost_line(study)))
    print(shadow_text(study), end="")
    print()
    print(matrix_table(study))
    for cell in study.cells if study.request.verbose else ():
        print(f"\n# {cell.run_name}\n{shown_launch(study, cell)}")
    hint = "" if study.request.verbose else "; verbose=true prints their commands in full"
    count = f"({len(study.cells)} cells)"
    print(folded(f"\ndry run: nothing was launched, nothing was written {count}{hint}"))


def describe_study(study: Study) -> str:
    """Return one line: what is asked, at which scale, and which part of the study it is."""
    part = f"partial: {study.label}" if study.label else "the whole study"
    return (
        f"{study.ablation.name} at scale {study.request.scale}: {len(study.arms)} arms x"
        f" {len(study.seeds)} seeds = {len(study.cells)} cells of {study.steps} steps ({part})"
    )


def shadow_text(study: Study) -> str:
    """Return the table of the keys that a shadow replaces, with both values; "" for no shadow."""
    arms: dict[Replacement, list[str]] = {}
    for arm in study.arms:
        for found in replaced_keys(study.request.overrides, arm.choose, arm.settings):
            shown = Replacement(found.key, repr(found.recipe), repr(found.shadow))
            arms.setdefault(shown, []).append(arm_name(arm.levels))
    if not arms:
        return ""
    rows = [("replaced key", "recipe", "shadow", "")]
    for item, names in arms.items():
        which = "" if len(names) == len(study.arms) else f"({'; '.join(names)})"
        rows.append((item.key, short(item.recipe), short(item.shadow), which))
    return (
        f"\na shadow: {len(arms)} keys of the recipe are replaced, by the list in"
        f" harness/conf/shadow.yaml; this is no result of the recipe\n{aligned(rows)}\n"
    )


def short(text: str) -> str:
    """Return a text of at most 60 characters; what is cut ends in an ellipsis."""
    return text if len(text) <= 60 else f"{text[:59]}…"


def matrix_table(study: Study) -> str:
    """Return the aligned table of the cells: arm, seed, id, state, run directory."""
    store = RunStore(study.root)
    rows = [("arm", "seed", "id", "state", "run directory")]
    for cell in study.cells:
        state, directory = str(store.status(cell)), str(store.run_dir(cell))
        rows.append((cell.arm, str(cell.seed), cell.cell_id[:8], state, directory))
    return aligned(rows)


def cost_line(study: Study) -> str:
    """Return one line: what is left to run and how long it takes."""
    cells = pending_cells(study, RunStore(study.root))
    if not cells:
        return f"all {len(study.cells)} cells are done: nothing is launched"
    estimate = estimate_cell(
        cells[0],
        study.request.launcher["estimate"],
        finished_runs(study.request.results_dir / study.request.scale),
    )
    count = f"{len(cells)} of {len(study.cells)} cells to run"
    at_once = min(cells_at_once(study), len(cells))
    rounds = math.ceil(len(cells) / at_once)
    each, total = minutes(estimate.cell_s), minutes(estimate.cell_s * rounds)
    side = f", {at_once} at once" if at_once > 1 else ""
    return f"{count}, {each} each{side}: {total} in all ({estimate.source})"
