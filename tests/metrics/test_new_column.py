"""A new evaluation metric is one entry: that of CONTRIBUTING.md, added to a copy and followed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.paths import ROOT

END = ')\n"""Metrics of evaluation rows'

FOLLOW = """
import sys
from pathlib import Path
from harness.compare.effects import Settings
from harness.compare.comparison import compare_sides
from harness.compare.output import comparison_text
from harness.compare.sides import side_of
from harness.baseline.making import store_bundle
from harness.docs.metrics import glossary, margins
from harness.report.detail import answers_section
from harness.report.stored import collect_results
from harness.store.bundle import read_bundle
from tests.synthetic_runs import DOCUMENT, Shape, make_cells, write_study

root = Path(sys.argv[1]) / "micro" / "invented"
cells = write_study(root, make_cells(seeds=(1, 2, 3), shape=Shape()), Shape())
results = collect_results(root, root, cells, DOCUMENT)
samples, steps = results.tables.samples, results.tables.steps
assert str(samples["digits"].dtype) == "int32" and (samples["digits"] > 0).any()
last = steps[(steps["metric"] == "digits_easy") & (steps["step"] == 12)]
own = samples[(samples["split"] == "eval_easy") & (samples["step"] == 12)]
known = own.groupby("run_id", observed=True)["digits"].mean()
assert last.set_index("run_id")["value"].to_dict() == known.to_dict()
assert "digits [1]" in str(answers_section(results))
bundle = read_bundle(store_bundle(results, root.parent / "stored"))
sides = [side_of(bundle, arm, role) for arm, role in
         (("kl=loss", "candidate"), ("kl=none", "baseline"))]
settings = Settings(level=0.95, margin=None, metric="digits_easy")
comparison = compare_sides(*sides, settings, is_forced=True)
effect = comparison.effects[0]
assert (effect.metric, effect.unit, effect.better) == ("digits_easy", "1", "lower")
assert effect.difference.margin == 0.1 * effect.baseline > 0
assert "digits_easy" in comparison_text(comparison)
assert "| `digits_<split>` | 1 | `output` | Mean number of digits of a sample. |" in glossary()
assert "`digits_<split>`" in margins()
"""


def entry() -> str:
    """Return the entry that CONTRIBUTING.md shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return text.split("```python\n", 1)[1].split("\n```", 1)[0] + ",\n"


def followed(tmp_path: Path, added: str) -> subprocess.CompletedProcess[str]:
    """Run `FOLLOW` with a suite that is this one but for what is added to the list of columns."""
    package = tmp_path / "harness"
    package.mkdir()
    for path in (ROOT / "harness").iterdir():
        if path.name != "metrics":
            (package / path.name).symlink_to(path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "harness" / "metrics", package / "metrics", ignore=ignored)
    columns = package / "metrics" / "columns.py"
    text = columns.read_text()
    assert text.count(END) == 1
    columns.write_text(text.replace(END, added + END))
    return subprocess.run(
        [sys.executable, "-c", FOLLOW, str(tmp_path / "results")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_one_entry_brings_a_metric_to_every_table_the_comparison_and_the_page(
    tmp_path: Path,
) -> None:
    done = followed(tmp_path, entry())
    assert done.returncode == 0, done.stderr


def test_without_the_entry_there_is_no_such_metric(tmp_path: Path) -> None:
    done = followed(tmp_path, "")
    assert done.returncode != 0
    assert "KeyError: 'digits'" in done.stderr
