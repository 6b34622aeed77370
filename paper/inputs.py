"""What is drawn from: the paper's references, stored runs of ours, and the verdicts on its claims.

A study that cannot be read is named among the problems, and the rest is drawn without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.baseline.sources import load_source
from harness.claims.layout import decided_text
from harness.claims.measuring import Rows
from harness.claims.reading import Claim, read_claims
from harness.claims.rows import claim_sheet, rows_of_results
from harness.claims.sheet import Line
from harness.metrics.tables import Tables
from harness.paths import BASELINES, CLAIMS, PAPER
from harness.references.paper import Paper, read_paper
from harness.report.results import arm_order
from harness.report.study import read_study
from harness.schema import HarnessError
from harness.spec.ablation import load_ablation
from harness.spec.choices import ablation_files, group_choices
from harness.store.bundle import (
    Bundle,
    find_bundle,
    read_bundle,
    shares_sampling_seeds,
    versions,
)
from harness.store.data_names import STUDY_FILE, WORLDS, control_data

PUBLISHED, BOTH = "paper", "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Stored runs of one ablation at one scale.

    Attributes:
        name: `<scale>/<ablation>`, with `@v<N>` if it is a baseline.
        scale / ablation: of the runs.
        arms: the control first.
        tables: runs, steps and samples; a baseline has no samples.
        started: run -> time of its start; "" is unknown.
        data: name of the data set of its control; "" is unknown.
        is_aligned: sample k of a question had the same sampling seed in all arms of a seed, and
            is told by its number.
    """

    name: str
    scale: str
    ablation: str
    arms: tuple[str, ...]
    tables: Tables
    started: Mapping[str, str]
    data: str
    is_aligned: bool
    bundle: Bundle | None = None

    @property
    def title(self) -> str:
        """Its name, and the micro-world that it ran in, if it did in one."""
        return f"{self.name} in {WORLDS[self.data]}" if self.data in WORLDS else self.name

    @property
    def rows(self) -> Rows:
        """Return it as what claims are judged on."""
        return Rows(
            tables=self.tables,
            place=self.name,
            started=self.started,
            unfinished=self._unfinished(),
            data=self.data,
        )

    def _unfinished(self) -> list[tuple[str, int]]:
        """Return (arm, seed) of the runs that are not done."""
        if self.bundle is not None:
            # the tables of a baseline hold finished runs alone
            cells = self.bundle.manifest["cells"]
            return [(str(c["arm"]), int(c["seed"])) for c in cells if c["status"] != "done"]
        left = self.tables.runs[~self.tables.runs["is_included"].astype(bool)]
        return list(zip(left["arm"].astype(str), left["seed"].astype(int), strict=True))

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of its finished runs."""
        runs = self.tables.runs
        return tuple(sorted(runs.loc[runs["is_included"].astype(bool), "run_id"].astype(str)))


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that figures and tables are made from.

    Attributes:
        source: as on the command line.
        paper: published tables and curves.
        draws_paper: whether published data are drawn.
        studies: ours that are drawn; () with source=paper.
        is_named: one study was named, and stands in for whatever a figure asks for.
        problems: what could not be read.
    """

    source: str
    paper: Paper
    draws_paper: bool
    studies: tuple[Study, ...]
    is_named: bool
    problems: tuple[str, ...]

    @property
    def draws_ours(self) -> bool:
        """Whether runs of ours are drawn, if there are any."""
        return self.source != PUBLISHED

    @property
    def scales(self) -> tuple[str, ...]:
        """Scales of the studies that the suite has; without one the source's, or micro, to run."""
        known = group_choices()["scale"]
        if self.source in known:
            return (self.source,)
        return tuple(dict.fromkeys(s.scale for s in self.studies if s.scale in known)) or ("micro",)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """Return the claims of the paper."""
        return tuple(read_claims(CLAIMS))

    @cached_property
    def sheets(self) -> dict[str, list[Line]]:
        """Return scale -> every claim with the verdict on the runs that are drawn."""
        return {scale: claim_sheet(scale, self._rows_of(scale)) for scale in self.scales}

    def of_ablation(self, ablation: str) -> tuple[Study, ...]:
        """Return the studies that belong to an ablation: those of its name, or the named one."""
        if self.is_named:
            return self.studies
        return tuple(study for study in self.studies if study.ablation == ablation)

    def _rows_of(self, scale: str) -> Callable[[str], Rows | None]:
        def rows_of(ablation: str) -> Rows | None:
            for study in self.studies:
                if (study.scale, study.ablation) == (scale, ablation):
                    return study.rows
            return None

        return rows_of


