"""Which reader reads a log: the register of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.baseline.logs import (
    json_lines,
    long_csv,
    plain_csv,
    results,
    run_columns,
    tensorboard,
    trl,
    verl_console,
    verl_jsonl,
)
from harness.baseline.logs.limits import TEXT_ENDINGS, check_size, read_document
from harness.baseline.logs.log import Log, checked
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.table import head_of
from harness.metrics.blocks import THREADS
from harness.schema import DamagedError, UsageError
from harness.untrusted.tables import MOST_ROWS

READERS: dict[str, Callable[[Path, Mapping], Log]] = {
    verl_jsonl.FORMAT: verl_jsonl.read_verl,
    verl_console.FORMAT: verl_console.read_console,
    json_lines.FORMAT: json_lines.read_flat,
    trl.FORMAT: trl.read_trl,
    results.LM_EVAL: results.read_lm_eval,
    results.LIGHTEVAL: results.read_lighteval,
    tensorboard.FORMAT: tensorboard.read_tensorboard,
    long_csv.SCALAR: long_csv.read_scalar,
    long_csv.MLFLOW: long_csv.read_mlflow,
    run_columns.WANDB: run_columns.read_wandb,
    run_columns.SWANLAB: run_columns.read_swanlab,
    run_columns.RUNS: run_columns.read_runs,
    plain_csv.FORMAT: plain_csv.read_plain,
}
"""Format -> reader."""

_HEADS: dict[str, Callable[[Sequence[str]], bool]] = {
    long_csv.SCALAR: long_csv.is_scalar,
    long_csv.MLFLOW: long_csv.is_mlflow,
    run_columns.WANDB: run_columns.is_wandb,
    run_columns.SWANLAB: run_columns.is_swanlab,
}
"""Format -> whether a CSV file is of it, by its head; else it is a plain one."""

_STAGED = (results.LM_EVAL, results.LIGHTEVAL)
"""Formats that say nothing of a training step, so that `fixed: {step: ...}` does."""


def is_log(path: Path) -> bool:
    """Tell whether a file looks like a log, by its name and, where that does not tell, inside."""
    return path.is_file() and bool(_guess(path))


def read_log(path: Path, mapping: Mapping, *, format_: str = "") -> Log:
    """Read a log and check it.

    `format_` is one of `READERS`; "" goes by the name of the file and what stands in it.

    Raises:
        UsageError: there is no such file or format, or nothing in it is known.
        DamagedError: it is damaged, or its steps go back.
    """
    check_size(path)
    chosen = format_ or _guess(path)
    if chosen not in READERS:
        what = f"unknown format {chosen!r}" if chosen else f"{path} is no log of a known form"
        raise UsageError(f"{what}: give format=, one of {', '.join(READERS)}")
    if "step" in mapping.fixed and chosen not in _STAGED:
        raise UsageError(f"{path} says its steps itself: leave the fixed step out")
    return checked(READERS[chosen](path, mapping))


def read_logs(logs: Sequence[tuple[Path, Mapping]], *, format_: str = "") -> list[Log]:
    """Read logs and check each, in their order.

    Args:
        logs: files, each with its mapping.
        format_: of all of them, as in `read_log`.

    Raises:
        HarnessError: see `read_log`, of the first log that cannot be read.
        UsageError: they have more rows than a bundle may have.
    """
    found: list[Log] = []
    rows = 0
    # pandas holds Python's lock, and what a warning does is set for all threads at once
    is_table = any(path.suffix in (".csv", ".tsv") for path, _ in logs)
    with ThreadPoolExecutor(1 if is_table else THREADS) as pool:
        reading = pool.map(lambda log: read_log(*log, format_=format_), logs)
        try:
            for log in reading:
                found.append(log)
                rows += len(log.rows)
                _check_rows(rows, len(found), len(logs))
        finally:
            # what was not begun yet need not be read any more
            pool.shutdown(cancel_futures=True)
    return found


def _check_rows(rows: int, read: int, logs: int) -> None:
    if rows > MOST_ROWS:
        raise UsageError(
            f"{read} of {logs} logs have {rows} numbers, a baseline holds at most {MOST_ROWS}:"
            " import fewer of the runs, or give a mapping file that names fewer metrics"
        )


def _guess(path: Path) -> str:
    """Return the format of a file, "" if it is of none."""
    if "tfevents" in path.name:
        return tensorboard.FORMAT
    if path.suffix in (".jsonl", ".ndjson"):
        return verl_jsonl.FORMAT if json_lines.has_data(path) else json_lines.FORMAT
    if path.suffix in (".csv", ".tsv"):
        names = head_of(path).names
        found = (name for name, is_so in _HEADS.items() if is_so(names))
        return next(found, plain_csv.FORMAT)
    if path.suffix == ".json":
        return _of_json(path)
    if path.suffix in TEXT_ENDINGS:
        return verl_console.FORMAT if verl_console.is_console(path) else ""
    return ""


def _of_json(path: Path) -> str:
    try:
        document = read_document(path)
    except (DamagedError, UsageError):
        return ""
    keys = set(document) if isinstance(document, dict) else set()
    if "log_history" in keys:
        return trl.FORMAT
    if "results" in keys:
        return results.LIGHTEVAL if "config_general" in keys else results.LM_EVAL
    return ""
