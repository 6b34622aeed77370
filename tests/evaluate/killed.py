"""Samples a small plan with an engine that kills this process; the test starts it."""

import sys
from pathlib import Path

from harness.evaluate.folder import open_folder
from harness.evaluate.sampling import sample_all
from tests.evaluate.fake_engine import FakeEngine
from tests.evaluate.plans import small_plan

if __name__ == "__main__":
    out, plan = Path(sys.argv[1]), small_plan()
    open_folder(out, plan.identity(), dict)
    sample_all(out, plan, lambda: FakeEngine(dies_after=int(sys.argv[2])), print)
