"""One process per cell: a lock that ends with its process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.schema import BusyError, UsageError

LOCK_FILE = ".lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a run directory.

    The kernel releases it when this process ends, also by SIGKILL. Children do not inherit it.

    Raises:
        BusyError: another process holds it; nothing was changed.
        UsageError: the lock file cannot be made.
    """
    path = directory / LOCK_FILE
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; give results_dir=<writable directory>"
        ) from error
    try:
        _take(handle, path)
        # the pid is for the error of others; what locks is the kernel's lock on the file
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        # the file stays: if it were removed, two processes could lock two files of one name
        os.close(handle)


def is_held(directory: Path) -> bool:
    """Tell whether some process holds the lock of a run directory; changes nothing."""
    path = directory / LOCK_FILE
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        # shared, so that two who look do not take each other for the owner
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def busy_error(directory: Path) -> BusyError:
    """Return the error that names the directory and, if it is known, the process at work."""
    try:
        owner = (directory / LOCK_FILE).read_text().strip()
    except OSError:
        owner = ""
    process = f"process {owner}" if owner else "another process"
    return BusyError(
        f"{process} is running the cell {directory}: wait for it, or stop it and run this again"
    )


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise busy_error(path.parent) from error
