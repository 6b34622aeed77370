"""Writes a bundle as the next version of its study: whole or not at all, over nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.metrics.tables import write_parquet
from harness.schema import UsageError, content_hash
from harness.store.bundle import CURVES, MANIFEST, SCORES, manifest_text, sha256, versions
from harness.writing import take_name

STUDY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def write_version(
    folder: Path, description: Mapping[str, Any], curves: pd.DataFrame, scores: pd.DataFrame
) -> Path:
    """Write the next version of a study, `baselines/runs/<scale>/<study>`; return its directory.

    `description` is the manifest without name, files and digest; an import has no scores.

    Raises:
        UsageError: the study's name is not of the form `<scale>/<study>`, the directory cannot be
            written, or another process made the same version first. What existed is unharmed.
    """
    study = f"{folder.parent.name}/{folder.name}"
    check_study(study)
    final = folder / f"v{max(versions(folder), default=0) + 1}"
    with_name = {**description, "name": f"{study}@{final.name}"}
    return place_version(final, lambda half: _write(half, with_name, curves, scores))


def check_study(study: str) -> None:
    """Check that a name is `<scale>/<study>`, so that it stays below the baselines.

    Raises:
        UsageError: it is not.
    """
    if STUDY.fullmatch(study) is None:
        raise UsageError(
            f"{study!r} is not the name of a study: expected <scale>/<study> of letters, digits,"
            " '_', '.' and '-', for example micro/kl_penalty"
        )


def place_version(final: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a hidden directory and give it its name, which nobody may have taken.

    Args:
        final: the directory to be made.
        fill: writes the files into the directory that it is given.

    Raises:
        UsageError: `final` is there already, or its directory cannot be written.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".half-", dir=final.parent))
    except OSError as error:
        raise UsageError(f"{final.parent} cannot be written: {error.strerror}") from error
    try:
        fill(half)
        take_name(half, final)
    except OSError as error:
        raise UsageError(
            f"{final} cannot be made ({error.strerror}): nothing was changed; is it there already?"
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return final


def _write(
    half: Path, description: Mapping[str, Any], curves: pd.DataFrame, scores: pd.DataFrame
) -> None:
    manifest = {**description, "files": {}}
    for name, table in ((CURVES, curves), (SCORES, scores)):
        write_parquet(table.reset_index(drop=True), half / name)
        manifest["files"][name] = {
            "sha256": sha256(half / name),
            "bytes": (half / name).stat().st_size,
            "rows": len(table),
        }
    # last: it is over all else, the hashes of the tables among it
    manifest["digest"] = content_hash(manifest)
    (half / MANIFEST).write_text(manifest_text(manifest))
