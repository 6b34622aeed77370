"""Where things lie in a checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "harness" / "conf"
ABLATIONS = ROOT / "ablations"
BASELINES = ROOT / "baselines" / "runs"
PAPER = ROOT / "baselines" / "papers" / "open_reasoner_zero"
CLAIMS = PAPER / "claims"
DOCS = ROOT / "docs"
