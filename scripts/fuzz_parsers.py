"""Read many inputs made at random by every parser of the suite, and count what came of them.

Usage: ``python scripts/fuzz_parsers.py [cases=100000] [seed=0]``; make trust calls it. Every input
must be read right or be refused in one sentence, within 5 s of processor time and 500 MB. Prints a
table, a row per parser; exits with 1 and names the inputs that did anything else.
An input is made again by its family and number: ``only=<family>:<number>`` with the same seed.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from harness.schema import ExitCode
from harness.text import markdown_table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.untrusted.cases import FAMILIES, READ, REFUSED  # noqa: E402

MOST_S, MOST_MB = 5.0, 500.0
BATCH = 200
"""Cases of a process: one that is ended by an input takes its batch with it and no more."""

WEIGHTS = {"manifests": 0.3, "tables of bundles": 0.3, "results": 0.5}
"""Family -> its share beside the others: whole bundles take a hundred times as long as a text."""

SLOW, LARGE, ENDED = "too slow", "too large", "ended the process"


class Outcome(NamedTuple):
    """What came of one input: its family and number, a word, and what it took."""

    family: str
    number: int
    word: str
    seconds: float
    mb: float
    said: str = ""


def main(argv: list[str]) -> int:
    """Run the command line; return the exit code."""
    given = {"cases": "100000", "seed": "0", "only": ""}
    for word in argv:
        key, _, value = word.partition("=")
        given[key] = value
    seed = int(given["seed"])
    if given["only"]:
        family, _, number = given["only"].rpartition(":")
        with tempfile.TemporaryDirectory() as place:
            print(FAMILIES[family](_generator(seed, family, int(number)), Path(place)))
        return ExitCode.OK
    outcomes = [item for batch in _batches(int(given["cases"])) for item in _run(seed, *batch)]
    print(table(outcomes))
    defects = [item for item in outcomes if item.word not in (READ, REFUSED)]
    for item in defects[:50]:
        print(f"only={item.family}:{item.number} seed={seed}: {item.word} {item.said}")
    return ExitCode.DEFECT if defects else ExitCode.OK


def table(outcomes: list[Outcome]) -> str:
    """Return the counts as a table, a row per family and one of all."""
    rows = []
    for name in [*FAMILIES, "all"]:
        own = [item for item in outcomes if name in (item.family, "all")]
        words = Counter(item.word for item in own)
        rows.append(
            [
                name,
                f"{len(own):,}",
                f"{words[READ]:,}",
                f"{words[REFUSED]:,}",
                f"{len(own) - words[READ] - words[REFUSED]:,}",
                f"{max((item.seconds for item in own), default=0.0):.2f}",
                f"{max((item.mb for item in own), default=0.0):.0f}",
            ]
        )
    heads = ["parser", "inputs", "read", "refused", "neither", "most s", "most MB"]
    return markdown_table(heads, rows)


def _batches(cases: int) -> Iterator[tuple[str, range]]:
    weights = {name: WEIGHTS.get(name, 1.0) for name in FAMILIES}
    for name, weight in weights.items():
        own = -int(-cases * weight // sum(weights.values()))
        for first in range(0, own, BATCH):
            yield name, range(first, min(first + BATCH, own))


def _run(seed: int, family: str, numbers: range) -> list[Outcome]:
    """Run a batch in a process of its own, and go on behind an input that ends it."""
    found: list[Outcome] = []
    while len(found) < len(numbers):
        ours, theirs = get_context("fork").Pipe(duplex=False)
        left = numbers[len(found) :]
        process = get_context("fork").Process(target=_work, args=(theirs, seed, family, left))
        process.start()
        theirs.close()
        try:
            while True:
                found.append(ours.recv())
        except EOFError:
            process.join()
        if len(found) < len(numbers):
            said = f"exit code {process.exitcode}"
            found.append(Outcome(family, numbers[len(found)], ENDED, 0.0, 0.0, said))
    return found


def _work(out: Connection, seed: int, family: str, numbers: range) -> None:
    with tempfile.TemporaryDirectory() as held:
        for number in numbers:
            place = Path(held, str(number))
            place.mkdir()
            out.send(_one(seed, family, number, place))
    # without what the parent left to do at its end
    out.close()
    os._exit(0)


def _one(seed: int, family: str, number: int, place: Path) -> Outcome:
    generator = _generator(seed, family, number)
    _forget_peak()
    begun, said = time.process_time(), ""
    try:
        word = FAMILIES[family](generator, place)
    except Exception as error:
        # any is a defect, to be counted and told
        word = type(error).__name__
        said = " ".join("".join(traceback.format_exception(error)[-2:]).split())[:300]
    seconds, mb = time.process_time() - begun, _peak_mb()
    if seconds > MOST_S:
        word = SLOW
    elif mb > MOST_MB:
        word = LARGE
    return Outcome(family, number, word, seconds, mb, said)


def _generator(seed: int, family: str, number: int) -> random.Random:
    return random.Random(f"{seed}/{family}/{number}")


def _forget_peak() -> None:
    # 5 sets the peak of memory back to what is in use now
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
