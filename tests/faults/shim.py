"""Faults of a disk: at the k-th write, sync or rename a command fails, tears, or is killed.

A command runs in this process up to its first change of the sandbox. From there each fault is a
forked child that goes on and meets it, so that what was computed before is computed once, and a
kill is a real one: no `finally` runs. `crash` is a kill after which what was never synced is torn,
as after a loss of power.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

import pandas as pd
import pyarrow.parquet as pq

Mode = Literal["fail", "tear", "kill", "crash"]
MODES: tuple[Mode, ...] = ("fail", "tear", "kill", "crash")
KILLED = 137
LIMIT_S = 120.0
HIDDEN = ".half-"
TEMPORARY = "tmp"
"""Folder of the sandbox for temporary files, which a child would else remove from under another."""
MARK = "UNFINISHED-"


class Fault(NamedTuple):
    """At which operation, counted from 1, and how; `part` is what of a torn write is written."""

    number: int
    mode: Mode
    part: float = 0.5


class Begun(BaseException):
    """The command is about to change something for the first time, and its faults are done."""


@dataclass
class Shim:
    """Counts the operations below `root` and carries out a fault.

    Attributes:
        root: only what happens below it counts.
        at_first: called before the first operation.
        fault: None counts only.
        count: operations up to now.
        dirty: inodes of files whose content may not be on the disk.
    """

    root: Path
    at_first: Callable[[], None]
    fault: Fault | None = None
    count: int = 0
    dirty: set[int] = field(default_factory=set)
    is_begun: bool = False

    def step(self, path: object, tear: Callable[[float], None] = lambda part: None) -> None:
        """Count an operation on a path, and carry out the fault if it is its turn."""
        if not self.holds(path):
            return
        if not self.is_begun:
            self.is_begun = True
            self.at_first()
        self.count += 1
        if self.fault is None or self.count != self.fault.number:
            return
        if self.fault.mode != "fail":
            tear(self.fault.part)
        if self.fault.mode in ("kill", "crash"):
            self.end()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def holds(self, path: object) -> bool:
        """Tell whether a path is below the root."""
        return str(path).startswith(f"{self.root}/")

    def end(self) -> None:
        """End this process as a kill does; after a crash, what was not synced is torn."""
        assert self.fault is not None
        if self.fault.mode == "crash":
            for folder, _, names in os.walk(self.root):
                for name in names:
                    status = os.lstat(os.path.join(folder, name))
                    if status.st_ino in self.dirty:
                        os.truncate(os.path.join(folder, name), status.st_size // 2)
        os._exit(KILLED)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put the shim between the process and its file system."""
        tables = self._table(pd.DataFrame.to_parquet)
        with (
            mock.patch.multiple(os, **self._calls()),
            mock.patch.multiple(io, open=self._open()),
            mock.patch.multiple(builtins, open=self._open(builtins.open)),
            mock.patch.multiple(pq, write_table=self._table(pq.write_table)),
            mock.patch.multiple(pd.DataFrame, to_parquet=tables),
        ):
            yield

    def _calls(self) -> dict[str, Any]:
        def between(call: Callable[..., Any], which: int) -> Callable[..., Any]:
            def counted(*args: Any, **kwargs: Any) -> Any:
                self.step(args[which])
                return call(*args, **kwargs)

            return counted

        def synced(handle: int, call: Callable[[int], None] = os.fsync) -> None:
            self.step(os.readlink(f"/proc/self/fd/{handle}"))
            call(handle)
            self.dirty.discard(os.fstat(handle).st_ino)

        names = {"replace": 1, "rename": 1, "link": 1, "mkdir": 0}
        return {n: between(getattr(os, n), at) for n, at in names.items()} | {"fsync": synced}

    def _open(self, real: Callable[..., Any] = io.open) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not (self.holds(file) and set(mode) & set("wax+")):
                return real(file, mode, *args, **kwargs)
            # to open a file may empty it
            self.step(file)
            return _Written(real(file, mode, *args, **kwargs), self)

        return opened

    def _table(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Count a table that Arrow writes at once, without Python's files."""

        def written(table: Any, where: Any, *args: Any, **kwargs: Any) -> None:
            def tear(part: float) -> None:
                real(table, where, *args, **kwargs)
                os.truncate(where, int(os.stat(where).st_size * part))

            # pandas hands an open file on, which was counted when it was asked
            if isinstance(where, str | Path):
                self.step(where, tear)
            real(table, where, *args, **kwargs)
            if isinstance(where, str | Path):
                self.dirty.add(os.stat(where).st_ino)

        return written


class _Written:
    """A file whose writes are counted."""

    def __init__(self, file: Any, shim: Shim) -> None:
        self._file, self._shim = file, shim
        shim.dirty.add(os.fstat(file.fileno()).st_ino)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def write(self, data: Any) -> int:
        def tear(part: float) -> None:
            self._file.write(data[: int(len(data) * part)])
            self._file.flush()

        self._shim.step(self._file.name, tear)
        return int(self._file.write(data))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)


