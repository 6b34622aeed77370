"""Invented data sets in the published forms, and a hub that is a directory."""

import json
import shutil
from pathlib import Path

from harness.data.hub import Snapshot

FILES = Path(__file__).with_name("files")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def orz(question: str, answer: str) -> list:
    """A training record in the authors' form."""
    return [
        {"from": "human", "value": question},
        {"from": "assistant", "ground_truth": {"value": answer, "pass_at_n": None}},
    ]


def write_json(path: Path, records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records))
    return path


def authors_directory(root: Path) -> Path:
    """A directory with the names of the authors' `data/`."""
    names = {
        "orz_math_57k_collected.json": "orz_training.json",
        "eval_data/math500.json": "orz_evaluation.json",
        "eval_data/aime2024.json": "orz_evaluation.json",
        "eval_data/gpqa_diamond.json": "orz_choices.json",
    }
    for name, file in names.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / file, root / name)
    return root


class FakeHub:
    """A named fake of the hub: repository -> file name -> file of `FILES`."""

    def __init__(self, repositories: dict[str, dict[str, str]]) -> None:
        self.repositories = repositories
        self.asked: list[tuple[str, str | None]] = []

    def snapshot(self, repository: str, revision: str | None) -> Snapshot:
        self.asked.append((repository, revision))
        return Snapshot(COMMIT, tuple(self.repositories[repository]))

    def fetch(self, repository: str, name: str, commit: str) -> Path:
        assert commit == COMMIT
        return FILES / self.repositories[repository][name]
