"""requirements/cuda.txt against what the installed verl asks for, and resolved anew by uv."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setup_kinds import CUDA, OPTIONAL_FILE
from setup_state import normalised, read_pins

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
EXTRA = "vllm"
GPU_MACHINE = {"platform_machine": "x86_64", "platform_system": "Linux"}
Lock = dict[str, str]


def lock() -> Lock:
    """Everything that the environment with GPUs pins: name -> version."""
    return dict(pin for file in CUDA.files for pin in read_pins(FOLDER / file, "x86_64"))


def asked(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed package asks for on a machine with GPUs, its own extras followed."""
    found = []
    for text in importlib.metadata.requires(name) or ():
        wanted = Requirement(text)
        if wanted.marker and not any(
            wanted.marker.evaluate({**GPU_MACHINE, "extra": extra}) for extra in {"", *extras}
        ):
            continue
        if normalised(wanted.name) == name:
            found += asked(name, set(wanted.extras))
        else:
            found.append(wanted)
    return found


def unmet(wanted: list[Requirement], pins: Lock) -> list[str]:
    """Requirements that a lock does not satisfy."""
    return [
        f"{requirement}: locked {pins.get(normalised(requirement.name), 'nothing')}"
        for requirement in wanted
        if not requirement.specifier.contains(
            pins.get(normalised(requirement.name), "0"), prereleases=True
        )
    ]


@pytest.fixture(scope="module")
def verl() -> list[Requirement]:
    try:
        return asked("verl", {EXTRA})
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("verl is not installed")


def test_the_lock_is_for_the_installed_verl(verl: list[Requirement]) -> None:
    assert lock()["verl"] == importlib.metadata.version("verl")
    assert f"verl[{EXTRA}]=={lock()['verl']}" in (FOLDER / "cuda.in").read_text()


def test_the_lock_meets_everything_that_verl_and_its_extra_ask_for(
    verl: list[Requirement],
) -> None:
    assert len(verl) > 40
    assert unmet(verl, lock()) == []


def test_the_engines_are_exactly_those_of_the_extra(verl: list[Requirement]) -> None:
    exact = {
        normalised(wanted.name): str(wanted.specifier).removeprefix("==")
        for wanted in verl
        if str(wanted.specifier).startswith("==")
    }
    assert set(exact) == {"torch", "torchvision", "torchaudio", "vllm", "transformers"}
    assert {name: lock()[name] for name in exact} == exact


def test_flash_attention_is_the_one_that_verl_names(verl: list[Requirement]) -> None:
    (pin,) = read_pins(FOLDER / OPTIONAL_FILE, "x86_64")
    texts = importlib.metadata.requires("verl") or ()
    named = [text for text in texts if Requirement(text).name == "flash-attn"]
    assert [text.split(";")[0].strip() for text in named] == [f"{pin.name}=={pin.version}"]


def test_a_drift_of_verl_is_seen() -> None:
    pins = {**lock(), "torch": "2.10.0", "vllm": "0.23.0"}
    del pins["mathruler"]
    texts = ["torch==2.11.0", "vllm==0.24.0", "mathruler>=0.1", "numpy"]
    wrong = unmet([Requirement(text) for text in texts], pins)
    assert [line.split(":")[0] for line in wrong] == [
        "torch==2.11.0",
        "vllm==0.24.0",
        "mathruler>=0.1",
    ]


def test_what_both_environments_pin_alike_meets_what_it_asks_for() -> None:
    """The installed packages whose version the lock has too ask for nothing that it lacks."""
    pins = lock()
    wrong = []
    for name, version in pins.items():
        try:
            if importlib.metadata.version(name) != version:
                continue
        except importlib.metadata.PackageNotFoundError:
            continue
        wrong += [f"{name}: {line}" for line in unmet(asked(name, set()), pins)]
    assert wrong == []


@pytest.mark.slow
def test_uv_resolves_the_lock_to_itself_from_metadata_alone(tmp_path: Path) -> None:
    constraints = [part for file in CUDA.files for part in ("-c", str(FOLDER / file))]
    platform = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_31"]
    output = ["--no-header", "--no-annotate", "--quiet", "-o", str(tmp_path / "lock.txt")]
    command = [str(Path(sys.prefix) / "bin" / "uv"), "pip", "compile", str(FOLDER / "cuda.in")]
    done = subprocess.run(
        [*command, *constraints, *platform, *output], capture_output=True, text=True, check=False
    )
    if re.search(r"error sending request|dns error|failed to fetch", done.stderr, re.IGNORECASE):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    resolved = dict(read_pins(tmp_path / "lock.txt", "x86_64"))
    pins = lock()
    assert {name: pins.get(name) for name in resolved} == resolved
    mine = dict(read_pins(FOLDER / "cuda.txt", "x86_64"))
    assert set(mine) <= set(resolved), "the lock has packages that nothing asks for"