Files = Mapping[str, bytes]


def files_below(root: Path) -> dict[str, bytes]:
    """Return the content of every file that has its name: not what is half written."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        is_other = HIDDEN in name or name.startswith(f"{TEMPORARY}/") or path.name == ".lock"
        if path.is_file() and not is_other:
            found[name] = path.read_bytes()
    return found


def restore(root: Path, old: Files) -> None:
    """Bring a sandbox back to its beginning."""
    shutil.rmtree(root)
    (root / TEMPORARY).mkdir(parents=True)
    for name, content in old.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def wrong_files(now: Files, old: Files, new: Files, varies: Callable[[str], bool]) -> list[str]:
    """Return a sentence for each file that is neither old nor new, and for a hidden mixture.

    Args:
        now, old, new: files after the fault, before the command, and after an undisturbed one.
        varies: tells of a file whose content is another each time, as a time of day: it must be
            there whole, which its last byte says.
    """
    found = [f"{name} is gone" for name in old if name not in now and name in new]
    for name, content in now.items():
        if name.rpartition("/")[2].startswith(MARK) or content in (old.get(name), new.get(name)):
            continue
        is_whole = varies(name) and name in new and content[-1:] == new[name][-1:]
        if not is_whole:
            found.append(f"{name} is neither old nor new ({len(content)} bytes)")
    changed = {name for name in new if old.get(name) != new[name] and not varies(name)}
    # what was not there is no mixture: a reader misses it
    fresh = {name for name in changed & set(old) if now.get(name) == new[name]}
    is_marked = any(name.rpartition("/")[2].startswith(MARK) for name in now)
    for folder in {name.rpartition("/")[0] for name in changed & set(old)}:
        group = {name for name in changed & set(old) if name.rpartition("/")[0] == folder}
        if fresh & group and group - fresh and not is_marked:
            found.append(f"{folder or 'the sandbox'} is partly old and partly new, and unmarked")
    return found


@dataclass
class Outcome:
    """What came of the faults of a command.

    Attributes:
        operations: that an undisturbed run makes.
        faults: that were tried.
        problems: a sentence for each that harmed a file, or ended otherwise than by one sentence.
    """

    operations: int = 0
    faults: int = 0
    problems: list[str] = field(default_factory=list)


def try_faults(
    command: Callable[[], int],
    root: Path,
    choose: Callable[[int], list[Fault]],
    varies: Callable[[str], bool] = lambda name: False,
) -> Outcome:
    """Run a command undisturbed, then once for each fault, always from the same beginning.

    Args:
        command: returns its exit code.
        root: the sandbox, as it is before the command.
        choose: faults, given the number of operations.
        varies: as in `wrong_files`.
    """
    outcome, old = Outcome(), files_below(root)

    def all_faults() -> None:
        made = _child(shim, None)
        if made is None:
            return
        number, code, said = made
        if code != 0:
            outcome.problems.append(f"undisturbed it ends with {code}: {said}")
            return
        outcome.operations, new = number, files_below(root)
        for fault in choose(number):
            restore(root, old)
            made = _child(shim, fault)
            if made is None:
                return
            _, code, said = made
            outcome.faults += 1
            problems = wrong_files(files_below(root), old, new, varies)
            is_killed = fault.mode in ("kill", "crash")
            if (code != KILLED) if is_killed else (code not in (0, 2) or "Traceback" in said):
                problems.append(f"ended with {code}: {said[-300:]}")
            outcome.problems += [f"{fault}: {problem}" for problem in problems]
        restore(root, old)

    shim = Shim(root, at_first=lambda: None)
    parent = os.getpid()

    def begin() -> None:
        all_faults()
        # a child returns, to where the command stood
        if os.getpid() == parent:
            raise Begun

    shim.at_first = begin
    (root / TEMPORARY).mkdir()
    try:
        with shim.installed(), mock.patch.object(tempfile, "tempdir", str(root / TEMPORARY)):
            code = command()
    except Begun:
        return outcome
    except BaseException as error:
        if os.getpid() == parent:
            raise
        print(f"Traceback: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        code = 1
    if os.getpid() == parent:
        outcome.problems.append("it changed nothing")
        return outcome
    _leave(shim, code)
    raise AssertionError


def _child(shim: Shim, fault: Fault | None) -> tuple[int, int, str] | None:
    """Fork a child that meets a fault.

    Returns:
        Its operations, exit code and what it said; None in the child itself.
    """
    said = Path(f"{shim.root}.said")
    pid = os.fork()
    if pid == 0:
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        shim.fault, shim.count, shim.dirty = fault, 0, set()
        return None
    deadline = time.monotonic() + LIMIT_S
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    count = Path(f"{shim.root}.count")
    number = int(count.read_text()) if fault is None and count.exists() else 0
    return number, os.waitstatus_to_exitcode(status), said.read_text(errors="replace")


def _leave(shim: Shim, code: int) -> None:
    Path(f"{shim.root}.count").write_text(str(shim.count))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
