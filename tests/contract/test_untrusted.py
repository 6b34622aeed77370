"""Bytes of other people become values in one room; who else parses has a reason."""

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PARSERS = re.compile(
    r"(?<![\w.])(json\.loads?|yaml\.(?:safe_)?load|yaml\.\w*Loader|pq\.(?:read_table|ParquetFile)"
    r"|pd\.read_(?:parquet|csv|json)|pa\.json\.\w+|csv\.(?:reader|DictReader)"
    r"|zipfile\.ZipFile|tarfile\.open|gzip\.open)\("
)
HERE = "harness/untrusted/"
LOGS = "harness/baseline/logs/"

OWN = {
    # runs inside the engine or the grader's process, and is part of every run's id
    "harness/graders/process.py": "what its own worker says",
    "harness/graders/worker.py": "what its own parent says",
    "harness/plugins/fingerprint.py": "the fingerprint that the same run wrote",
    "harness/plugins/warm_server.py": "what its own client says, on a socket of this user",
    # files of this repository, whose tests read every one of them
    "harness/data/__main__.py": "configs",
    "harness/docs/catalogue.py": "what the documents name",
    "harness/docs/findings.py": "findings and the results that they name",
    "harness/evaluate/general.py": "task files",
    "harness/micro/models.py": "manifests of the models that come with the suite",
    "harness/plan/models.py": "counts of parameters",
    "harness/profile/switches.py": "the list of switches",
    "harness/references/paper.py": "published numbers",
    "harness/spec/application.py": "the list of what is unsupported",
    "harness/spec/inputs.py": "configs",
    # what the same command made a moment ago, or a table of its own results
    "harness/baseline/archive.py": "writes archives",
    "harness/claims/lint_table.py": "its own table",
    "harness/grade/output.py": "a frame that it turned into text itself",
    "harness/profile/accounts.py": "records of its own probe",
    "harness/profile/phases.py": "records of its own probe",
    "harness/profile/profile.py": "the config of the model that the cell trained",
    "harness/report/page/studies.py": "tables that the report wrote",
    "harness/run/vigil.py": "the steps that its own cell has just written",
    "harness/trace/tables.py": "tables that the report wrote",
}
"""Module that parses itself -> whose bytes they are."""


def parsers(sources: Mapping[str, str]) -> set[str]:
    """Return the modules that turn bytes into values by a library of their own choice."""
    return {path for path, text in sources.items() if PARSERS.search(text)}


def test_only_one_room_parses_what_strangers_send() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in (ROOT / "harness").rglob("*.py")
    }
    others = {path for path in parsers(found) if not path.startswith((HERE, LOGS))}
    assert others == set(OWN)


def test_a_parser_elsewhere_is_found() -> None:
    assert parsers({"a.py": "x = json.loads(y)", "b.py": "parse_json(y)\njson.dumps(y)"}) == {
        "a.py"
    }
    assert parsers({"a.py": "pq.read_table(p)", "b.py": "read_frame(p)"}) == {"a.py"}
