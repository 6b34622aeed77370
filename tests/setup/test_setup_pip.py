"""What a failure of the real pip is turned into: one line with a remedy."""

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import check_env
import pytest
from setup_pip import Progress, diagnose, pip_environment, run_pip
from setup_state import Pin
from setup_steps import Environment, refuse


def make_wheel(folder: Path) -> Path:
    """Write the smallest wheel there is: `tiny` 1.0."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    files = {
        "tiny.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{name},sha256={digest.rstrip('=')},{len(text)}\n"
        archive.writestr("tiny-1.0.dist-info/RECORD", record + "tiny-1.0.dist-info/RECORD,,\n")
    return path


def run(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    """Run the real pip as the set-up does."""
    progress = Progress("1/3", 1, lambda: 0)
    command = ["--isolated", "download", "--no-deps", "-d", str(tmp_path / "got"), *arguments]
    result = run_pip(Path(sys.executable), command, tmp_path / "log.txt", progress)
    return result.code, result.output


def test_a_wheel_with_the_pinned_hash_is_taken_and_another_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    local = ["--no-index", "--find-links", str(tmp_path), "--require-hashes", "-r"]
    requirements = tmp_path / "vllm.txt"
    requirements.write_text(f"tiny==1.0 --hash=sha256:{right}\n")
    assert run(tmp_path, *local, str(requirements))[0] == 0
    requirements.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    code, output = run(tmp_path, *local, str(requirements))
    assert code != 0
    assert diagnose(output).kind == "hash"


def test_an_index_that_does_not_answer_is_told_from_one_that_lacks_the_package(
    tmp_path: Path,
) -> None:
    code, output = run(tmp_path, "--index-url", "http://127.0.0.1:9", "--retries", "1", "tiny==1.0")
    assert code != 0
    assert diagnose(output) == ("network", "Connection refused")
    code, output = run(tmp_path, "--no-index", "tiny==1.0")
    assert code != 0
    assert diagnose(output) == ("absent", "tiny==1.0")


def test_a_constraint_of_the_machine_does_not_hide_that_a_package_is_absent(
    tmp_path: Path,
) -> None:
    (tmp_path / "tiny-1.0-py3-none-any.whl").write_bytes(b"never opened")
    (tmp_path / "constraints.txt").write_text("tiny<=2\n")
    local = ["--no-index", "--find-links", str(tmp_path), "-c", str(tmp_path / "constraints.txt")]
    code, output = run(tmp_path, *local, "tiny==1.0+cpu")
    assert code != 0
    assert diagnose(output) == ("absent", "tiny==1.0+cpu")


def test_a_package_is_removed_with_the_same_call(tmp_path: Path) -> None:
    progress = Progress("   ", 1, lambda: 0)
    uninstall = ["uninstall", "-y", "no-such-package"]
    result = run_pip(Path(sys.executable), uninstall, tmp_path / "log.txt", progress)
    assert result.code == 0


def test_a_build_for_gpus_is_never_resolved(tmp_path: Path) -> None:
    for label in ("", "+cu130"):
        name = f"tiny-1.0{label}-py3-none-any.whl"
        (tmp_path / name).write_bytes(b"a file of several GB, never opened")
    local = ["--no-index", "--find-links", str(tmp_path)]
    code, output = run(tmp_path, *local, "tiny==1.0+cpu")
    assert code != 0
    assert diagnose(output) == ("absent", "tiny==1.0+cpu")
    assert run(tmp_path, *local, "tiny==1.0")[0] != 0
    assert "Processing" not in output


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (
            "ERROR: Could not install packages: [Errno 28] No space left on device",
            "disk",
        ),
        ("ERROR: something new went wrong", "other"),
        ("", "other"),
    ],
)
def test_other_failures_are_named(output: str, kind: str, tmp_path: Path) -> None:
    failure = diagnose(output)
    assert failure.kind == kind
    error = refuse(failure, "torch", Environment(tmp_path, tmp_path / ".venv"))
    assert "torch" in str(error)
    assert "\n" not in str(error)


def test_what_would_redirect_an_installation_is_kept_from_pip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    environment = pip_environment()
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(environment)
    assert environment["PIP_FIND_LINKS"] == "/wheels"


def test_progress_counts_and_writes_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("2/3", 3, lambda: 2)
    progress.tick()
    assert capsys.readouterr().out == ""
    for line in ("Collecting a==1", "  Downloading a", "Processing ./b.whl"):
        progress.saw(line)
    progress._last = float("-inf")
    progress.tick()
    assert capsys.readouterr().out == "  2/3 fetching 2 of 3, 0 s\n"
    progress.saw("Installing collected packages: a, b")
    progress._last = float("-inf")
    progress.tick()
    assert capsys.readouterr().out == "  2/3 installing 2 of 3, 0 s\n"


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
