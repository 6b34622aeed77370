"""A bundle as one file, the same bytes every time, and back again with nothing taken on trust."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from harness.baseline.checks import verify_bundle
from harness.baseline.writing import check_study, place_version
from harness.schema import DamagedError, HarnessError, UsageError
from harness.store.bundle import CURVES, MANIFEST, SCORES, Bundle
from harness.untrusted.files import MIB, MOST_DOCUMENT_BYTES, Refused
from harness.untrusted.packed import members, unpacking
from harness.writing import whole_file

FILES = (CURVES, MANIFEST, SCORES)
ENDINGS = (".tar.gz", ".tgz", ".zip")
_MOST_TABLE = 256 * MIB
"""Largest table that is unpacked: one of eight million rows has a quarter of it."""

# the earliest that zip can say
_DATE = (1980, 1, 1, 0, 0, 0)
_SHOWN = 100
_NAME = re.compile(r"(?P<study>[^/@]+/[^/@]+)@(?P<version>v[1-9]\d*)")


def is_archive(path: Path) -> bool:
    """Tell whether a file is an archive, by its ending."""
    return path.name.endswith(ENDINGS) and path.is_file()


def export_bundle(directory: Path, out: Path) -> Path:
    """Write a bundle as a .tar.gz or .zip; the same bundle gives the same bytes.

    Raises:
        UsageError: `out` has another ending, exists with other content, or cannot be written.
        DamagedError: the bundle is damaged.
    """
    name = verify_bundle(directory).name
    folder = name.replace("@", "/")
    files = [(f"{folder}/{file}", (directory / file).read_bytes()) for file in FILES]
    if out.name.endswith(".zip"):
        data = _zip(files)
    elif out.name.endswith(ENDINGS):
        data = _tar(files)
    else:
        raise UsageError(f"{out} is no name of an archive: expected one of {', '.join(ENDINGS)}")
    if out.exists():
        if out.is_file() and out.read_bytes() == data:
            return out
        raise UsageError(f"{out} is there already with other content: nothing is overwritten")
    with whole_file(out, replaces=False) as half:
        half.write_bytes(data)
    return out


def import_archive(path: Path, baselines: Path) -> Path:
    """Unpack an archive to where its manifest says that it belongs, after every check.

    Raises:
        UsageError: the name is taken, by the same bundle or another; nothing is overwritten.
        DamagedError: the archive is damaged or holds anything else than a bundle.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-") as held:
        unpacked = Path(held)
        bundle = read_archive(path, unpacked)
        found = _NAME.fullmatch(bundle.name)
        if found is None:
            raise DamagedError(f"{path} holds a bundle named {bundle.name!r}: not a baseline's")
        check_study(found["study"])
        final = baselines / found["study"] / found["version"]
        if final.exists():
            same = all((final / f).read_bytes() == (unpacked / f).read_bytes() for f in FILES)
            what = "it already, with the same bytes" if same else "another bundle of that name"
            raise UsageError(
                f"{final} holds {what}: nothing was changed. Give baselines_dir=<directory> to keep"
                " both"
            )

        def fill(half: Path) -> None:
            for file in FILES:
                shutil.copyfile(unpacked / file, half / file)

        return place_version(final, fill)


def read_archive(path: Path, into: Path, *, is_judged: bool = False) -> Bundle:
    """Unpack an archive into an empty directory and verify it, as `verify_bundle` does.

    Raises:
        DamagedError: it cannot be unpacked, holds other files or links, is too large, or the bundle
            in it is damaged.
    """
    folders: set[str] = set()
    try:
        with unpacking(path):
            for name, stream in members(path):
                folders.add(_take(name, stream, into))
    except Refused as error:
        raise DamagedError(
            f"{path} is not the archive of a bundle: it {error}; nothing was unpacked"
        ) from error
    if {file.name for file in into.iterdir()} != set(FILES) or len(folders) != 1:
        raise _refused(path, f"a bundle is {', '.join(FILES)} in one folder")
    try:
        bundle = verify_bundle(into, is_judged=is_judged)
    except HarnessError as error:
        # the user knows the archive, not where it was unpacked
        raise type(error)(str(error).replace(str(into), str(path))) from error
    if bundle.name.replace("@", "/") != next(iter(folders)):
        raise _refused(path, f"its folder does not say {bundle.name}")
    return bundle


def _take(name: str, stream: IO[bytes], into: Path) -> str:
    """Unpack one file of a bundle and return the folder that it stood in."""
    inner = PurePosixPath(name)
    if name.startswith("/") or ".." in inner.parts or "\\" in name:
        raise Refused(f"holds a path that leads out of it, {name[:_SHOWN]!a}")
    if inner.name not in FILES or (into / inner.name).exists():
        raise Refused(f"holds {name[:_SHOWN]!a}, which is no part of a bundle or twice")
    most = MOST_DOCUMENT_BYTES if inner.name == MANIFEST else _MOST_TABLE
    with (into / inner.name).open("xb") as file:
        # whatever the archive says about sizes
        while chunk := stream.read(MIB):
            if file.tell() + len(chunk) > most:
                raise Refused(f"holds a file of more than {most:,} bytes")
            file.write(chunk)
    return str(inner.parent)


def _tar(files: list[tuple[str, bytes]]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            # no time, owner or group: those of a machine would change the bytes
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), compresslevel=9, mtime=0)


def _zip(files: list[tuple[str, bytes]]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _DATE)
            # 3 is Unix, whatever system packs it
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return raw.getvalue()


def _refused(path: Path, reason: str) -> DamagedError:
    return DamagedError(f"{path} is not the archive of a bundle: {reason}; nothing was unpacked")
