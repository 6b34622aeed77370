"""What a request comes to: its ablation, its cells, and how much of the whole study it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cli import suggest
from harness.paths import ROOT
from harness.provenance import engine_versions, source_hashes
from harness.schema import CellSpec, Inputs, UsageError, flatten
from harness.spec import config as configs
from harness.spec.ablation import Ablation, load_ablation, read_ablation
from harness.spec.batches import check_batches
from harness.spec.inputs import data_hash, model_hash
from harness.spec.matrix import (
    Arm,
    arm_name,
    arms_of,
    build_cells,
    check_overrides,
    differences,
    select_seeds,
)
from harness.spec.shadow import SCALE_PREFIX
from harness.spec.values import check_ranges
from harness.spec.verl_keys import verl_keys

NOT_THE_STUDY = frozenset(
    {
        "ablation",
        "scale",
        "seeds",
        "steps",
        "levels",
        "results_dir",
        "dry_run",
        "verbose",
        "launcher",
        "shadow",
    }
)
"""Root keys that do not change what a cell computes, or that a label names by themselves."""

MAY_GROW = ("verl", "environment", "launcher")
"""Root keys below which a command line may add keys."""

EXTERNAL_MODULES = "VERL_USE_EXTERNAL_MODULES"
"""Variable with the modules that verl imports in each of its processes, between commas."""

# the label is the name of a directory
_LONGEST_LABEL = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A request with everything that follows from it.

    Attributes:
        request: what was asked.
        ablation: the ablation file, checked.
        arms: the arms that are run, the control first.
        seeds: the training seeds.
        steps: training steps of each cell.
        cells: the matrix, seed by seed.
        label: "" for the whole study; else what makes the request less or other than it.
    """

    request: configs.Request
    ablation: Ablation
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    steps: int
    cells: tuple[CellSpec, ...]
    label: str

    @property
    def root(self) -> Path:
        """Directory of the ablation at this scale; the cells' runs are below it."""
        return self.request.results_dir / self.request.scale / self.ablation.name

    @property
    def tables(self) -> Path:
        """Directory of the tables and the report of this request."""
        return self.root / "partial" / self.label if self.label else self.root


def make_study(overrides: list[str]) -> Study:
    """Compose a command line into a study.

    Needs a Hydra application or `harness.spec.config.session` around it.

    Raises:
        UsageError: the request is wrong; nothing was changed.
    """
    request = configs.read_request(overrides)
    check_added_keys(request)
    document = load_ablation(request.ablation)
    # a shadow has the arms of the scale that it is of
    scale = request.scale.removeprefix(SCALE_PREFIX)
    ablation = read_ablation(request.ablation, document, scale)
    steps = request.steps or whole_steps(request, ablation)
    seeds = select_seeds(request.seeds, ablation.seeds)
    arms = arms_of(ablation, request.levels)
    _refuse_touched_factors(request, ablation, steps)
    resolved = [(arm, _arm_config(request.overrides, arm, steps)) for arm in arms]
    for arm, config in resolved:
        check_ranges(config)
        check_batches(config["verl"], arm_name(arm.levels))
    cells = build_cells(ablation, request.scale, resolved, seeds, inputs_of)
    return Study(
        request=request,
        ablation=ablation,
        arms=tuple(arms),
        seeds=seeds,
        steps=steps,
        cells=tuple(cells),
        label=label_of(request, ablation, seeds, steps),
    )


def inputs_of(config: Mapping[str, Any]) -> Inputs:
    """Return the content hashes of what a config refers to."""
    # the whole of plugins/: configs and hooks name its modules, which imports do not show
    package = ROOT / "harness"
    plugins = package / "plugins"
    entries = [
        package / "rewards" / f"{config['reward']['name']}.py",
        *plugins.glob("*.py"),
        *plugins.glob("*.yaml"),
        *algorithm_files(config),
        *extension_files(config),
    ]
    return Inputs(
        data=data_hash(config["dataset"]),
        model=model_hash(config["model"]),
        sources=source_hashes(ROOT, entries),
        versions=engine_versions(),
    )


