"""A grader whose samples say what it shall do; for tests of the pool."""

import os

from harness.graders.verdict import Verdict, right, wrong

_KEPT: list[str] = []


def prepare() -> None:
    """Nothing to import."""


def grade(response: str, reference: str) -> Verdict:
    """Do what the response says, else compare texts."""
    if response == "loop":
        while True:
            pass
    if response == "exit":
        os._exit(3)
    if response == "raise":
        raise RuntimeError("as asked")
    if response == "memory":
        _KEPT.append("x" * (1 << 40))
    if response == "recurse":
        return grade(response, reference)
    if response == "process":
        return right(str(os.getpid()))
    if response == "print":
        print('{"outcome": "right", "reason": "printed", "answer": ""}', flush=True)
        return wrong("printed", response)
    return right("same", response) if response == reference else wrong("other", response)
