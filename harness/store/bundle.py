"""Baselines on disk: finding, reading and checking them. A baseline is never changed.

baselines/runs/<scale>/<ablation>/v<N>/ holds manifest.json, curves.parquet (every declared metric
of every finished run) and scores.parquet (the last evaluation, per question).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.finals import final_values
from harness.metrics.tables import SAMPLE_TYPES, Tables
from harness.schema import SCHEMA_VERSION, DamagedError, UsageError, content_hash
from harness.store.contents import (
    CURVE_KINDS,
    RIGHT,
    SCORE_KINDS,
    Objection,
    most_rows,
    objections,
    read_table,
)
from harness.store.contents import CURVES as CURVES
from harness.store.contents import SCORES as SCORES
from harness.store.forms import STORED, STUDY, form_objection, shown
from harness.untrusted.files import Refused, read_bytes, text_of
from harness.untrusted.json_text import parse_json

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A stored study, verified.

    Attributes:
        name: `<scale>/<ablation>@v<N>`.
        manifest: what it holds and where it comes from.
        curves: columns row_id, run_id, arm, seed, step, metric, value.
        scores: columns row_id, run_id, arm, seed, split, question_id, samples, correct; right
            but in logs and the first bundles.
        doubts: what cannot be and only lowers its numbers: it may be judged, and cannot pass.
    """

    name: str
    manifest: Mapping[str, Any]
    curves: pd.DataFrame
    scores: pd.DataFrame
    doubts: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Training steps of its runs."""
        return int(self.manifest["protocol"]["steps"])

    @property
    def is_aligned(self) -> bool:
        """Whether sample k of `scores_of` had the same sampling seed in all arms of a seed."""
        return RIGHT in self.scores and shares_sampling_seeds(self.manifest["protocol"])

    @property
    def tables(self) -> Tables:
        """Its finished runs and their curves as tables; a bundle keeps no single samples."""
        done = [cell for cell in self.manifest["cells"] if cell["status"] == "done"]
        by_arm: dict[str, list[Mapping[str, Any]]] = {}
        for cell in done:
            by_arm.setdefault(str(cell["arm"]), []).append(cell)
        steps = {arm: steps_of(cells, arm, self.steps) for arm, cells in by_arm.items()}
        runs = pd.DataFrame(
            [
                {
                    **cell,
                    "row_id": cell["cell_id"][:8],
                    "steps": steps[str(cell["arm"])],
                    "is_included": True,
                }
                for cell in done
            ]
        )
        samples = pd.DataFrame(columns=list(SAMPLE_TYPES))
        return Tables(runs=runs, steps=self.curves, samples=samples)

    def finals(self, metrics: Sequence[str]) -> pd.DataFrame:
        """Return each stored run's metrics at the end of training, as `final_values`."""
        return final_values(self.tables, metrics)


def shares_sampling_seeds(protocol: Mapping[str, Any]) -> bool:
    """Tell whether arms of a training seed draw sample k of a question with the same seed.

    They do where each request has a seed of its own, of which the arm is no part
    (harness/plugins/request_seed.py). A log does not say.

    Args:
        protocol: of a bundle's manifest or of study.json.
    """
    arms = protocol["arms"].values()
    return all((arm.get("config") or {}).get(_LOOP) == "paired" for arm in arms)


_LOOP = "verl.actor_rollout_ref.rollout.agent.default_agent_loop"


def steps_of(cells: Sequence[Mapping[str, Any]], arm: str, steps: int) -> int:
    """Return the training steps of an arm: of a log what its longest run has, else `steps`."""
    own = [cell["last_step"] for cell in cells if cell["arm"] == arm and "last_step" in cell]
    return int(max(own, default=steps))


