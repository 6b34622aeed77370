"""The process that grades: `python -m harness.graders.worker <module> <memory in bytes>`.

Reads one JSON object per line from its input and answers each by one line: first {"ready": true}
or {"failed": <reason>}, then a verdict and its CPU seconds per sample. It ends when its input
ends, and the kernel ends it when it works much longer on a sample than it may, also if nobody
waits for it any more.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO

from harness.graders.verdict import Verdict, ungradable

_SPARE_S = 2
"""CPU seconds over the limit after which the kernel ends the process; the parent is faster."""


def main(words: list[str]) -> int:
    """Serve until the input ends; return the exit code."""
    module, memory = words
    # whatever a library prints must not get into the answers
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C is for the parent, which ends this process by closing its input
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    try:
        grade = load(module)
    except ImportError as error:
        _reply(replies, {"failed": f"{type(error).__name__}: {error}"})
        return 1
    _reply(replies, {"ready": True})
    for line in sys.stdin.buffer:
        task = json.loads(line)
        _limit_cpu(task["limit_s"])
        # the process's own clock goes by ticks while the kernel watches the limit
        start = time.thread_time()
        verdict = graded(grade, task["response"], task["reference"])
        _reply(replies, {**verdict._asdict(), "cpu_s": time.thread_time() - start})
    return 0


def load(name: str) -> Callable[[str, str], Verdict]:
    """Import a grader's module and return its function, ready for the first sample.

    Raises:
        ImportError: a package that it needs is missing.
    """
    module = import_module(name)
    module.prepare()
    function: Callable[[str, str], Verdict] = module.grade
    return function


def graded(grade: Callable[[str, str], Verdict], response: str, reference: str) -> Verdict:
    """Return the verdict of a grader; what it raises is a verdict too."""
    try:
        return grade(response, reference)
    except MemoryError:
        return ungradable("out of memory")
    # a grader's defect on one text must not end the process that has others to grade
    except Exception as error:
        return ungradable(f"the grader raised {type(error).__name__}: {error}")


def _limit_cpu(limit_s: float) -> None:
    end = math.ceil(time.process_time() + limit_s) + _SPARE_S
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _reply(replies: BinaryIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
