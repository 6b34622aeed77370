"""A study read as one bundle, wherever it is kept: name, directory, archive, or log."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.baseline.archive import is_archive, read_archive
from harness.baseline.checks import name_of, verify_bundle
from harness.baseline.logs.mapping import read_mapping
from harness.baseline.logs.reading import is_log, read_log, read_logs
from harness.baseline.logs.study import Origin, bundle_of_logs
from harness.baseline.making import bundle_of
from harness.evaluate.folder import is_evaluation
from harness.report.stored import load_results
from harness.schema import UsageError
from harness.store.bundle import MANIFEST, Bundle, check_study, find_bundle


def load_source(
    text: str, *, baselines: Path, mapping: Path | None = None, is_judged: bool = False
) -> Bundle:
    """Read a study from wherever it is kept; every kind is verified in the same way.

    Args:
        text: name of a baseline (`micro/kl_penalty@v1`; the latest without a version), directory
            or archive of a bundle, directory of results with its tables, or a log, as
            docs/importing.md lists them.
        baselines: directory of all baselines.
        mapping: mapping file of a log.
        is_judged: it is a candidate: what only lowers its numbers is a doubt, and no error.

    Returns:
        The study; of a log with null for what it does not state, and without scores.

    Raises:
        UsageError: there is nothing of that name, or the request contradicts itself.
        DamagedError: it is there and cannot be trusted.
    """
    path = Path(text)
    # any other file is a log as well, and the reader says why it is none
    if path.is_file() and not is_archive(path):
        known = read_mapping(mapping)
        return check_study(bundle_of_logs([read_log(path, known)], known, path.name), text)
    if mapping is not None:
        raise UsageError(f"{text} is not a log: mapping= is for logs; leave it out")
    if is_archive(path):
        with tempfile.TemporaryDirectory(prefix="bundle-") as held:
            return read_archive(path, Path(held), is_judged=is_judged)
    if is_evaluation(text):
        raise UsageError(
            f"{text} is an evaluation of one model, not a study: python -m harness.compare takes"
            " two evaluations, candidate= and baseline="
        )
    if (path / MANIFEST).is_file():
        return verify_bundle(path, is_judged=is_judged)
    if (path / "runs.parquet").is_file():
        return check_study(_from_results(path), text, is_judged=is_judged)
    stored = find_bundle(text, baselines)
    return verify_bundle(stored, name_of(stored), is_judged=is_judged)


def load_logs(given: Mapping[str, str], origin: Origin) -> Bundle:
    """Read one log or several as one study.

    Args:
        given: `name` of the study; `from`, files with commas between, or a folder of them;
            `format` and `mapping` of all of them; `arm`, `seed` and, of results of evaluations,
            `step`, one for all files or one for each. "" is not given.
        origin: title, licence and citation.

    Raises:
        HarnessError: an option contradicts another, or a log is damaged.
    """
    paths = [log for text in given["from"].split(",") if text for log in _logs(Path(text))]
    known = read_mapping(Path(given["mapping"]) if given["mapping"] else None)
    keys = ("arm", "seed", "step")
    stated = [_per_log(given.get(key, ""), key, len(paths)) for key in keys]
    mappings = []
    for values in zip(*stated, strict=True):
        said = {key: value for key, value in zip(keys, values, strict=True) if value}
        doubled = [key for key in said if getattr(known, key) or (known.runs and key != "step")]
        if doubled:
            raise UsageError(f"the mapping file says the {doubled[0]} already: leave it out")
        mappings.append(known.model_copy(update={"fixed": {**known.fixed, **said}}))
    logs = read_logs(list(zip(paths, mappings, strict=True)), format_=given["format"])
    return bundle_of_logs(logs, known, given["name"], origin)


def _logs(path: Path) -> list[Path]:
    """Return a file itself, and of a folder its logs by name."""
    if not path.is_dir():
        return [path]
    found = sorted(log for log in path.iterdir() if is_log(log))
    if not found:
        raise UsageError(f"{path} holds no log of a known form: docs/importing.md lists them")
    return found


def _per_log(text: str, key: str, logs: int) -> list[str]:
    # an arm of several factors has commas itself: a semicolon stands between arms
    parts = text.split(";" if key == "arm" else ",")
    if len(parts) == 1:
        return parts * logs
    if len(parts) != logs:
        raise UsageError(f"{key}={text} names {len(parts)}, there are {logs} logs: one for each")
    return parts


def _from_results(path: Path) -> Bundle:
    path = path.resolve()
    is_part = path.parent.name == "partial"
    root = path.parent.parent if is_part else path
    given = {
        "ablation": root.name,
        "scale": root.parent.name,
        "results_dir": str(root.parent.parent),
        "partial": path.name if is_part else "",
    }
    results, _, _ = load_results(given)
    return bundle_of(results, "/".join(filter(None, (*root.parts[-2:], given["partial"]))))