def read_bundle(directory: Path, *, is_judged: bool = False) -> Bundle:
    """Read a baseline, check every byte against its manifest, and that what it says can be.

    Args:
        directory: of the bundle.
        is_judged: it is a candidate: what only lowers its numbers is a doubt, and no error.

    Raises:
        UsageError: it is not there.
        DamagedError: a file is missing or changed, two finished runs are one replicate, or its
            contents contradict each other or what numbers can be.
    """
    manifest = read_manifest(directory)
    fault = form_objection(manifest, STORED)
    if fault:
        raise _nonsense(directory, fault)
    check_replicates(
        [(c["arm"], c["seed"]) for c in manifest["cells"] if c["status"] == "done"], directory
    )
    if set(manifest["files"]) != {CURVES, SCORES}:
        raise DamagedError(
            f"{directory / MANIFEST} lists {', '.join(map(str, manifest['files']))}, a bundle holds"
            f" {CURVES} and {SCORES}: restore the folder from git"
        )
    for name, entry in manifest["files"].items():
        _check_file(directory / name, entry)
    tables = {
        name: read_table(directory / name, kinds, most_rows(manifest, name))
        for name, kinds in ((CURVES, CURVE_KINDS), (SCORES, SCORE_KINDS))
    }
    for name, table in tables.items():
        stated = manifest["files"][name].get("rows", len(table))
        if stated != len(table):
            raise _nonsense(directory, f"{name} has {len(table)} rows, {stated} are stated")
    bundle = Bundle(
        name=manifest["name"], manifest=manifest, curves=tables[CURVES], scores=tables[SCORES]
    )
    return _without_doubts(bundle, directory, is_judged)


def _check_file(path: Path, entry: Mapping[str, Any]) -> None:
    """Compare size and hash of a table with what its manifest states; the size tells at once."""
    found, stated = "no file", f"{entry['bytes']} bytes"
    if path.is_file():
        found = f"{path.stat().st_size} bytes"
    if found == stated:
        found, stated = f"sha256 {sha256(path)[:16]}", f"sha256 {entry['sha256'][:16]}"
    if found != stated:
        raise DamagedError(
            f"{path} has {found}, its manifest says {shown(stated)[1:-1]}: restore the file from"
            " git; a baseline is never changed"
        )


def check_study(bundle: Bundle, place: object, *, is_judged: bool = False) -> Bundle:
    """Return a study that is stored nowhere; `DamagedError` if its contents cannot be true."""
    fault = form_objection(bundle.manifest, STUDY)
    if fault:
        raise DamagedError(f"{place}: {fault}; make its tables again")
    return _without_doubts(bundle, place, is_judged)


def _without_doubts(bundle: Bundle, place: object, is_judged: bool) -> Bundle:
    found = list(objections(bundle.manifest, bundle.curves, bundle.scores))
    grave = [item for item in found if not (is_judged and item.only_lowers)]
    if grave:
        raise _nonsense(place, grave[0].text, len(grave))
    return replace(bundle, doubts=_summary(found))


def _summary(found: Sequence[Objection]) -> tuple[str, ...]:
    """Return doubts as one sentence: they are alike, and there is one for every run."""
    if not found:
        return ()
    return (found[0].text + (f" (and {len(found) - 1} more like it)" if found[1:] else ""),)


def _nonsense(place: object, text: str, count: int = 1) -> DamagedError:
    more = f" (and {count - 1} more)" if count > 1 else ""
    return DamagedError(
        f"{place}: {text}{more}; the hashes fit, so it was written wrong or made again by hand:"
        " restore it from git, or write it again"
    )


def check_replicates(pairs: Iterable[tuple[str, int]], place: object) -> None:
    """Check that no arm has two finished runs of a seed.

    Raises:
        DamagedError: two of the (arm, seed) are one replicate: nobody can say which one counts.
    """
    seen: set[tuple[str, int]] = set()
    for arm, seed in pairs:
        if (arm, seed) in seen:
            raise DamagedError(
                f"{place} has two finished runs of {arm} with seed {seed}: a seed is one replicate;"
                " remove one of them"
            )
        seen.add((arm, seed))


def versions(folder: Path) -> list[int]:
    """Return the versions that are stored below `baselines/runs/<scale>/<ablation>`, in order."""
    found = (_VERSION.fullmatch(path.name) for path in folder.glob("v*"))
    return sorted(int(match[1]) for match in found if match)