def algorithm_files(config: Mapping[str, Any]) -> list[Path]:
    """Return the files of `harness/algorithms/` that a config has veRL import; usually none.

    Only these enter the id of a cell: a new algorithm leaves every other cell what it was.

    Raises:
        UsageError: it names a module from elsewhere, whose source would not be part of the id, or
            one that is not there.
    """
    files = []
    for key, value in flatten(config["verl"]):
        if value is None or not key.endswith("model.external_lib"):
            continue
        for module in value if isinstance(value, list) else [value]:
            room, _, name = str(module).rpartition(".")
            path = ROOT / "harness" / "algorithms" / f"{name}.py"
            if room != "harness.algorithms" or not path.is_file():
                raise UsageError(
                    f"verl.{key} names {module!r}: expected harness.algorithms.<name>, a file of"
                    " harness/algorithms/, so that its source is part of the id of the cell"
                )
            files.append(path)
    return list(dict.fromkeys(files))


def extension_files(config: Mapping[str, Any]) -> list[Path]:
    """Return the files of `harness/extensions/` that every process of a cell imports.

    They are named in the variable by which veRL imports modules of others; a cell that names none
    has none in its id.

    Raises:
        UsageError: it names one that is not there.
    """
    named = str(config["environment"].get(EXTERNAL_MODULES) or "").split(",")
    files = []
    for module in (name for name in named if name.startswith("harness.extensions.")):
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        if not path.is_file():
            raise UsageError(f"environment.{EXTERNAL_MODULES} names {module}: there is no {path}")
        files.append(path)
    return files


def check_added_keys(request: configs.Request) -> None:
    """Refuse an added key that nobody reads: neither veRL's, nor a variable, nor a limit.

    Raises:
        UsageError: naming near keys.
    """
    known = verl_keys() | set(request.added_keys)
    for change in request.changes:
        root, _, key = change.name.partition(".")
        if change.is_added and root not in MAY_GROW:
            raise UsageError(
                f"+{change.name} adds a key that nothing reads: keys are added below"
                f" {', '.join(MAY_GROW)} only"
            )
        if change.is_added and root == "verl" and key not in known:
            raise UsageError(
                f"veRL has no key {key}: {suggest(key, known)}; if it takes the key all the same,"
                " list it under verl_added_keys in harness/conf/config.yaml"
            )


def whole_steps(request: configs.Request, ablation: Ablation) -> int:
    """Return the training steps of the whole study: the scale's, where it says, or the ablation's.

    The number in an ablation file is made for the micro-world, unless the file says otherwise.
    """
    if ablation.has_own_steps:
        return ablation.steps
    return request.scale_steps or ablation.steps


def label_of(
    request: configs.Request, ablation: Ablation, seeds: tuple[int, ...], steps: int
) -> str:
    """Return the name of a request that is not the whole study, "" if it is (or is more).

    Fewer or other seeds, other steps, fewer levels or any other changed setting make it partial,
    so that the tables of the study beside it are never overwritten.
    """
    parts = []
    if not set(select_seeds(None, ablation.seeds)) <= set(seeds):
        named = isinstance(request.seeds, tuple)
        parts.append(f"seeds={'+'.join(map(str, seeds)) if named else len(seeds)}")
    if steps != whole_steps(request, ablation):
        parts.append(f"steps={steps}")
    if request.levels is not None:
        parts.append(f"levels={'+'.join(request.levels)}")
    for change in request.changes:
        if change.name.split(".")[0] not in NOT_THE_STUDY:
            parts.append(change.text.lstrip("+"))
    label = re.sub(r"[^A-Za-z0-9_.,=+-]", "_", ",".join(parts))
    if len(label) > _LONGEST_LABEL:
        digest = hashlib.sha256(",".join(parts).encode()).hexdigest()[:8]
        label = f"{label[:_LONGEST_LABEL]}-{digest}"
    return label


def _arm_config(overrides: tuple[str, ...], arm: Arm, steps: int) -> dict[str, Any]:
    config = configs.arm_config(overrides, arm.choose, arm.settings, steps)
    return configs.without_unused(config)


def _refuse_touched_factors(request: configs.Request, ablation: Ablation, steps: int) -> None:
    groups = [change for change in request.changes if change.is_group]
    keys = [change.name for change in request.changes if not change.is_group]
    overrides = [change.text for change in groups]
    # where results go, also where each arm chooses the scale that it is run at
    groups = [change for change in groups if change.name != "scale"]
    if not any(key.split(".")[0] in configs.CELL_KEYS for key in keys):
        check_overrides(ablation, keys, [change.name for change in groups], [])
        return
    # without the command line's keys, so that one which makes two arms equal is seen as well
    bare = [
        (arm_name(arm.levels), configs.arm_config(overrides, arm.choose, arm.settings, steps))
        for arm in arms_of(ablation)
    ]
    differing = [difference.key for difference in differences(bare)]
    check_overrides(ablation, keys, [change.name for change in groups], differing)
