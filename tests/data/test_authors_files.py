"""Two of the authors' evaluation files, where somebody has them; they are no part of this.

They are looked for below $HARNESS_ORZ_DATA, or in ../shared/data beside the checkout.
"""

import json
import os
from pathlib import Path

import pytest

from harness.data.__main__ import main
from harness.data.manifest import verify
from harness.paths import ROOT
from harness.schema import ExitCode
from harness.spec import prepared

PLACE = Path(os.environ.get("HARNESS_ORZ_DATA") or ROOT.parent / "shared" / "data")


@pytest.mark.parametrize(
    ("name", "file", "rows"), [("aime24", "aime2024", 30), ("math500", "math500", 500)]
)
def test_the_authors_evaluation_sets_are_prepared_whole(
    name: str, file: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (PLACE / f"{file}.json").is_file():
        pytest.skip(f"{file}.json of the authors' repository is not below {PLACE}")
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path))
    assert main(["prepare", f"dataset={name}", f"from={PLACE}"]) == ExitCode.OK
    stated = verify(tmp_path / name)["files"][f"{file}.parquet"]
    assert (stated["rows"], stated["is_complete"], stated["of"]["repeats"]) == (rows, True, 0)


def test_no_question_of_theirs_is_in_the_repository() -> None:
    if not PLACE.is_dir():
        pytest.skip(f"the authors' files are not below {PLACE}")
    texts = [
        record["prompt"][0]["value"][:80]
        for path in PLACE.glob("*.json")
        for record in json.loads(path.read_text())
    ]
    ours = "\n".join(
        path.read_text()
        for path in (ROOT / "tests" / "data").rglob("*")
        if path.is_file() and path.suffix in (".json", ".jsonl", ".csv", ".py")
    )
    assert texts and ours
    assert [text for text in texts if json.dumps(text)[1:-1] in ours] == []
