"""What is recognised of an environment: complete, interrupted, half made, damaged, foreign."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import setup_env
import setup_state
from setup_gates import SetupError
from setup_state import REQUIREMENT_FILES, Pin, VenvKind, inspect_venv, read_pins
from setup_steps import Environment

ROOT = Path(__file__).resolve().parents[2]


def add_distribution(venv: Path, name: str, version: str, *, is_torn: bool = False) -> Path:
    """Leave behind what pip leaves of one installed package."""
    site = setup_state.site_packages(venv)
    assert site is not None
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    own = "" if is_torn else f"{folder.name}/INSTALLER,sha256=x,4\n"
    (folder / "RECORD").write_text(f"{name}/__init__.py,,\n{own}")
    return folder


@pytest.fixture(scope="module")
def empty_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real environment with nothing in it, made once."""
    venv = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    return venv


@pytest.fixture
def env(tmp_path: Path, empty_venv: Path) -> Environment:
    """A checkout with this repository's lock and a real, empty environment."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(empty_venv, tmp_path / ".venv", symlinks=True)
    return Environment(tmp_path, tmp_path / ".venv")


@pytest.fixture
def complete(env: Environment) -> Environment:
    """The same with every package recorded as installed, and the stamp."""
    for name in REQUIREMENT_FILES:
        for pin in read_pins(env.root / "requirements" / name, platform.machine()):
            add_distribution(env.venv, pin.name, pin.version)
    add_distribution(env.venv, setup_state.DISTRIBUTION, "0.1.0")
    setup_state.record_step(env.venv, root=str(env.root))
    version = setup_state.ask_python(env.python)
    setup_state.write_stamp(env.venv, setup_state.fingerprint(env.root, version))
    return env


def test_a_complete_environment_is_recognised(complete: Environment) -> None:
    assert setup_env.is_complete(complete)


def test_an_unfinished_one_is_not_complete(complete: Environment) -> None:
    setup_state.remove_stamp(complete.venv)
    setup_state.remove_stamp(complete.venv)
    assert not setup_env.is_complete(complete)


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "requirements/core.txt", "requirements/vllm.txt"]
)
def test_a_changed_lock_is_noticed(complete: Environment, file: str) -> None:
    with open(complete.root / file, "a") as stream:
        stream.write("# changed\n")
    assert not setup_env.is_complete(complete)


def test_a_package_that_went_missing_is_noticed(complete: Environment) -> None:
    site = setup_state.site_packages(complete.venv)
    assert site is not None
    next(site.glob("ray-*.dist-info")).rename(site / "gone")
    assert not setup_env.is_complete(complete)
    pins = read_pins(complete.root / "requirements" / "train.txt", "x86_64")
    assert [pin.name for pin in setup_state.missing(complete.venv, pins)] == ["ray"]


def test_a_package_in_another_version_counts_as_missing(env: Environment) -> None:
    add_distribution(env.venv, "numpy", "2.3.5")
    assert setup_state.missing(env.venv, [Pin("numpy", "2.3.5")]) == []
    assert setup_state.missing(env.venv, [Pin("numpy", "2.3.6")]) == [Pin("numpy", "2.3.6")]
    add_distribution(env.venv, "numpy", "2.4.0")
    assert setup_state.missing(env.venv, [Pin("numpy", "2.3.5")]) == [Pin("numpy", "2.3.5")]


def test_an_added_torchvision_is_noticed(complete: Environment) -> None:
    add_distribution(complete.venv, "torchvision", "0.28.0")
    assert setup_state.unwanted(complete.venv) == ["torchvision"]
    assert not setup_env.is_complete(complete)


def test_a_moved_checkout_is_noticed(complete: Environment) -> None:
    moved = complete.root.with_name(complete.root.name + "-moved")
    complete.root.rename(moved)
    report = inspect_venv(moved / ".venv", moved)
    assert report.kind is VenvKind.BROKEN
    assert str(complete.root) in report.reason


def test_a_torn_installation_is_forgotten_and_a_whole_one_kept(env: Environment) -> None:
    whole = add_distribution(env.venv, "numpy", "2.3.5")
    torn = add_distribution(env.venv, "verl", "0.9.1", is_torn=True)
    unlisted = add_distribution(env.venv, "ray", "2.60.0")
    (unlisted / "RECORD").unlink()
    stash = whole.with_name("~etuptools")
    stash.mkdir()
    removed = setup_state.remove_torn_installs(env.venv)
    assert removed == sorted([torn.name, unlisted.name, stash.name])
    assert whole.is_dir()
    assert not torn.exists()
    assert setup_state.remove_torn_installs(env.venv) == []


def test_no_environment_is_absent(tmp_path: Path) -> None:
    assert inspect_venv(tmp_path / ".venv", tmp_path).kind is VenvKind.ABSENT
    assert setup_state.installed(tmp_path / ".venv") == {}


def test_a_working_environment_is_usable(env: Environment) -> None:
    report = inspect_venv(env.venv, env.root)
    assert report.kind is VenvKind.USABLE
    assert report.python_version == platform.python_version()


@pytest.mark.parametrize("entries", [[], ["bin"], ["bin", "lib", "include"]])
def test_a_half_made_environment_is_told_from_other_files(
    tmp_path: Path, entries: list[str]
) -> None:
    venv = tmp_path / ".venv"
    for entry in ["", *entries]:
        (venv / entry).mkdir(exist_ok=True)
    report = inspect_venv(venv, tmp_path)
    assert (report.kind, report.reason) == (VenvKind.BROKEN, "was left half made")
    (venv / "thesis.tex").write_text("precious")
    assert inspect_venv(venv, tmp_path).kind is VenvKind.FOREIGN


def test_a_python_that_does_not_start_is_noticed(env: Environment) -> None:
    env.python.unlink()
    assert "does not start" in inspect_venv(env.venv, env.root).reason
    env.python.symlink_to("/no/such/python")
    assert inspect_venv(env.venv, env.root).kind is VenvKind.BROKEN


def test_a_broken_environment_is_made_anew_and_said(
    env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    env.python.unlink()
    setup_env.ensure_venv(env, ["--without-pip"])
    assert "does not start: making it anew" in capsys.readouterr().out
    assert inspect_venv(env.venv, env.root).kind is VenvKind.USABLE


def test_other_files_in_the_place_of_the_environment_are_left_alone(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    venv.mkdir()
    (venv / "thesis.tex").write_text("precious")
    with pytest.raises(SetupError, match=r"thesis\.tex.*move it away"):
        setup_env.ensure_venv(Environment(tmp_path, venv))
    assert (venv / "thesis.tex").read_text() == "precious"


def test_a_damaged_record_of_steps_is_an_empty_one(env: Environment) -> None:
    setup_state.record_step(env.venv, root="a", package="b")
    assert setup_state.read_state(env.venv) == {"root": "a", "package": "b"}
    (env.venv / "setup-state.json").write_text('{"root": ')
    assert setup_state.read_state(env.venv) == {}
