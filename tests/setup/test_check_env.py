"""What the check of a finished environment finds."""

import subprocess
import sys
from pathlib import Path

import check_env
import pytest
from setup_state import Pin


def test_the_import_check_names_what_fails() -> None:
    assert check_env.import_faults(("json", "email")) == []
    (fault,) = check_env.import_faults(("json", "no_such_module"))
    assert fault.startswith("no_such_module does not import: ModuleNotFoundError")


def test_only_a_cpu_build_of_torch_passes() -> None:
    assert check_env.torch_faults("2.13.0+cpu") == []
    assert check_env.torch_faults("2.13.0+cu130") and check_env.torch_faults("2.13.0")


def test_an_unwanted_package_is_a_fault() -> None:
    assert check_env.unwanted_faults(("no_such_module",)) == []
    assert check_env.unwanted_faults(("json",)) == ["json must not be installed"]


def test_only_the_declared_requirements_may_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tiny-1.0.dist-info"
    folder.mkdir()
    needs = "Requires-Dist: torchvision\nRequires-Dist: numpy<1\nRequires-Dist: no-such-thing\n"
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n{needs}")
    monkeypatch.syspath_prepend(tmp_path)
    faults = check_env.requirement_faults([Pin("tiny", "1.0")])
    assert len(faults) == 2
    assert "tiny needs numpy<1, found" in faults[0]
    assert faults[1] == "tiny needs no-such-thing, which is not installed"
    assert check_env.requirement_faults([Pin("pytest", "")]) == []


def test_a_crash_of_the_import_check_names_its_culprit() -> None:
    code = "import check_env, sys; sys.exit(bool(check_env.import_faults(('no_such_module',))))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(check_env.__file__).parent,
    )
    assert answer.returncode == 1
    assert answer.stdout.splitlines()[-1] == "importing no_such_module"


def test_the_import_check_knows_both_environments() -> None:
    assert check_env.cuda_faults("2.11.0", True) == []
    assert "expected the build for CUDA" in check_env.cuda_faults("2.11.0+cpu", True)[0]
    assert "sees no GPU" in check_env.cuda_faults("2.11.0+cu130", False)[0]
    assert check_env.imports_for(True) == check_env.IMPORTS
    without = check_env.imports_for(False)
    assert "torch" in without
    assert not {name.split(".")[0] for name in without} & {"vllm", "verl"}
