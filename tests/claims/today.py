"""The stored study, which ran in the first micro-world, as if it had run in today's. For tests.

Tables and curves are real; the name of the data set alone is changed, so that today's rules judge
real numbers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.paths import BASELINES, ROOT
from harness.schema import content_hash
from harness.store.bundle import MANIFEST, manifest_text
from harness.store.data_names import STUDY_FILE

STUDY = ROOT / "tests" / "recorded" / "first_world" / "micro" / "kl_penalty"
BUNDLE = BASELINES / "micro" / "kl_penalty" / "v3"
Change = Callable[[dict[str, Any]], None]


def of_today(protocol: dict[str, Any], arm: str = "kl=none") -> None:
    """Change the protocol of a study: an arm was trained on the data of today's world."""
    protocol["arms"][arm]["config"]["dataset.name"] = "micro_families"


def copied_results(folder: Path, change: Change = of_today) -> Path:
    """Copy the stored study with another protocol; return the directory of results."""
    mine = folder / "micro" / "kl_penalty"
    mine.mkdir(parents=True)
    for name in ("runs", "steps", "samples"):
        shutil.copyfile(STUDY / f"{name}.parquet", mine / f"{name}.parquet")
    document = json.loads((STUDY / STUDY_FILE).read_text())
    change(document["protocol"])
    (mine / STUDY_FILE).write_text(json.dumps(document))
    return folder


def copied_baseline(folder: Path, change: Change = of_today) -> Path:
    """Copy its baseline with another protocol; return the directory of baselines."""
    bundle = folder / "micro" / "kl_penalty" / "v3"
    shutil.copytree(BUNDLE, bundle)
    manifest = json.loads((bundle / MANIFEST).read_text())
    change(manifest["protocol"])
    manifest["digest"] = content_hash({k: v for k, v in manifest.items() if k != "digest"})
    (bundle / MANIFEST).write_text(manifest_text(manifest))
    return folder