def misnamed(baselines: Path) -> list[Path]:
    """Return what stands among the versions and is named as none; no command would read it."""
    beside = (path for path in baselines.glob("*/*/*") if not path.name.startswith("."))
    return sorted(path for path in beside if _VERSION.fullmatch(path.name) is None)


_VERSION = re.compile(r"v([1-9]\d{0,8})", re.ASCII)


def find_bundle(name: str, baselines: Path) -> Path:
    """Return the directory of a baseline, `micro/kl_penalty@v1`; without a version, of the latest.

    Raises:
        UsageError: there is none of that name.
    """
    study, _, version = name.partition("@")
    stored = versions(baselines / study)
    wanted = version or (f"v{stored[-1]}" if stored else "")
    if not wanted or not (baselines / study / wanted / MANIFEST).is_file():
        there = ", ".join(bundle_names(baselines)) or "none yet"
        raise UsageError(f"there is no baseline {name!r} below {baselines}: there are {there}")
    return baselines / study / wanted


def bundle_names(baselines: Path) -> list[str]:
    """Return the names of all stored baselines."""
    return [
        f"{folder.parent.name}/{folder.name}@v{version}"
        for folder in sorted(baselines.glob("*/*"))
        for version in versions(folder)
    ]


def read_manifest(directory: Path) -> dict[str, Any]:
    """Read the manifest of a baseline, without its digest, and check it against that.

    Raises:
        DamagedError: it cannot be read, or was changed.
        UsageError: another version of the suite wrote it.
    """
    path = directory / MANIFEST
    try:
        text = text_of(read_bytes(path))
        manifest = parse_json(text)
        if not isinstance(manifest, dict) or "digest" not in manifest:
            raise Refused("states no digest")
        written = manifest_text(manifest)
        digest = manifest.pop("digest")
    except (OSError, Refused) as error:
        why = error.strerror if isinstance(error, OSError) else f"it {error}"
        raise DamagedError(
            f"{path} is not the manifest of a baseline ({why}): restore the folder from git"
        ) from error
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schema version {shown(manifest.get('schema_version'))}, this suite reads"
            f" {SCHEMA_VERSION}: use the version of the suite that wrote it"
        )
    # the hash is over the content; a blank or a key given twice changes the bytes alone
    if content_hash(manifest) != digest or text != written:
        raise DamagedError(f"{path} was changed after it was stored: restore it from git")
    return dict(manifest)


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return the only text that a manifest is written as."""
    return json.dumps(manifest, indent=2, allow_nan=False) + "\n"


def sha256(path: Path) -> str:
    """Return the sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def scores_of(bundle: Bundle, arm: str, split: str) -> np.ndarray:
    """Return the last evaluation of an arm as 0 and 1, shape (seeds, questions, samples).

    Seeds and questions are those of the whole bundle, in order, so that arms align; what an arm
    does not have is NaN. Samples are in the order of their numbers where the bundle holds them one
    by one, else the correct ones come first.
    """
    scores = bundle.scores[bundle.scores["split"] == split]
    seeds, questions = (np.sort(scores[name].astype(object).unique()) for name in _KEYS)
    if RIGHT not in scores:
        counts = zip(scores["correct"], scores["samples"], strict=True)
        scores = scores.assign(right=["1" * right + "0" * (n - right) for right, n in counts])
    most = int(scores[RIGHT].str.len().max())
    mine = scores[scores["arm"] == arm].astype(dict.fromkeys(_KEYS, object))
    table = mine.pivot(index="seed", columns="question_id", values=RIGHT)
    table = table.reindex(index=seeds, columns=questions).fillna("")
    mark_SQK = np.array(table.map(lambda cell: [*cell.ljust(most, "-")]).to_numpy().tolist())
    return np.where(mark_SQK == "-", np.nan, mark_SQK == "1")


_KEYS = ("seed", "question_id")
