"""What the tests of attempts wait for and look for."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

WAIT_S = 30.0


def survivors(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in an attempt's folder, as all of its processes do."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_for(is_reached: Callable[[], object]) -> None:
    """Wait until something holds; fail if it never does."""
    end = time.monotonic() + WAIT_S
    while not is_reached():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
