"""study.json: what the tables of a study do not hold, so that a clone without runs has it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.metrics.evaluation import evaluation_plan
from harness.metrics.streams import RunFiles
from harness.metrics.tables import protocol_hash, protocol_items
from harness.schema import SCHEMA_VERSION, DamagedError, unflatten
from harness.spec.matrix import Difference, differing_keys
from harness.store.data_names import STUDY_FILE, control_data
from harness.store.files import read_json, write_json

FILE = STUDY_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """What was asked for and where it ran.

    Attributes:
        ablation: name of the ablation file.
        scale: name of the scale.
        label: "" for the whole study, else what makes the request less or other than it.
        command: the command line that makes the results again.
        protocol: as in the manifest of a bundle: steps, evaluation (steps, questions, samples),
            hashes of data and model, and per arm, the control first, hash and flattened config
            without what the training seed decides.
        machines: python, versions and hardware of the runs, each different one once.
    """

    ablation: str
    scale: str
    label: str
    command: str
    protocol: Mapping[str, Any]
    machines: Sequence[Mapping[str, Any]]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, the control first."""
        return tuple(self.protocol["arms"])

    @property
    def steps(self) -> int:
        """Training steps that were asked for; all cells of a request have the same."""
        return int(self.protocol["steps"])

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that are evaluated, in the config's order."""
        return tuple(self.protocol["evaluation"]["questions"])

    @property
    def configs(self) -> dict[str, Mapping[str, Any]]:
        """Arm -> nested config."""
        return {arm: unflatten(entry["config"]) for arm, entry in self.protocol["arms"].items()}

    @property
    def data(self) -> str:
        """Name of the data set that the control is trained on; "" is unknown."""
        return control_data(self.protocol)

    @property
    def differences(self) -> list[Difference]:
        """Config keys that are not the same in all arms."""
        return differing_keys({a: entry["config"] for a, entry in self.protocol["arms"].items()})


def study_of(
    runs: Sequence[RunFiles], arms: Sequence[str], *, root: Path, label: str, command: str
) -> StudyRecord:
    """Return the record of a request from the files of its runs.

    Args:
        runs: at least one, all of one request, whether they ran or not.
        arms: their arms, the control first.
        root: `results_dir/scale/ablation`.
        label: see `StudyRecord`.
        command: see `StudyRecord`.
    """
    first, plan = runs[0], evaluation_plan(runs[0].spec)
    # reversed: of the runs of an arm the first one stays
    by_arm = {run.record.arm: run.spec for run in reversed(runs)}
    machines: list[Mapping[str, Any]] = [
        {key: record[key] for key in ("python", "versions", "hardware") if key in record}
        for run in runs
        if (record := run.record.provenance)
    ]
    return StudyRecord(
        ablation=root.name,
        scale=root.parent.name,
        label=label,
        command=command,
        protocol={
            "steps": first.steps,
            "evaluation": {
                "steps": list(plan.steps),
                "questions": dict(plan.questions),
                "samples": plan.samples,
            },
            "data": first.spec["inputs"]["data"],
            "model": first.spec["inputs"]["model"],
            "arms": {
                arm: {"hash": protocol_hash(by_arm[arm]), "config": protocol_items(by_arm[arm])}
                for arm in arms
            },
        },
        # one by one: mappings cannot be members of a set
        machines=[item for at, item in enumerate(machines) if item not in machines[:at]],
    )


def write_study(study: StudyRecord, folder: Path) -> None:
    """Write study.json."""
    write_json(folder / FILE, {"schema_version": SCHEMA_VERSION, **asdict(study)})


def read_study(folder: Path) -> StudyRecord:
    """Read study.json.

    Raises:
        DamagedError: it is not there, or not of this form.
    """
    path = folder / FILE
    if not path.is_file():
        raise DamagedError(
            f"{path} is missing: without it the tables beside it do not say how the runs were made;"
            " where the runs are, python -m harness.report writes it"
        )
    document = read_json(path)
    try:
        if document.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError
        study = StudyRecord(**document)
        # a part that is missing is told now, not where it is first looked at
        _ = (study.steps, study.splits, study.configs, study.command + study.label)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            f"{path} is not a study of format {SCHEMA_VERSION}: write it again with"
            " python -m harness.report where the runs are"
        ) from error
    return study
