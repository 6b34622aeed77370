"""Archives of strangers: what would unpack without end, or asks for memory first, is refused."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.untrusted import packed
from harness.untrusted.files import Refused
from harness.untrusted.packed import MOST_MEMBERS, members, unpacking


def contents(path: Path) -> dict[str, int]:
    with unpacking(path):
        return {name: len(stream.read(1 << 20)) for name, stream in members(path)}


def tar(path: Path, *entries: tarfile.TarInfo) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))


def named(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry


def test_files_are_given_and_folders_left_out(tmp_path: Path) -> None:
    tar(tmp_path / "a.tar.gz", named("a", kind=tarfile.DIRTYPE), named("a/b", 5))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("a")
        archive.writestr("a/b", "xxxxx")
    assert contents(tmp_path / "a.tar.gz") == contents(tmp_path / "a.zip") == {"a/b": 5}


def _long_header(path: Path) -> None:
    header = bytearray(named("x", kind=tarfile.XHDTYPE).tobuf())
    header[124:136] = b"77777777777\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))


def _back(path: Path) -> None:
    """A size below zero: the next header stands before this one."""
    entry = named("x")
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (b"\xff" * 11) + b"\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))


def _many(path: Path) -> None:
    tar(path, *(named(f"d{n}", kind=tarfile.DIRTYPE) for n in range(MOST_MEMBERS + 1)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_long_header, "states a part of"),
        (_back, "states a size below zero of 'x'"),
        (_many, "more than 100 files and folders"),
        (lambda path: tar(path, named("x", kind=tarfile.SYMTYPE)), "holds a link, a device"),
        (lambda path: tar(path, named("x", kind=tarfile.FIFOTYPE)), "holds a link, a device"),
        (lambda path: path.write_bytes(b"\x1f\x8b"), "cannot be unpacked"),
        (lambda path: path.write_bytes(gzip.compress(b"x" * 5000)), "cannot be unpacked"),
    ],
)
def test_a_tar_that_is_no_plain_archive_is_refused(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "a.tar.gz"
    make(path)
    with pytest.raises(Refused, match=said):
        contents(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_is_packed_in_the_usual_way(tmp_path: Path, packing: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", packing) as archive:
        archive.writestr("a", "x")
    with pytest.raises(Refused, match="packs 'a' in another way than deflate"):
        contents(tmp_path / "a.zip")


def test_a_list_of_very_many_names_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(50):
            archive.writestr(f"{number:050000}", "")
    with pytest.raises(Refused, match="states a part of"):
        contents(tmp_path / "a.zip")


def test_no_more_is_unpacked_than_a_bundle_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar(tmp_path / "a.tar.gz", named("a", 1 << 20), named("b", 1 << 20))
    assert contents(tmp_path / "a.tar.gz") == {"a": 1 << 20, "b": 1 << 20}
    monkeypatch.setattr(packed, "_MOST_UNPACKED", 3 << 19)
    with pytest.raises(Refused, match="unpacks to more than 1,572,864 bytes"):
        contents(tmp_path / "a.tar.gz")
