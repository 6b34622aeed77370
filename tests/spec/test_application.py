from pathlib import Path

import pytest

from harness.run.__main__ import run
from harness.schema import UsageError
from harness.spec.application import run_application
from harness.spec.choices import ablation_files


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run_application(run, list(words))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["ablation=nope"], ["unknown ablation 'nope'", "(files of ablations/)"]),
        ([], ["no ablation was named", ", ".join(ablation_files())]),
        (["ablation=kl_penaltty"], ["did you mean kl_penalty?"]),
        (["ablation=kl_penalty", "reward=rul"], ["unknown reward 'rul'", "did you mean rule?"]),
        (["ablation=kl_penalty", "seed=1"], ["unknown option seed", "did you mean seeds"]),
        (["ablation=kl_penalty", "seeds=0"], ["seeds=0 makes no run"]),
        (["ablation=kl_penalty", "seeds=1,2"], ["seeds=1,2", "[1,2]"]),
        (["ablation=kl_penalty", "seeds=x"], ["seeds='x'"]),
        (["ablation=kl_penalty", "steps=0"], ["steps='0' cannot be"]),
        (["ablation=kl_penalty", "what"], ["'what' is not of the form key=value"]),
        (["ablation=kl_penalty", "levels=nonne"], ["unknown level 'nonne'", "kl:none"]),
        (
            ["ablation=kl_penalty", "verl.trainer.tset_freq=3"],
            ["unknown option verl.trainer.tset_freq", "did you mean verl.trainer.test_freq"],
        ),
        (
            ["ablation=kl_penalty", "verl.trainer.log_val_generations=2"],
            ["+verl.trainer.log_val_generations=2"],
        ),
        (["ablation=kl_penalty", "--multirun"], ["--multirun is not used here"]),
        (["ablation=kl_penalty", "~verl.critic"], ["'~verl.critic' removes a key"]),
        (["ablation=kl_penalty", "+sneed=1"], ["+sneed adds a key that nothing reads"]),
        (["ablation=kl_penalty", "+dataset.sise=1"], ["verl, environment, launcher"]),
        (["ablation=nope", "--cfg", "job"], ["unknown ablation 'nope'"]),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], words: list[str], parts: list[str]
) -> None:
    code, out, err = outcome(capsys, *words)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    for part in parts:
        assert part in err


def test_help_names_every_option_of_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "--help")
    assert code == 0
    for word in ("kl_penalty", "grpo", "rule", "micro_0_8m", "local", "seeds=", "dry_run="):
        assert word in out
    assert max(map(len, out.splitlines())) <= 125


def test_cfg_shows_the_resolved_config(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "ablation=kl_penalty", "--cfg", "job")
    assert code == 0
    assert "adv_estimator: gae" in out
    assert "${" not in out


def test_a_dry_run_prints_the_matrix_and_if_asked_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = outcome(capsys, "ablation=kl_penalty", "dry_run=true", "seeds=2")
    assert code == 0
    assert "verl.trainer.main_ppo" not in out and "verbose=true prints their commands" in out
    assert out.count("  pending  ") == 5 * 2
    code, out, _ = outcome(capsys, "ablation=kl_penalty", "dry_run=true", "seeds=2", "verbose=true")
    assert code == 0
    assert out.count("verl.trainer.main_ppo") == out.count("  pending  ") == 5 * 2
    assert "verbose=true" not in out
    assert list(tmp_path.iterdir()) == []


def test_a_stray_ray_cluster_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    code, _, err = outcome(capsys, "ablation=kl_penalty", f"results_dir={tmp_path}")
    assert code == 2
    assert err.startswith("error: RAY_ADDRESS=10.0.0.1:6379 is set")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_ours_keeps_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(words: list[str]) -> int:
        raise UsageError("wrong")

    assert run_application(fail, ["ablation=kl_penalty"]) == 2
    assert capsys.readouterr().err == "error: wrong\n"


def test_a_ctrl_c_before_a_cell_runs_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def stop(words: list[str]) -> int:
        raise KeyboardInterrupt

    assert run_application(stop, ["ablation=kl_penalty"]) == 20
    assert capsys.readouterr().err.startswith("stopped: ")
