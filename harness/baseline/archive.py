"""A bundle as one file, the same bytes every time, and back again with nothing taken on trust."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from harness.baseline.checks import verify_bundle
from harness.baseline.writing import check_study, place_version
from harness.schema import DamagedError, UsageError
from harness.store.bundle import CURVES, MANIFEST, MOST_MANIFEST_BYTES, SCORES, Bundle

FILES = (CURVES, MANIFEST, SCORES)
ENDINGS = (".tar.gz", ".tgz", ".zip")
MOST_BYTES = 1 << 30
"""Largest bundle that is unpacked, 1 GiB: larger is no bundle."""

# the earliest that zip can say
_DATE = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
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
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        # unlike a replacement, a link fails where another process made the same name
        os.link(temporary, out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
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
    seen: set[str] = set()
    folders: set[str] = set()
    try:
        for name, stream in _members(path):
            inner = PurePosixPath(name)
            if name.startswith("/") or ".." in inner.parts or "\\" in name:
                raise _refused(path, f"the path {name!r} leads out of it")
            if inner.name not in FILES or inner.name in seen:
                raise _refused(path, f"it holds {name!r}, which is no part of a bundle or twice")
            seen.add(inner.name)
            folders.add(str(inner.parent))
            with (into / inner.name).open("xb") as file:
                most = MOST_MANIFEST_BYTES if inner.name == MANIFEST else MOST_BYTES
                _copy(stream, file, path, most)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DamagedError(f"{path} cannot be unpacked ({error}): copy it again") from error
    except (NotImplementedError, RuntimeError) as error:
        raise DamagedError(f"{path} is packed in an unknown way ({error})") from error
    if seen != set(FILES) or len(folders) != 1:
        raise _refused(path, f"a bundle is {', '.join(FILES)} in one folder")
    try:
        bundle = verify_bundle(into, is_judged=is_judged)
    except DamagedError as error:
        # the user knows the archive, not where it was unpacked
        raise DamagedError(str(error).replace(str(into), str(path))) from error
    if bundle.name.replace("@", "/") != next(iter(folders)):
        raise _refused(path, f"its folder does not say {bundle.name}")
    return bundle


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield (path, content) of each file; folders are left out, links and devices refused."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    with archive.open(entry) as stream:
                        yield entry.filename, stream
        return
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isreg() or member.size > MOST_BYTES:
                raise _refused(path, f"{member.name!r} is a link, a device or too large")
            content = archive.extractfile(member)
            if content is not None:
                yield member.name, content


def _copy(source: IO[bytes], target: IO[bytes], path: Path, most: int) -> None:
    """Copy no more than a file of a bundle may hold, whatever the archive says about sizes."""
    left = most
    while chunk := source.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise _refused(path, f"a file in it has more than {most} bytes")
        target.write(chunk)


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
