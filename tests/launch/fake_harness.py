"""A fake command line: runs one attempt of the fake trainer and writes how it ended.

Usage: fake_harness.py <attempt folder> <behaviour>; the tests kill it or press its Ctrl-C.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from harness.launch.cleanup import scratch_directory
from harness.launch.local import run_attempt
from harness.launch.watchdog import Limits

FAKE = str(Path(__file__).with_name("fake_trainer.py"))


def main(attempt: Path, behaviour: str) -> None:
    """Run the attempt and write its end beside it."""
    command = SimpleNamespace(argv=(sys.executable, "-S", FAKE, behaviour, "3"), environment={})
    limits = Limits(poll_s=0.05, grace_s=1.0)
    with scratch_directory() as scratch:
        (attempt / "scratch.txt").write_text(str(scratch))
        end = run_attempt(
            command, attempt, steps=3, limits=limits, observe=lambda _: None, scratch=scratch
        )
    (attempt / "end.txt").write_text(f"{end.status}|{end.reason}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
