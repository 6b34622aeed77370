"""Turns Ctrl-C, SIGTERM and SIGHUP into a request that the running attempt looks at.

A handler that raises would interrupt whatever runs at that moment, also the clean-up itself; this
one only notes the request, so a second Ctrl-C changes nothing and the clean-up always ends.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class StopRequest:
    """Whether, and by which signal, the user asked for the end."""

    signal_name: str = ""

    @property
    def is_set(self) -> bool:
        """True from the first request on."""
        return bool(self.signal_name)


_active: list[StopRequest] = []


@contextmanager
def catch_stop() -> Iterator[StopRequest]:
    """Catch the stopping signals inside the block; the old handlers return afterwards.

    A block inside another block shares its request, so the command line may put one around the
    whole matrix and sees what stopped an attempt. In a thread other than the main one nothing can
    be caught, and the request stays empty.
    """
    if _active:
        yield _active[-1]
        return
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, _frame: FrameType | None) -> None:
        # the first signal is the reason that is told
        request.signal_name = request.signal_name or signal.Signals(number).name

    before = {number: signal.signal(number, note) for number in STOPPING}
    _active.append(request)
    try:
        yield request
    finally:
        _active.remove(request)
        for number, handler in before.items():
            signal.signal(number, handler)
