"""The real uv and pip, on wheels made here: sources, hashes, the label of torch, what fails."""

import base64
import hashlib
import itertools
import shutil
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import setup_env
import setup_state
import setup_uv
from setup_gates import SetupError
from setup_kinds import CPU, Environment
from setup_state import Pin
from setup_uv import Uv, ensure_uv, install_locked, installed, read_settings, source_options

UV = Path(sys.prefix) / "bin" / "uv"
LISTING = """:env:.find-links='/wheels'
:env:.index-url=''
global.extra-index-url='file:///a\\nhttps://b/simple'
global.find-links='/others'
global.index-url='https://mirror/simple'
install.no-index='false'
install.trusted-host='mirror'
"""
# A backend of its own, as no index is asked: it makes the editable install of an empty package.
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "suite-1.0-py3-none-any.whl"
    files = {
        "METADATA": "Metadata-Version: 2.1\\nName: suite\\nVersion: 1.0\\n",
        "WHEEL": "Wheel-Version: 1.0\\nTag: py3-none-any\\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        for file, text in files.items():
            archive.writestr(f"suite-1.0.dist-info/{file}", text)
    return name
"""
PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "suite"
version = "1.0"
"""


def make_wheel(folder: Path, name: str, version: str) -> str:
    """Write the smallest wheel there is; return its hash."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for file, text in files.items():
            archive.writestr(file, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{file},sha256={digest.rstrip('=')},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def venv_with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real environment with pip, made once."""
    folder = tmp_path_factory.mktemp("venv") / ".venv"
    venv.create(folder, with_pip=True, symlinks=True)
    return folder


@pytest.fixture
def env(tmp_path: Path, venv_with_pip: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A checkout with a lock of two packages; pip is told of one folder and of no index."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "build.txt").write_text("uv==1.0\n")
    (requirements / "torch.txt").write_text("torch==1.0+cpu\n")
    (requirements / "core.txt").write_text("tiny==1.0\n")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    make_wheel(tmp_path / "wheels", "tiny", "1.0")
    make_wheel(tmp_path / "elsewhere", "torch", "1.0+cpu")
    shutil.copytree(venv_with_pip, tmp_path / ".venv", symlinks=True)
    (tmp_path / ".venv" / "bin" / "uv").symlink_to(UV)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(setup_uv, "TORCH_CPU_INDEX", (tmp_path / "index").as_uri())
    kind = CPU._replace(files=("torch.txt", "core.txt"), disk_gb=0.0)
    return Environment(tmp_path, tmp_path / ".venv", kind)


def add_torch_index(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put torch where PyTorch's index is looked for, and let indexes be asked."""
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    empty = env.root / "empty"
    empty.mkdir()
    monkeypatch.setenv("PIP_INDEX_URL", empty.as_uri())
    page = env.root / "index" / "torch"
    page.mkdir(parents=True)
    name = "torch-1.0+cpu-py3-none-any.whl"
    (page / "index.html").write_text(
        f'<a href="{(env.root / "elsewhere" / name).as_uri()}">{name}</a>'
    )


def test_the_configuration_of_pip_is_read_as_pip_reads_it() -> None:
    settings = read_settings(LISTING)
    assert settings["find-links"] == "/wheels"
    assert settings["index-url"] == "https://mirror/simple"
    options = source_options({**settings, "no-cache-dir": "1"})
    pairs = list(itertools.pairwise(options))
    assert ("--default-index", "https://mirror/simple") in pairs
    assert ("--index", "file:///a") in pairs and ("--index", "https://b/simple") in pairs
    assert ("--allow-insecure-host", "mirror") in pairs
    assert "--no-cache" in options and "--no-index" not in options


def test_certificates_proxy_and_patience_are_handed_on() -> None:
    assert setup_uv.source_variables({"cert": "/c.pem", "proxy": "http://p", "timeout": "180"}) == {
        "SSL_CERT_FILE": "/c.pem",
        "ALL_PROXY": "http://p",
        "UV_HTTP_TIMEOUT": "180",
    }
    assert setup_uv.source_variables({}) == {}


def test_what_would_redirect_an_installation_is_kept_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(setup_uv.clean_environment())


def test_a_folder_that_only_pip_was_told_of_is_where_uv_looks(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Uv(env).offers("core.txt")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert not Uv(env).offers("core.txt")


def test_a_wheel_with_the_pinned_hash_is_taken_and_another_refused(env: Environment) -> None:
    right = make_wheel(env.root / "wheels", "tiny", "1.0")
    file = env.root / "requirements" / "core.txt"
    file.write_text(f"tiny==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    assert Uv(env).install("-r", "requirements/core.txt") != 0
    assert Pin("tiny", "1.0") not in installed(env)
    file.write_text(f"tiny==1.0 \\\n    --hash=sha256:{right}\n")
    assert Uv(env).install("-r", "requirements/core.txt") == 0
    assert Pin("tiny", "1.0") in installed(env)


def test_a_build_of_torch_for_gpus_is_never_taken(env: Environment) -> None:
    for label in ("", "+cu130"):
        make_wheel(env.root / "wheels", "torch", f"1.0{label}")
    assert not Uv(env).offers("torch.txt")
    make_wheel(env.root / "wheels", "torch", "1.0+cpu")
    assert Uv(env).offers("torch.txt")


def test_torch_comes_from_its_own_index_where_pip_has_none(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_torch_index(env, monkeypatch)
    install_locked(env, Uv(env))
    assert {Pin("torch", "1.0+cpu"), Pin("tiny", "1.0"), Pin("suite", "1.0")} <= installed(env)
    assert (env.root / "cache").is_dir()


def test_torch_that_is_nowhere_is_refused_in_one_line(env: Environment) -> None:
    with pytest.raises(SetupError, match=r"torch, which is neither .*PIP_FIND_LINKS") as caught:
        install_locked(env, Uv(env))
    assert "\n" not in str(caught.value)


def test_a_failure_that_touched_nothing_leaves_the_environment_whole(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup_state.begin(env.venv, env.root, "cpu")
    setup_state.finish(env.venv, "before")
    with pytest.raises(SetupError):
        setup_env.install(env)
    assert setup_state.read_stamp(env.venv) == "before"
    assert setup_state.fault(env.venv, env.root) == ""
    # The partner: torch comes and the rest does not, so something has changed.
    add_torch_index(env, monkeypatch)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(SetupError, match="the packages of requirements/"):
        setup_env.install(env)
    assert setup_state.fault(env.venv, env.root) == "was left half made"


def test_what_must_stay_out_is_taken_out(env: Environment) -> None:
    make_wheel(env.root / "wheels", "torchvision", "1.0")
    uv = Uv(env)
    assert uv.install("torchvision==1.0", "tiny==1.0") == 0
    setup_env.remove_unwanted(env, uv)
    setup_env.remove_unwanted(env, uv)
    assert {pin.name for pin in installed(env)} & {"torchvision", "tiny"} == {"tiny"}


def test_without_uv_one_line_says_so(env: Environment) -> None:
    with pytest.raises(SetupError, match=r"pip could not install uv 1\.0.*ERROR: No") as caught:
        ensure_uv(env)
    assert "\n" not in str(caught.value)


def test_the_uv_that_is_locked_is_not_asked_for_again(env: Environment) -> None:
    version = setup_uv._says(env, "--version").split()[1]
    (env.root / "requirements" / "build.txt").write_text(f"uv=={version}\n")
    ensure_uv(env)
