"""Ids and protocol hashes of every ablation at every scale: `python -m tests.golden_ids` stores.

An id that changes makes every finished cell run again; a protocol hash that changes makes every
stored baseline "not comparable". Both may change on purpose, and then this file shows it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.metrics.tables import protocol_hash
from harness.schema import UsageError
from harness.spec import config as configs
from harness.spec.choices import group_choices
from harness.spec.study import make_study
from harness.store.records import spec_document

FILE = Path(__file__).with_name("golden") / "ids.json"


def requests() -> Iterator[str]:
    """Yield every ablation at every scale, and its shadow."""
    choices = group_choices()
    for ablation in choices["ablation"]:
        for scale in choices["scale"]:
            yield f"ablation={ablation} scale={scale}"
            if scale != "micro":
                yield f"ablation={ablation} scale={scale} shadow=true"


def identity(request: str) -> Mapping[str, object]:
    """Return the number of cells of a request and a digest of their ids and protocol hashes.

    Needs a session of `harness.spec.config`.
    """
    try:
        cells = make_study(request.split()).cells
    except UsageError as error:
        return {"refused": str(error)}
    ids = "\n".join(f"{cell.run_name} {cell.cell_id}" for cell in cells)
    protocols = "\n".join(protocol_hash(spec_document(cell)) for cell in cells)
    return {"cells": len(cells), "ids": _digest(ids), "protocols": _digest(protocols)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    with configs.session():
        found = {request: identity(request) for request in requests()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(f"wrote {FILE}: {len(found)} requests")