def read_inputs(
    source: str, *, results_dir: Path = Path("results"), baselines: Path = BASELINES
) -> Inputs:
    """Read what a source names.

    Args:
        source: `paper` (published data alone), a scale (our runs at it), `both` (published data
            and our runs at every scale), or whatever `harness.baseline.sources.load_source` takes.
        results_dir: of our runs; a baseline is taken for an ablation that has none there.
        baselines: directory of all baselines.

    Raises:
        HarnessError: a study that was named by itself cannot be read, or the references cannot.
    """
    problems: list[str] = []
    studies: list[Study] = []
    scales = _stored_scales(results_dir, baselines)
    is_scale = source in scales or source in group_choices()["scale"]
    is_named = source not in (PUBLISHED, BOTH) and not is_scale
    if is_named:
        studies = [_named(source, baselines)]
    elif source != PUBLISHED:
        wanted = scales if source == BOTH else [source]
        for scale in wanted:
            studies += _stored(scale, results_dir, baselines, problems)
    return Inputs(
        source=source,
        paper=read_paper(PAPER),
        draws_paper=source in (PUBLISHED, BOTH),
        studies=tuple(studies),
        is_named=is_named,
        problems=tuple(problems),
    )


def missing_study(ablation: str, inputs: Inputs) -> str:
    """Return a sentence on an ablation without runs, with the command that would make them."""
    lines = [line for line in inputs.sheets[inputs.scales[0]] if line.claim.ablation == ablation]
    commands = [decided_text(line) for line in lines if line.decided_by]
    # an ablation can speak to several claims: what can be run at the scale of the sheet comes first
    commands.sort(key=lambda command: f"scale={inputs.scales[0]}" not in command.split())
    command = commands[0] if commands else f"python -m harness.run ablation={ablation}"
    where = f" at scale {inputs.source}" if inputs.source in inputs.scales else ""
    return f"no run of ablation {ablation} is stored{where}; it is made by: {command}"


def study_of_bundle(bundle: Bundle) -> Study:
    """Return a stored bundle, or an imported log, as a study."""
    place, _, _ = bundle.name.partition("@")
    scale, _, ablation = place.rpartition("/")
    cells = bundle.manifest["cells"]
    return Study(
        name=bundle.name,
        scale=scale.rpartition("/")[2],
        ablation=ablation,
        arms=tuple(map(str, bundle.manifest["arms"])),
        tables=bundle.tables,
        started={str(cell["run_id"]): str(cell.get("started") or "") for cell in cells},
        data=control_data(bundle.manifest["protocol"], bundle.manifest["control"]),
        is_aligned=bundle.is_aligned,
        bundle=bundle,
    )


def _stored_scales(results_dir: Path, baselines: Path) -> list[str]:
    places = [*results_dir.glob("*/*/runs.parquet"), *baselines.glob("*/*/v*")]
    return sorted({path.parents[1].name for path in places})


def _stored(scale: str, results_dir: Path, baselines: Path, problems: list[str]) -> list[Study]:
    """Return the studies of a scale, results before baselines."""
    folders = {
        path.parent.name: path.parent for path in results_dir.glob(f"{scale}/*/runs.parquet")
    }
    kept = {path.name for path in (baselines / scale).glob("*") if versions(path)}
    studies = []
    for ablation in sorted({*folders, *kept}):
        try:
            if ablation in folders:
                studies.append(_study_of_results(folders[ablation]))
            else:
                found = find_bundle(f"{scale}/{ablation}", baselines)
                studies.append(study_of_bundle(read_bundle(found)))
        except HarnessError as error:
            problems.append(f"{scale}/{ablation} is not drawn: {error}")
    return studies


def _named(source: str, baselines: Path) -> Study:
    if (Path(source) / "runs.parquet").is_file():
        return _study_of_results(Path(source).resolve())
    return study_of_bundle(load_source(source, baselines=baselines))


def _study_of_results(folder: Path) -> Study:
    rows = rows_of_results(folder)
    present = dict.fromkeys(rows.tables.runs["arm"].astype(str))
    arms = tuple(present)
    if folder.name in ablation_files():
        known = arm_order(load_ablation(folder.name), set(present))
        arms = (*known, *(arm for arm in arms if arm not in known))
    return Study(
        name=f"{folder.parent.name}/{folder.name}",
        scale=folder.parent.name,
        ablation=folder.name,
        arms=arms,
        tables=rows.tables,
        started=rows.started,
        data=rows.data,
        is_aligned=(folder / STUDY_FILE).is_file()
        and shares_sampling_seeds(read_study(folder).protocol),
    )
