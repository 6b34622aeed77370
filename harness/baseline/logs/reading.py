"""Which reader reads a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.baseline.logs.log import Log, check_size, checked
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.plain_csv import read_plain
from harness.baseline.logs.table import head_of
from harness.baseline.logs.tensorboard import read_tensorboard
from harness.baseline.logs.verl_jsonl import read_verl
from harness.baseline.logs.wandb_csv import is_chart, read_wandb
from harness.metrics.blocks import THREADS
from harness.schema import UsageError
from harness.store.contents import MOST_ROWS

READERS: dict[str, Callable[[Path, Mapping], Log]] = {
    "verl": read_verl,
    "tensorboard": read_tensorboard,
    "wandb": read_wandb,
    "csv": read_plain,
}
"""Format -> reader."""


def is_log(path: Path) -> bool:
    """Tell whether a file looks like a log, by its name."""
    return path.is_file() and bool(_guess(path))


def read_log(path: Path, mapping: Mapping, *, format_: str = "") -> Log:
    """Read a log and check it.

    `format_` is one of `READERS`; "" goes by the name of the file and, for CSV, its first line.

    Raises:
        UsageError: there is no such file or format, or nothing in it is known.
        DamagedError: it is damaged, or its steps go back.
    """
    check_size(path)
    chosen = format_ or _guess(path)
    if chosen not in READERS:
        what = f"unknown format {chosen!r}" if chosen else f"{path} has no known ending"
        raise UsageError(f"{what}: give format=, one of {', '.join(READERS)}")
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
    is_table = any("csv" in (format_, path.suffix[1:]) or format_ == "wandb" for path, _ in logs)
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
    if "tfevents" in path.name:
        return "tensorboard"
    if path.suffix == ".jsonl":
        return "verl"
    if path.suffix == ".csv":
        return "wandb" if is_chart(head_of(path)) else "csv"
    return ""
