"""Files that take their names whole: written under another name, synced, renamed.

Whoever reads a name sees the old content or the new one, never a part, also after a crash. Only
regular files are replaced. What is half written lies in a hidden folder `.half-...` beside its
place; one that a killed process left can be removed.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.schema import DamagedError, UsageError

HALF = ".half-"


def check_target(path: Path) -> bool:
    """Tell whether a path is there already, as a regular file.

    Raises:
        UsageError: what is there is a directory, link, device, pipe or socket, or its directory
            cannot be looked into.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another place") from error
    if stat.S_ISREG(mode):
        return True
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe"}
    kind = kinds.get(stat.S_IFMT(mode), "a device or socket")
    raise UsageError(f"{path} is {kind}: only regular files are replaced; choose another place")


@contextmanager
def whole_file(path: Path, *, replaces: bool = True) -> Iterator[Path]:
    """Give a path to be written in place of another, which it replaces when that is done.

    Args:
        path: of the file.
        replaces: whether it may be there already.

    Raises:
        UsageError: the directory cannot be written, the disk is full, or `path` is no regular file
            or not to be replaced; the old content stays.
    """
    check_target(path)
    with _half_folder(path.parent, path) as half:
        yield half / path.name
        _sync(half / path.name)
        # unlike a replacement, a link fails where another process made the same name
        (os.replace if replaces else os.link)(half / path.name, path)
        # a name is an entry of its directory, which has to reach the disk as well
        _sync(path.parent)


@contextmanager
def written_together(
    folder: Path, what: str, *, replaces: bool = True, outdates: str = ""
) -> Iterator[Path]:
    """Give an empty folder for files that belong together; all take their names at the end.

    No system call renames several files at once: while it happens, and if it is cut off in between,
    `UNFINISHED-<what>.txt` beside them says so, and `check_together` refuses them.

    Args:
        folder: their place, made if it is not there; they may lie in folders below it.
        what: one word for them all.
        replaces: whether files that are there are replaced.
        outdates: the word of other files there that are made of these and will be written next;
            they are refused until they are.

    Raises:
        UsageError: they cannot be written, or a place is taken; the files that are there stay.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    with _half_folder(folder, folder) as half:
        yield half
        names = sorted(path.relative_to(half) for path in half.rglob("*") if path.is_file())
        for name in names:
            _check_place(folder, name, replaces=replaces)
            _sync(half / name)
        for word in filter(None, (what, outdates)):
            _mark(folder, word)
        for name in names:
            os.replace(half / name, folder / name)
        for place in {(folder / name).parent for name in names}:
            _sync(place)
        _mark_path(folder, what).unlink()


def check_together(folder: Path, *whats: str) -> None:
    """Refuse files of which some are old and some new.

    Raises:
        DamagedError: naming the first of `whats` whose writing was cut off.
    """
    for what in whats:
        if _mark_path(folder, what).exists():
            raise DamagedError(
                f"the {what} in {folder} is partly old and partly new, since its writing was cut"
                " off: run the command again that writes it"
            )


def take_name(half: Path, final: Path) -> None:
    """Give a folder whose files are complete its name, which no other may have.

    Raises:
        OSError: the name is taken, or the disk refuses it; nothing was changed.
    """
    # mkdtemp makes it for this user alone
    half.chmod(0o755)
    for path in (*half.rglob("*"), half):
        _sync(path)
    # a directory that holds files is never replaced: the system refuses
    os.rename(half, final)
    _sync(final.parent)


def _mark_path(folder: Path, what: str) -> Path:
    return folder / f"UNFINISHED-{what}.txt"


def _mark(folder: Path, what: str) -> None:
    path = _mark_path(folder, what)
    check_target(path)
    path.write_text("Files here are partly old and partly new: run their command again.\n")
    _sync(path)
    _sync(folder)


@contextmanager
def _half_folder(parent: Path, told: Path) -> Iterator[Path]:
    half = None
    try:
        # a folder, not a name with an ending: what writes a picture looks at the ending
        half = Path(tempfile.mkdtemp(prefix=HALF, dir=parent))
        yield half
    except OSError as error:
        raise _unwritable(told, error) from error
    finally:
        if half is not None:
            shutil.rmtree(half, ignore_errors=True)


def _check_place(folder: Path, name: Path, *, replaces: bool) -> None:
    """Make the folders of a file below `folder`, and check that it may take its name."""
    inner = folder
    for part in name.parts[:-1]:
        inner = inner / part
        if inner.is_symlink():
            raise UsageError(f"{inner} is a link, which may lead out of {folder}: remove it")
        inner.mkdir(exist_ok=True)
    if check_target(folder / name) and not replaces:
        raise UsageError(f"{folder / name} is there already: give --force to replace it")


def _sync(path: Path) -> None:
    # else the name could reach the disk before the content, and a crash leave an empty file
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write {path}: {error.strerror}; free space, or choose a writable directory"
    )
