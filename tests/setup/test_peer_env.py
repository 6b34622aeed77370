"""TRL's environment: in the suite's versions, made once, and skipped with a reason."""

import shutil
from pathlib import Path

import pytest
from bench_cell import trl_python
from peer_env import TRL, ensure_peer, peer_environment
from setup_gates import SetupError
from setup_kinds import CPU, Environment
from setup_state import Pin

ROOT = Path(__file__).resolve().parents[2]


def other_versions(env: Environment, *names: str) -> set[str]:
    """Packages that an environment and the suite have in different versions."""
    suite = dict(Environment(ROOT, ROOT / ".venv", CPU).pins(*CPU.files))
    return {name for name, version in env.pins(*names) if suite.get(name, version) != version}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A checkout whose pip is told of no index and no folder."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return peer_environment(tmp_path)


def test_what_both_have_is_in_the_version_of_the_suite() -> None:
    assert other_versions(peer_environment(ROOT), *TRL.files) == set()


def test_another_version_is_seen(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "peer-trl.txt").write_text("trl==1\ntransformers==4.0\n")
    assert other_versions(peer_environment(tmp_path), "peer-trl.txt") == {"transformers"}


def test_trl_is_in_no_lock_of_the_suite() -> None:
    assert "trl" not in {pin.name for pin in Environment(ROOT, ROOT, CPU).pins(*CPU.files)}


def test_without_an_index_trl_is_skipped_with_a_reason(env: Environment) -> None:
    python, reason = trl_python(env)
    assert python == ""
    assert "pip could not install uv" in reason and "make setup" not in reason


def test_an_environment_that_is_as_locked_is_taken_as_it_is(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.python.parent.mkdir(parents=True)
    env.python.write_text("")
    monkeypatch.setattr("peer_env.installed", lambda env: {*env.pins(*env.kind.files)})
    assert ensure_peer(env) == env.python
    monkeypatch.setattr("peer_env.installed", lambda env: {Pin("trl", "1.0.0")})
    with pytest.raises(SetupError):
        ensure_peer(env)
