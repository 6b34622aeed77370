"""A new evaluation metric is one entry: that of CONTRIBUTING.md, added to a copy and followed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.paths import ROOT

END = ')\n"""Metrics of evaluation rows'
SHOWN = 'not in ("accuracy", "samples")'
"""Where the section of the answers says which columns it shows."""

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
from harness.report.document import document
from harness.report.sections import markdown
from harness.report.stored import collect_results
from harness.store.bundle import read_bundle
from harness.text import number
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

section = markdown(answers_section(results).blocks)
head, _, *rows = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in section.splitlines() if line.startswith("|")
]
shown = {tuple(row[:2]): row[head.index("digits [1]")] for row in rows}
for arm in results.arms:
    mean = known[[name for name in known.index if name.startswith(arm + "-")]].mean()
    assert mean > 0 and shown["easy", arm] == number(mean, "1"), (arm, mean, shown)
assert section in document(results)

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


def replace_once(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def followed(tmp_path: Path, added: str, *, hidden: str = "") -> subprocess.CompletedProcess[str]:
    """Run `FOLLOW` with a suite that is this one but for the list of columns.

    Args:
        tmp_path: where the suite is put together.
        added: what is added to the list.
        hidden: a column that the report does not show.
    """
    package = tmp_path / "harness"
    package.mkdir()
    for path in (ROOT / "harness").iterdir():
        if path.name not in ("metrics", "report"):
            (package / path.name).symlink_to(path)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("metrics", "report"):
        shutil.copytree(ROOT / "harness" / name, package / name, ignore=ignored)
    replace_once(package / "metrics" / "columns.py", END, added + END)
    if hidden:
        shorter = SHOWN.replace(")", f', "{hidden}")')
        replace_once(package / "report" / "detail.py", SHOWN, shorter)
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


def test_a_report_that_does_not_show_the_metric_is_seen(tmp_path: Path) -> None:
    done = followed(tmp_path, entry(), hidden="digits")
    assert done.returncode != 0
    assert "'digits [1]' is not in list" in done.stderr
