"""`python -m harness.profile ablation=<name> [...]`: where the time of a cell went.

Says where the time of one cell went: wall seconds by phase, CPU seconds by process, and a training
step against the arithmetic that it cannot do without, from the records of the run. `run=` takes the
name of a run directory or its beginning; the default is the newest finished run. `scale=` and
`results_dir=` say where to look. With `out=`: profile.csv, PROFILE.md and two pictures; over
earlier ones with --force.
`against=` compares with another run of the same cell, number by number: the test of a change that
should not change a result.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import FORCE, folder, name, needed, out_folder, read_arguments, run_command
from harness.schema import ExitCode, Status, UsageError
from harness.store.files import write_atomic
from harness.store.ledger import RunStore, StoredRun
from harness.text import folded
from harness.writing import written_together

if TYPE_CHECKING:
    from harness.profile.profile import Profile

PAGE = "PROFILE.md"
OPTIONS = {
    "ablation": needed(name()),
    "scale": name("micro"),
    "results_dir": folder("results"),
    "run": name(),
    "against": folder(),
    "out": out_folder(PAGE, "profile.csv"),
}
STEPS_DRAWN = 4


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _profile)


def _profile(argv: Sequence[str]) -> int:
    # tables and figures take a second to import, and --help needs neither
    from harness.profile.neutrality import compare_runs
    from harness.profile.page import terminal_text
    from harness.profile.phases import read_steps
    from harness.profile.profile import make_profile
    from harness.spec.inputs import model_dir

    given = read_arguments(argv, OPTIONS, flags=[FORCE])
    root = Path(given["results_dir"], given["scale"], given["ablation"])
    run = find_run(RunStore(root), given["run"])
    spec, record = RunStore(root).load(run.path)
    profile = make_profile(run.path, spec, record, model_dir(spec["config"]["model"]))
    print(folded(terminal_text(profile)))
    if given["against"]:
        print()
        print(compare_runs(profile.steps, read_steps(last_attempt(Path(given["against"])))).text())
    if given["out"]:
        command = f"python -m harness.profile {' '.join(argv)}"
        out = Path(given["out"])
        for path in write_profile(profile, out, command, replaces=given[FORCE]):
            print(f"wrote {path}")
    return ExitCode.OK


def find_run(store: RunStore, beginning: str) -> StoredRun:
    """Return the run whose directory's name begins like that, the newest finished one if none does.

    Raises:
        UsageError: there is none, or several begin like that.
    """
    runs = [run for run in store.runs() if run.record.attempts]
    if beginning:
        found = [run for run in runs if run.path.name.startswith(beginning)]
        if len(found) != 1:
            names = ", ".join(run.path.name for run in (found or runs)) or "none"
            raise UsageError(
                f"run={beginning} names {len(found)} runs of {store.runs_dir}: {names}"
            )
        return found[0]
    done = [run for run in runs if run.record.status == Status.DONE]
    if not done:
        raise UsageError(f"{store.runs_dir} holds no finished run: run the ablation first")
    return max(done, key=lambda run: str(run.record.attempts[-1].ended))


def last_attempt(run: Path) -> Path:
    """Return the last attempt of a run directory; `UsageError` if it has none."""
    attempts = sorted(run.glob("attempt-*"), key=lambda path: int(path.name.split("-")[1]))
    if not attempts:
        raise UsageError(f"{run} holds no attempt: give the directory of a run")
    return attempts[-1]


def write_profile(
    profile: Profile, out: Path, command: str, *, replaces: bool = True
) -> list[Path]:
    """Write profile.csv, PROFILE.md and the pictures; return the files.

    Args:
        profile: what is written.
        out: directory, made if it is not there.
        command: that writes them again.
        replaces: whether files that are there are replaced.

    Raises:
        UsageError: they cannot be written, or are there and are not to be replaced.
    """
    from harness.plots import save_figure
    from harness.profile.page import page
    from harness.profile.phases import REST, start_phases
    from harness.profile.picture import gantt, step_figure

    drawn = profile.startup_s + sum(float(s["timing_s/step"]) for s in profile.steps[:STEPS_DRAWN])
    first = f"{profile.run_id}: start and the first {min(STEPS_DRAWN, len(profile.steps))} steps"
    chart = gantt(profile.cpu, start_phases(profile.snapshots), drawn, first)
    bars = step_figure(
        profile.parts_s, profile.floor_s, (REST, "advantages", "weight sync"), profile.run_id
    )
    with written_together(out, "profile", replaces=replaces) as half:
        pictures = [*save_figure(chart, half / "timeline"), *save_figure(bars, half / "step")]
        table = profile.rows().to_csv(index=False, float_format="%.6g")
        write_atomic(half / "profile.csv", table)
        names = [path.name for path in pictures if path.suffix == ".svg"]
        write_atomic(half / PAGE, page(profile, command, names))
    return [out / name for name in (PAGE, "profile.csv", *(path.name for path in pictures))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
