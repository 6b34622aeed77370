from pathlib import Path

import pytest

from harness import doctor
from harness.doctor import Check, examine, main, table
from harness.schema import DamagedError


@pytest.fixture(autouse=True)
def no_slow_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "IMPORTS", "print('as expected')")


def named(checks: list[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def test_every_failed_check_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(directory: Path) -> None:
        raise DamagedError("x is damaged")

    monkeypatch.setattr(doctor, "verify_model", damaged)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY", 1 << 62)
    monkeypatch.setattr(doctor, "NEEDED_DISK", 1 << 62)
    monkeypatch.setattr(doctor, "ENGINES", ("no-such-engine",))
    monkeypatch.setattr(doctor, "BROKEN_BESIDE_CPU_TORCH", ("pytest",))
    checks = examine({"RAY_ADDRESS": "auto"}, tmp_path / "not" / "there")
    wrong = {check.name for check in checks if not check.is_well}
    assert wrong == {"engines", "companions", "RAY_ADDRESS", "memory", "disk", "base models"}
    assert all(check.remedy for check in checks if not check.is_well)
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("said", ["other: critic_loss_adds_up 1.44", ""])
def test_a_verl_that_computes_something_else_is_a_finding(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ENGINES", ("pytest",))
    assert named(examine({}, tmp_path), "verl's formulas").is_well
    monkeypatch.setattr(doctor, "IMPORTS", f"print({said!r})")
    check = named(examine({}, tmp_path), "verl's formulas")
    assert not check.is_well and check.found.startswith("other") and check.remedy


def test_a_broken_import_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENGINES", ("pytest",))
    monkeypatch.setattr(doctor, "IMPORTS", "import no_such_module")
    check = named(examine({}, tmp_path), "imports")
    assert not check.is_well
    assert "no_such_module" in check.found


def test_the_exit_code_says_whether_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for checks, code in (
        ([Check("a", True, "x")], 0),
        ([Check("a", True, "x"), Check("b", False, "y", "do z")], 2),
    ):
        monkeypatch.setattr(doctor, "examine", lambda *_, given=checks: given)
        assert main([]) == code
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_printed_and_nothing_is_looked_at(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 0
    assert capsys.readouterr().out.startswith("`python -m harness.doctor")


def test_an_unknown_word_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 2
    assert "unknown argument 'help'" in capsys.readouterr().err


def test_the_table_is_aligned() -> None:
    lines = table([Check("a", True, "x"), Check("long name", False, "y", "z")]).splitlines()
    assert lines[2] == "long name  WRONG  y      z"


def test_a_temporary_directory_that_a_run_would_refuse_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor._temporary().is_well
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    check = doctor._temporary()
    assert not check.is_well and "too deep for Ray's sockets" in check.found and check.remedy
    assert list(deep.iterdir()) == []
