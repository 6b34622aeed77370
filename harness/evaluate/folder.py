"""The directory of an evaluation: what it is, and the responses that it has so far.

evaluation.json says what was asked for. responses/<benchmark>.jsonl holds one line per finished
question with all its samples, written and synced as soon as the last of them is there: whatever
ends the process, a question is there whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.evaluate.engine import Response
from harness.evaluate.plan import Plan
from harness.schema import SCHEMA_VERSION, DamagedError, UsageError, content_hash
from harness.store.files import read_json, read_jsonl, write_atomic, write_json
from harness.store.forms import shown

DOCUMENT = "evaluation.json"
RESPONSES = "responses"
GROUP = "results"
"""What all other files are together, which are made of the responses."""
_SHOWN = 5


def open_folder(
    out: Path, identity: Mapping[str, Any], others: Callable[[], Mapping[str, Any]]
) -> None:
    """Make the directory of an evaluation, or check that it holds the same one.

    Args:
        out: the directory; its lock is held by the caller.
        identity: everything that must be the same for two runs to be parts of one evaluation.
        others: returns what else is kept, if the directory is new: provenance, sources.

    Raises:
        UsageError: it holds another evaluation, or something else.
        DamagedError: its document cannot be read.
    """
    path = out / DOCUMENT
    if path.is_file():
        _check_same(out, identity)
        return
    there = [entry.name for entry in out.iterdir() if not entry.name.startswith(".")]
    if there:
        raise UsageError(
            f"{out} holds {', '.join(sorted(there)[:_SHOWN])} and no evaluation: give out=<new or"
            " empty directory>"
        )
    document = {
        "schema_version": SCHEMA_VERSION,
        "id": content_hash(identity),
        "identity": dict(identity),
        **others(),
    }
    write_json(path, document)


def is_evaluation(text: str) -> bool:
    """Tell whether a path is the directory of an evaluation."""
    return (Path(text) / DOCUMENT).is_file()


def read_document(out: Path) -> dict[str, Any]:
    """Return the document of an evaluation's directory.

    Raises:
        DamagedError: it cannot be read, or was changed.
        UsageError: another version of the suite wrote it.
    """
    path = out / DOCUMENT
    document = read_json(path)
    try:
        version, stated = document["schema_version"], document["id"]
        found = content_hash(document["identity"])
        _check_identity(document["identity"])
    except (AttributeError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not the document of an evaluation: run it anew") from error
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schema version {shown(version)}, this suite reads {SCHEMA_VERSION}: use"
            " the version of the suite that wrote it"
        )
    if found != stated:
        raise DamagedError(f"{path} was changed after it was written: run the evaluation anew")
    return dict(document)


def _check_identity(identity: Mapping[str, Any]) -> None:
    """Look at each part that a reader takes; what is missing or of another form raises here."""
    measured = identity.get("measured", {})
    _ = identity["model"]["name"] + ""
    for counted in measured.get("questions", {}).values():
        _ = counted["count"] * measured["samples"] + 0


def read_responses(out: Path, plan: Plan) -> dict[tuple[str, str], list[Response]]:
    """Return (benchmark, question) -> its samples in order, of every finished question.

    A torn last line is the mark of a process that was killed: it is dropped from the file too.

    Raises:
        DamagedError: a line is damaged otherwise, of no question that is asked, or there twice.
    """
    found: dict[tuple[str, str], list[Response]] = {}
    for subset in plan.sets:
        benchmark, path = subset.benchmark.name, responses_file(out, subset.benchmark.name)
        known = {question.id for question in subset.questions}
        stream = read_jsonl(path)
        for number, row in enumerate(stream.rows, start=1):
            key, samples = (benchmark, str(row.get("question_id"))), _samples(row)
            if key[1] not in known or key in found or len(samples) != plan.protocol.samples:
                raise DamagedError(
                    f"line {number} of {path} is of question {key[1]} with {len(samples)} samples:"
                    f" expected a question of {benchmark} once, with {plan.protocol.samples};"
                    " remove the file, and the questions are asked again"
                )
            found[key] = samples
        if stream.torn:
            # else the next line would be appended to the torn one
            _rewrite(path, stream.rows)
        elif path.is_file():
            _end_line(path)
    return found


def append_question(out: Path, benchmark: str, question: str, samples: Sequence[Response]) -> None:
    """Store the samples of a question, in order, so that they stay.

    Raises:
        UsageError: the disk is full or the directory cannot be written.
    """
    path = responses_file(out, benchmark)
    row = {"question_id": question, "samples": [sample._asdict() for sample in samples]}
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; free space and run the same command again"
        ) from error


def responses_file(out: Path, benchmark: str) -> Path:
    """Return the file with the responses of a benchmark."""
    return out / RESPONSES / f"{benchmark}.jsonl"


def differences(mine: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return "key: mine, not other" of every leaf in which two documents differ."""
    found = []
    for key in dict.fromkeys([*other, *mine]):
        left, right = mine.get(key), other.get(key)
        name = f"{prefix}{key}"
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            found += differences(left, right, f"{name}.")
        elif left != right:
            found.append(f"{name}: {_short(left)}, there {_short(right)}")
    return found


def _check_same(out: Path, identity: Mapping[str, Any]) -> None:
    found = differences(identity, read_document(out)["identity"])
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(
            f"{out} holds another evaluation, which is never mixed with this one; asked for"
            f" {'; '.join(found[:_SHOWN])}{more}: give another out=, or ask for the same"
        )


def _samples(row: Mapping[str, Any]) -> list[Response]:
    try:
        return [Response(**sample) for sample in row["samples"]]
    except (KeyError, TypeError):
        return []


def _rewrite(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows))


def _end_line(path: Path) -> None:
    """Add the end of line that a process killed between two bytes did not write."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        write_atomic(path, content + b"\n")


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."
