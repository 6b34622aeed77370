"""Runs a Hydra application with our help, our one-line errors and our exit codes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import hydra
import yaml
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from harness.cli import check_words, guarded, show_help, suggest
from harness.paths import CONF
from harness.schema import ExitCode, UsageError
from harness.spec import config as configs
from harness.spec.choices import CONFIG_NAME, group_choices
from harness.spec.options import help_text
from harness.spec.verl_keys import verl_keys
from harness.untrusted.files import first_twice

_REFUSED_FLAGS = ("-m", "--multirun", "-r", "--run")


@hydra.main(version_base="1.3", config_path=str(CONF), config_name=CONFIG_NAME)
def _compose_or_show(_: DictConfig) -> None:
    """Compose the command line, or answer `--cfg` and `--info`, as any Hydra application."""


def run_application(task: Callable[[list[str]], int], argv: Sequence[str]) -> int:
    """Run a task on the overrides of a command line; return the exit code.

    Args:
        task: gets the overrides, inside a session of `harness.spec.config`; returns the exit code.
        argv: the command line without the program.
    """
    try:
        if {"-h", "--help"} & set(argv):
            return guarded(lambda: show_help(help_text()))
        return guarded(lambda: _run(task, [quoted(text) for text in argv]))
    except KeyboardInterrupt:
        # while cells run, a stop is a request that they carry out; here nothing runs
        print("stopped: the same command goes on from here", file=sys.stderr)
        return ExitCode.CELLS_FAILED


def _run(task: Callable[[list[str]], int], argv: Sequence[str]) -> int:
    check_words(argv)
    flags = [text for text in argv if text.startswith("-")]
    if set(flags) & set(_REFUSED_FLAGS):
        raise UsageError("--multirun is not used here: an ablation file names the runs of a matrix")
    configs.register_ablations()
    overrides = [text for text in argv if not text.startswith("-")]
    if not flags:
        check_overrides(overrides)
        with _hydra_errors(), configs.session():
            return task(overrides)
    # else `--cfg` would show interpolations in the place of values
    resolve = ["--resolve"] if {"--cfg", "-c"} & set(flags) and "--resolve" not in flags else []
    if resolve:
        check_overrides([text for text in overrides if "=" in text])
    sys.argv = [sys.argv[0], *argv, *resolve]
    # Hydra then raises its errors instead of printing them, and they are told in one line here
    os.environ["HYDRA_FULL_ERROR"] = "1"
    with _hydra_errors():
        _compose_or_show()
    return ExitCode.OK


def quoted(text: str) -> str:
    """Return an override of `results_dir` in Hydra's quotes where it needs them.

    A path is what was typed: Hydra would stumble over `ü` and `(`, and read 5 and `null` as values.
    """
    key, _, path = text.partition("=")
    is_plain = re.fullmatch(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_./][\w./+-]*", path, re.ASCII)
    if key != "results_dir" or not path or is_plain or re.fullmatch(r"'.*'|\".*\"", path):
        return text
    # a backslash is one of a pair before a quote only
    inner = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), path)
    return f"{key}='{inner}'"


@contextmanager
def _hydra_errors() -> Iterator[None]:
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(one_line(error)) from error


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuse what cannot be composed, naming the choices or the nearest keys.

    Raises:
        UsageError: no ablation, an unknown choice of a group, an unknown key, or one given twice.
    """
    changes = configs.read_overrides(overrides)
    groups = group_choices()
    twice = first_twice([change.name for change in changes])
    if twice is not None:
        raise UsageError(f"{twice} is given twice: leave one out")
    for change in changes:
        if change.is_group:
            _check_choice(change, groups[change.name])
    if not any(change.name == "ablation" for change in changes):
        names = ", ".join(groups["ablation"])
        raise UsageError(f"no ablation was named: give ablation=<name>, one of {names}")
    chosen = [change.text for change in changes if change.is_group]
    with configs.session():
        known = configs.composed_keys(chosen)
    for change in changes:
        if not change.is_group and not change.is_added:
            _check_key(change, known)


def one_line(error: Exception) -> str:
    """Return the first telling line of one of Hydra's errors, without its advice on Hydra."""
    # Hydra wraps what went wrong in an error that only names the override
    cause = error.__cause__ or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    text = re.sub(r"\s+", " ", lines[0]) if lines else type(cause).__name__
    ambiguous = re.fullmatch(r"Ambiguous value for argument '([^=]+)=(.*)'", text)
    if ambiguous:
        key, values = ambiguous.groups()
        return f"{key}={values} is several values: write {key}=[{values}] for a list"
    return text


def _check_choice(change: configs.Change, choices: Collection[str]) -> None:
    if not isinstance(change.value, str) or change.value not in choices:
        refuse_unsupported(change.name, str(change.value))
        folder = "ablations" if change.name == "ablation" else f"harness/conf/{change.name}"
        raise UsageError(
            f"unknown {change.name} {change.value!r}: {suggest(str(change.value), choices)}"
            f" (files of {folder}/)"
        )


def unsupported() -> dict[str, dict[str, dict[str, str]]]:
    """Return group -> name -> paper, reason and nearest of each choice that is not supported."""
    listed = yaml.safe_load((CONF / "unsupported.yaml").read_text())
    return cast(dict[str, dict[str, dict[str, str]]], listed)


def refuse_unsupported(group: str, name: str) -> None:
    """Say why a choice cannot be had, if it is one of `harness/conf/unsupported.yaml`.

    Raises:
        UsageError: with the reason, the paper and what comes nearest.
    """
    known = unsupported().get(group, {}).get(name)
    if known is not None:
        raise UsageError(
            f"{group}={name} ({known['paper']}) is not supported: {known['reason']};"
            f" the nearest is {group}={known['nearest']}"
        )


def _check_key(change: configs.Change, known: frozenset[str]) -> None:
    if change.name in known:
        return
    verl = change.name.removeprefix("verl.")
    if verl != change.name and verl in verl_keys():
        raise UsageError(
            f"{change.name} is veRL's own key and no file of harness/conf sets it: write"
            f" +{change.text} to add it"
        )
    names = known | {f"verl.{key}" for key in verl_keys()} | set(group_choices())
    raise UsageError(f"unknown option {change.name}: {suggest(change.name, sorted(names))}")
