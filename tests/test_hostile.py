"""Hostile values at every option of every command: refused in one sentence, nothing changed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import cells, deviations, doctor, mine, power
from harness.baseline import __main__ as baseline
from harness.claims import __main__ as claims
from harness.cli import Option, name, out_file, place
from harness.compare import __main__ as compare
from harness.data import __main__ as data
from harness.evaluate import __main__ as evaluate
from harness.evaluate.options import OPTIONS as EVALUATE
from harness.grade import __main__ as grade
from harness.micro import pretrain, probe
from harness.plan import __main__ as plan
from harness.plan.request import OPTIONS as PLAN
from harness.profile import __main__ as profile
from harness.report import __main__ as report
from harness.run.__main__ import run
from harness.schema import ExitCode
from harness.spec.application import run_application
from harness.trace import __main__ as trace
from paper import build, preprint

COMMANDS: dict[str, tuple[Any, Sequence[str], Mapping[str, Option]]] = {
    "trace": (trace, [], trace.OPTIONS),
    "evaluate": (evaluate, [], EVALUATE),
    "profile": (profile, [], profile.OPTIONS),
    "report": (report, [], report.OPTIONS),
    "claims": (claims, [], claims.OPTIONS),
    "claims lint": (claims, ["lint"], claims.LINT_OPTIONS),
    "claims verify": (claims, ["verify"], claims.PLACES),
    "compare": (compare, [], compare.OPTIONS),
    "grade": (grade, [], grade.OPTIONS),
    "mine": (mine, [], mine.OPTIONS),
    "power": (power, [], power.OPTIONS),
    "doctor": (doctor, [], {"results_dir": place()}),
    "deviations": (deviations, [], {"scale": name(), "out": out_file()}),
    "plan": (plan, ["ablation=kl_penalty"], PLAN),
    "cells": (cells, ["list", "ablation=kl_penalty"], {"cell": place()}),
    "paper.build": (build, ["all"], build.OPTIONS),
    "paper.preprint": (preprint, [], preprint.OPTIONS),
    "micro.pretrain": (pretrain, [], pretrain.OPTIONS),
    "micro.probe": (probe, [], probe.OPTIONS),
    **{f"baseline {v}": (baseline, [v], verb.options) for v, verb in baseline.VERBS.items()},
    **{f"data {v}": (data, [v], verb.options) for v, verb in data.VERBS.items()},
}

ANYWHERE = ("", "\udcff", "\x1b[2J", "a\x00b", "\u202eb", "x" * 10_001)
"""What no option of any kind takes."""

BY_KIND = (
    *("-1", "0", "nan", "inf", "1e309", "9" * 400, "٣", "1_0", "0x1", " 1", "1;2", "null", "[]"),
    *("True", "..", "../x", "/", "a/b", ",", "a,,b", "n" * 256, "ü" * 128, "p/" * 2500),
    *("/dev/null", "/dev/null/x", "/proc/self/mem", "/nothing/../x", "${x}", "{a:1}", "~"),
)
"""What some kinds refuse, each for its reason."""


def refused(option: Option) -> Iterator[str]:
    for value in BY_KIND:
        try:
            option.read(value)
        except ValueError:
            yield value


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_refuses_what_it_cannot_be(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module, before, options = COMMANDS[command]
    monkeypatch.chdir(tmp_path)
    tried = 0
    for key, option in options.items():
        values = [*ANYWHERE, *refused(option)]
        for words in [[f"{key}={value}"] for value in values] + [[f"{key}=1", f"{key}=1"]]:
            code = module.main([*before, *words])
            said = capsys.readouterr().err
            assert (code, said.count("\n")) == (ExitCode.USAGE, 1), (words, said)
            assert said.startswith("error: ") and said[:-1].isprintable() and len(said) < 9000
            tried += 1
    assert tried >= 7 * len(options)
    assert list(tmp_path.iterdir()) == []


REQUEST = ("ablation=kl_penalty", "dry_run=true")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dry_run="], "dry_run="),
        (["dry_run=null"], "expected true or false"),
        (["dry_run=[]"], "expected true or false"),
        (["dry_run=1"], "expected true or false"),
        (["ablation=kl_penalty", "ablation=kl_penalty"], "given twice"),
    ],
)
def test_a_dry_run_is_asked_for_in_one_word(words: list[str], said: str, capsys) -> None:
    def never(overrides: list[str]) -> int:
        from harness.spec.study import make_study

        study = make_study(overrides)
        raise AssertionError(f"it would launch {len(study.cells)} cells")

    words = words if len(words) > 1 else [REQUEST[0], *words]
    assert run_application(never, words) == ExitCode.USAGE
    assert said in capsys.readouterr().err


HOSTILE_OVERRIDES = [
    ("levels=true", "no list of names"),
    ("levels=5", "unknown level"),
    ("levels=[]", "no list of names"),
    ("levels={a:1}", "no list of names"),
    ("seeds=[true]", "neither a number"),
    ("steps=0", "from 1"),
    ("steps=true", "whole number"),
    ("steps=1e9", "whole number"),
    ("steps=99999999999", "whole number"),
    ("verbose=null", "true or false"),
    ("dataset.eval_size=", "cannot be"),
    ("dataset.eval_size=0", "whole number"),
    ("dataset.eval_size=null", "expected a number"),
    ("dataset.seed=1e309", "no finite number"),
    ("dataset.seed=-1", "whole number"),
    (f"dataset.train_size={'9' * 400}", "beyond 64 bits"),
    ("dataset.name=../../x", "follows from dataset="),
    ("reward.name=../../x", "follows from reward="),
    ("model.name=x", "follows from model="),
    ("verl.critic.optim.lr=1e309", "no finite number"),
    ("verl.critic.optim.lr=nan", "no finite number"),
    ("verl.critic.optim.lr=-1", "a number from 0"),
    ("verl.critic.optim.lr=abc", "expected a number"),
    ("verl.data.max_response_length=0", "whole number"),
    ("verl.actor_rollout_ref.rollout.val_kwargs.n=0", "whole number"),
    ("verl.actor_rollout_ref.rollout.n=2.5", "whole number"),
    ("verl.data.train_batch_size=null", "expected a number"),
    ("verl.data=5", "expected a mapping"),
    ("+launcher.limits.step_s=abc", "a number above 0"),
    ("+launcher.limits.step_s=nan", "no finite number"),
    ("+launcher.limits.step_s=null", "null"),
    ("+launcher.limits.step_s=0", "a number above 0"),
    ("+launcher.limits.step=3", "unknown limit"),
    ("launcher.limits=5", "expected a mapping"),
    ("launcher.cells_at_once=0", "whole number"),
    (f"results_dir={'x' * 256}", "names of at most 255"),
    ("results_dir=", "results_dir= is empty"),
    ("results_dir=\udcff", "not UTF-8"),
    ("scale=ü", "are put in quotes"),
    ("steps=1\x1b[2J", "control characters"),
]


@pytest.mark.parametrize(("word", "said"), HOSTILE_OVERRIDES)
def test_a_request_refuses_what_a_key_cannot_be(word: str, said: str, capsys) -> None:
    assert run_application(run, [*REQUEST, word]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize("folder", ["ü (=~)", "it's", "back\\slash", "null", "5", "a b", "{x}"])
def test_results_dir_is_what_was_typed(folder: str, tmp_path: Path, capsys) -> None:
    found = []

    def task(overrides: list[str]) -> int:
        from harness.spec.study import make_study

        found.append(make_study(overrides).request.results_dir)
        return 0

    words = [REQUEST[0], "steps=2", f"results_dir={folder}"]
    assert run_application(task, words) == ExitCode.OK, capsys.readouterr().err
    assert found == [Path(folder)]
