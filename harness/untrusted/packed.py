"""Archives of strangers: plain files of a .zip or .tar.gz, none read further than it may be."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from harness.untrusted.files import MIB, Refused

MOST_MEMBERS = 100
"""Entries of an archive, folders among them."""

_MOST_UNPACKED = 600 * MIB
_AT_ONCE = 2 * MIB
"""Bytes that a library may ask for: more is a list of names, or a name, that no bundle has."""

_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, OSError, ValueError, LookupError, ArithmeticError),
    *(NotImplementedError, RuntimeError, MemoryError),
)
"""What the libraries raise of damaged archives, and of ones that are locked or packed oddly."""


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Turn what the libraries raise inside into `Refused`, the file being the archive `path`."""
    try:
        yield
    except Refused:
        raise
    except _BROKEN as error:
        why = " ".join(str(error).split()).replace(str(path), "it")[:100] or type(error).__name__
        raise Refused(f"cannot be unpacked ({ascii(why)[1:-1]}), copy it again") from error


def members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield (name, content) of each file; folders are left out. To be read inside `unpacking`.

    Raises:
        Refused: it holds a link or device, or more entries or bytes than are read.
    """
    yield from _zip(path) if path.name.endswith(".zip") else _tar(path)


def _zip(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with path.open("rb") as file, zipfile.ZipFile(cast(IO[bytes], _Metered(file))) as archive:
        _check_count(len(archive.infolist()))
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            # the others may ask for a dictionary of gigabytes
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused(f"packs {entry.filename[:100]!a} in another way than deflate")
            with archive.open(entry) as stream:
                yield entry.filename, stream


def _tar(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with gzip.open(path) as packed:
        raw = cast(IO[bytes], _Metered(cast(IO[bytes], packed)))
        yield from _tar_files(raw)


def _tar_files(raw: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=raw, mode="r:") as archive:
        for count, member in enumerate(archive, start=1):
            _check_count(count)
            if member.isdir():
                continue
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise Refused(f"holds a link, a device or a part, {member.name[:100]!a}")
            if member.size < 0:
                raise Refused(f"states a size below zero of {member.name[:100]!a}")
            content = archive.extractfile(member)
            if content is not None:
                yield member.name, content


def _check_count(count: int) -> None:
    if count > MOST_MEMBERS:
        raise Refused(f"holds more than {MOST_MEMBERS} files and folders")


class _Metered(io.RawIOBase):
    """A file that gives no more than `_AT_ONCE` at a time and `_MOST_UNPACKED` in all.

    A header may say that the next one is gigabytes long, or stands before it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MOST_UNPACKED

    def read(self, size: int = -1) -> bytes:
        if size > _AT_ONCE:
            raise Refused(f"states a part of {size:,} bytes, which no bundle has")
        data = self._file.read(_AT_ONCE + 1 if size < 0 else size)
        if len(data) > _AT_ONCE:
            raise Refused("has a part that no bundle has")
        self._spend(len(data))
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        before = self._file.tell()
        after = self._file.seek(place, whence)
        # what is skipped is unpacked as well, and going back begins again
        self._spend(max(after - before, 0))
        return after

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Refused(f"unpacks to more than {_MOST_UNPACKED:,} bytes")
