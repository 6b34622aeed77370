"""Bytes and texts of files: regular ones, of a size that is read, and within memory."""

from __future__ import annotations

import resource
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20

MOST_DOCUMENT_BYTES = 4 * MIB
"""Of a document that is read whole: the manifest of a hundred runs has 100 KiB."""

MOST_COLUMNS = 4096
"""Of a table: a log has some hundred."""

MOST_TEXT = 255
"""Characters of a name, as of an arm, a metric or a run: longer is no name of a file either."""

_FREE = 256 * MIB
_EXPANSION = 64
"""Memory that a reader may take: some for every file, and this many times its bytes. An honest
table of curves takes 40 times its file."""


class Refused(ValueError):
    """What was read cannot be taken; the message follows the name of the file in a sentence."""


def read_bytes(path: Path, most: int = MOST_DOCUMENT_BYTES) -> bytes:
    """Return the bytes of a regular file.

    Args:
        path: of the file; a pipe or device would block or never end.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read.
        Refused: it is no regular file, or larger.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise Refused("is no regular file")
    with path.open("rb") as file:
        # one more than may be: a file may grow, and some systems state no size
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused(f"has more than {most:,} bytes, which is the most that is read")
    return data


def text_of(data: bytes, encoding: str = "utf-8") -> str:
    """Return bytes as text.

    Args:
        data: the bytes.
        encoding: `utf-8`, or `utf-8-sig` where a byte order mark may stand first.

    Raises:
        Refused: they are not UTF-8.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x} at {error.start}"
        raise Refused(f"is not UTF-8: found {found}; convert it to UTF-8") from error


@contextmanager
def bounded_memory(size: int) -> Iterator[None]:
    """Keep what runs inside from taking much more memory than bytes that it was given.

    It is the last line, behind limits on rows and columns: a packed page may say that it is small.
    Allocations beyond the bound fail, so that the process lives and says what was wrong.

    Args:
        size: bytes of the file.

    Raises:
        Refused: it did take more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = _data_bytes() + _FREE + _EXPANSION * size
    limits = [limit for limit in (soft, bound) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    except MemoryError as error:
        raise Refused("unpacks to more memory than a file of its size may") from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    # the sixth number of statm is data and stack, in pages
    pages = Path("/proc/self/statm").read_bytes().split()[5]
    return int(pages) * resource.getpagesize()


def first_twice(names: Sequence[str]) -> str | None:
    """Return the first name that stands twice, None if there is none."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
