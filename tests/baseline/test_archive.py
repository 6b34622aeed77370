"""A bundle as one file: the same bytes every time, and nothing taken on trust on the way back."""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.archive import FILES, export_bundle, import_archive
from harness.paths import ROOT
from harness.schema import DamagedError, ExitCode, UsageError

NAME = "micro/kl_penalty@v1"
STORED = ROOT / "baselines" / "runs" / "micro" / "kl_penalty" / "v1"


@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
def test_what_goes_out_comes_back_with_every_byte(tmp_path: Path, ending: str) -> None:
    first = export_bundle(STORED, tmp_path / f"a.{ending}")
    second = export_bundle(STORED, tmp_path / f"b.{ending}")
    assert first.read_bytes() == second.read_bytes()
    back = import_archive(first, tmp_path / "baselines")
    assert back == tmp_path / "baselines" / "micro" / "kl_penalty" / "v1"
    for name in FILES:
        assert (back / name).read_bytes() == (STORED / name).read_bytes()
    with pytest.raises(UsageError, match="it already, with the same bytes"):
        import_archive(first, tmp_path / "baselines")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "a.zip"
    out.write_text("mine")
    with pytest.raises(UsageError, match="already with other content"):
        export_bundle(STORED, out)
    assert out.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    with pytest.raises(UsageError, match="no name of an archive"):
        export_bundle(STORED, tmp_path / "a.rar")


Pack = Callable[[tarfile.TarFile], None]
FOLDER = "micro/kl_penalty/v1"


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _whole(archive: tarfile.TarFile, folder: str = FOLDER) -> None:
    for name in FILES:
        _add(archive, f"{folder}/{name}", (STORED / name).read_bytes())


def _outside(archive: tarfile.TarFile) -> None:
    _add(archive, f"../{FILES[0]}", b"x")


def _link(archive: tarfile.TarFile) -> None:
    entry = tarfile.TarInfo(f"{FOLDER}/{FILES[0]}")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.addfile(entry)


def _extra(archive: tarfile.TarFile) -> None:
    _whole(archive)
    _add(archive, f"{FOLDER}/setup.py", b"x")


def _twice(archive: tarfile.TarFile) -> None:
    _whole(archive)
    _whole(archive)


def _part(archive: tarfile.TarFile) -> None:
    _add(archive, f"{FOLDER}/{FILES[0]}", (STORED / FILES[0]).read_bytes())


def _renamed(archive: tarfile.TarFile) -> None:
    _whole(archive, "micro/other/v1")


def _changed(archive: tarfile.TarFile) -> None:
    for name in FILES:
        data = bytearray((STORED / name).read_bytes())
        data[len(data) // 2] ^= 1 if name.endswith("parquet") else 0
        _add(archive, f"{FOLDER}/{name}", bytes(data))


@pytest.mark.parametrize(
    ("pack", "said"),
    [
        (_outside, "leads out of it"),
        (_link, "holds a link"),
        (_extra, "no part of a bundle"),
        (_twice, "or twice"),
        (_part, "a bundle is"),
        (_renamed, "does not say micro/kl_penalty@v1"),
        (_changed, "sha256"),
    ],
)
def test_an_archive_that_is_no_bundle_is_refused_whole(
    tmp_path: Path, pack: Pack, said: str
) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        pack(archive)
    with pytest.raises(DamagedError, match=said):
        import_archive(path, tmp_path / "baselines")
    assert not (tmp_path / "baselines").exists()


@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path, ending: str) -> None:
    whole = export_bundle(STORED, tmp_path / f"a.{ending}").read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedError, match="cannot be unpacked"):
        import_archive(cut, tmp_path / "baselines")


def test_a_zip_with_a_path_outside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("/tmp/manifest.json", b"{}")
    with pytest.raises(DamagedError, match="leads out of it"):
        import_archive(path, tmp_path / "baselines")


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored, place = tmp_path / "one", tmp_path / "two"
    shutil.copytree(STORED, stored / "micro" / "kl_penalty" / "v1")
    out = tmp_path / "a.tar.gz"
    words = [f"name={NAME}", f"out={out}", f"baselines_dir={stored}"]
    assert baseline.main(["export", *words]) == ExitCode.OK
    words = [f"from={out}", f"baselines_dir={place}"]
    assert baseline.main(["import", *words, "name=micro/x"]) == ExitCode.USAGE
    assert "does nothing beside an archive" in capsys.readouterr().err
    assert baseline.main(["import", *words]) == ExitCode.OK
    assert baseline.main(["list", f"baselines_dir={place}"]) == ExitCode.OK
    assert NAME in capsys.readouterr().out
    assert baseline.main(["show", f"name={NAME}", f"baselines_dir={place}"]) == ExitCode.OK
    assert "kl=none" in capsys.readouterr().out
