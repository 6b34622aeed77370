"""What a disk may do at any moment leaves every file old or new: a sample of `make trust`."""

import os
import random
from pathlib import Path

import pytest

from tests.faults.cases import CASES, Case
from tests.faults.shim import MODES, Fault, Shim, files_below, try_faults, wrong_files

QUICK = ("harness.data card", "micro-world's data", "a cell of harness.run", "harness.mine")


def begun(case: Case, place: Path):
    base, root = place / "inputs", place / "sandbox"
    base.mkdir()
    root.mkdir()
    return case.begin(base, root), root


def sample(count: int) -> list[Fault]:
    rng = random.Random(count)
    return [Fault(rng.randint(1, count), mode) for mode in MODES for _ in range(2)]


@pytest.mark.parametrize(
    "case", [case for name in QUICK for case in CASES if case.name == name], ids=QUICK
)
def test_every_file_is_old_or_new_after_a_fault(case: Case, tmp_path: Path) -> None:
    command, root = begun(case, tmp_path)
    outcome = try_faults(command, root, sample, case.varies)
    assert outcome.problems == []
    assert outcome.operations > 3 and outcome.faults == 2 * len(MODES)


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_is_written_in_place_is_found(mode: str, tmp_path: Path) -> None:
    root = tmp_path / "sandbox"
    root.mkdir()
    (root / "a").write_text("old\n")

    def command() -> int:
        with open(root / "a", "w") as file:
            file.write("new and longer\n")
            file.flush()
        return 0

    outcome = try_faults(command, root, lambda count: [Fault(count, mode)])
    assert outcome.faults == 1 and outcome.problems


def test_a_rename_before_the_sync_is_found(tmp_path: Path) -> None:
    root = tmp_path / "sandbox"
    root.mkdir()

    def command() -> int:
        (root / ".half-a").write_text("new and longer\n")
        os.replace(root / ".half-a", root / "a")
        os.mkdir(root / "b")
        return 0

    outcome = try_faults(command, root, lambda count: [Fault(count, "crash")])
    assert "neither old nor new" in outcome.problems[0]


def test_a_group_that_is_mixed_and_unmarked_is_found() -> None:
    old, new = {"a": b"1", "b": b"1"}, {"a": b"2", "b": b"2"}
    mixed = {"a": b"2", "b": b"1"}
    assert wrong_files(mixed, old, new, lambda name: False)
    assert not wrong_files({**mixed, "UNFINISHED-x.txt": b""}, old, new, lambda name: False)


def test_what_lies_elsewhere_is_not_counted(tmp_path: Path) -> None:
    shim = Shim(tmp_path / "sandbox", at_first=lambda: None)
    with shim.installed():
        (tmp_path / "beside").write_text("x")
    assert shim.count == 0 and files_below(tmp_path) == {"beside": b"x"}
