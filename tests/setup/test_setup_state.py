"""What is recognised of an environment: complete, interrupted, half made, damaged, foreign."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import setup_env
import setup_state
from setup_gates import SetupError
from setup_kinds import CPU, Environment
from setup_state import Pin

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def empty_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real environment with nothing in it, made once."""
    venv = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    return venv


@pytest.fixture
def env(tmp_path: Path, empty_venv: Path) -> Environment:
    """A checkout with this repository's lock and a real environment, marked as whole."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(empty_venv, tmp_path / ".venv", symlinks=True)
    env = Environment(tmp_path, tmp_path / ".venv")
    setup_state.begin(env.venv, env.root, CPU.name)
    setup_state.finish(env.venv, setup_state.fingerprint(env.root, CPU.files))
    return env


@pytest.fixture
def there(env: Environment, monkeypatch: pytest.MonkeyPatch) -> set[Pin]:
    """What uv lists of that environment: every package, as this machine has room for one only."""
    found = {*env.pins(*CPU.files), Pin(setup_state.DISTRIBUTION, "0.1.0"), Pin("ipython", "9")}
    monkeypatch.setattr(setup_env, "installed", lambda env: found)
    return found


def test_a_complete_environment_is_recognised(env: Environment, there: set[Pin]) -> None:
    assert setup_env.is_complete(env)


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "requirements/core.txt", "requirements/vllm.txt"]
)
def test_a_changed_lock_is_noticed(env: Environment, there: set[Pin], file: str) -> None:
    with open(env.root / file, "a") as stream:
        stream.write("# changed\n")
    assert not setup_env.is_complete(env)


def test_a_missing_another_and_an_unwanted_package_are_noticed(
    env: Environment, there: set[Pin]
) -> None:
    ray = next(pin for pin in there if pin.name == "ray")
    there.remove(ray)
    assert not setup_env.is_complete(env)
    there.add(Pin("ray", "1.0"))
    assert not setup_env.is_complete(env)
    there.add(ray)
    assert setup_env.is_complete(env)
    there.add(Pin("torchvision", "0.28.0"))
    assert not setup_env.is_complete(env)


def test_an_interrupted_set_up_is_made_anew(
    env: Environment, there: set[Pin], capsys: pytest.CaptureFixture[str]
) -> None:
    setup_state.begin(env.venv, env.root, CPU.name)
    assert not setup_env.is_complete(env)
    (env.venv / "lib" / "torn").mkdir()
    setup_env.ensure_venv(env)
    assert "was left half made: making it anew" in capsys.readouterr().out
    assert not (env.venv / "lib" / "torn").exists()
    assert setup_state.fault(env.venv, env.root) == "was left half made"
    setup_state.finish(env.venv, "whole")
    assert setup_state.fault(env.venv, env.root) == ""


def test_an_environment_that_is_whole_is_left_as_it_is(env: Environment) -> None:
    (env.venv / "lib" / "mine").mkdir()
    setup_env.ensure_venv(env)
    assert (env.venv / "lib" / "mine").is_dir()
    assert setup_state.read_stamp(env.venv)


def test_a_moved_checkout_is_noticed(env: Environment) -> None:
    moved = env.root.with_name(env.root.name + "-moved")
    env.root.rename(moved)
    assert str(env.root) in setup_state.fault(moved / ".venv", moved)


def test_an_environment_made_by_hand_is_gone_on_with(tmp_path: Path, empty_venv: Path) -> None:
    shutil.copytree(empty_venv, tmp_path / ".venv", symlinks=True)
    assert not setup_state.is_foreign(tmp_path / ".venv")
    assert setup_state.fault(tmp_path / ".venv", tmp_path) == ""


def test_a_python_that_does_not_start_or_is_another_is_noticed(env: Environment) -> None:
    env.python.unlink()
    assert "that starts" in setup_state.fault(env.venv, env.root)
    env.python.symlink_to("/no/such/python")
    assert "that starts" in setup_state.fault(env.venv, env.root)
    env.python.unlink()
    env.python.write_text("#!/bin/sh\necho '(3, 10)'\n")
    env.python.chmod(0o755)
    assert "that starts" in setup_state.fault(env.venv, env.root)
    env.python.write_text("#!/bin/sh\necho '(3, 12)'\n")
    assert setup_state.fault(env.venv, env.root) == ""


@pytest.mark.parametrize("is_file", [True, False])
def test_other_files_in_the_place_of_the_environment_are_left_alone(
    tmp_path: Path, is_file: bool
) -> None:
    venv = tmp_path / ".venv"
    assert not setup_state.is_foreign(venv)
    thesis = venv if is_file else venv / "thesis.tex"
    thesis.parent.mkdir(exist_ok=True)
    thesis.write_text("precious")
    with pytest.raises(SetupError, match="move it away"):
        setup_env.ensure_venv(Environment(tmp_path, venv))
    assert thesis.read_text() == "precious"


def test_a_damaged_record_is_an_empty_one(env: Environment) -> None:
    assert setup_state.read_state(env.venv) == {"root": str(env.root), "accelerator": "cpu"}
    (env.venv / "setup-state.json").write_text('{"root": ')
    assert setup_state.read_state(env.venv) == {}
    assert setup_state.fault(env.venv, env.root) == ""
