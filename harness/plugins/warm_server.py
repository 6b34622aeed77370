"""The process that has imported torch and vLLM, and forks for each request (see warm.py).

It is started by the driver of an attempt, or forked from a process that imported the same and is
kept between the attempts of a session (harness/launch/nursery.py).
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import importlib
import importlib.abc
import json
import multiprocessing
import os
import random
import runpy
import selectors
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from harness.plugins.warm_shim import EXECUTABLE_VARIABLE, FALLBACK_VARIABLE

PR_SET_PDEATHSIG = 1
"""Linux's number of the request to `prctl`; Python has no name for it."""

MOST_DESCRIPTORS = 250
"""Descriptors that one message can carry; Linux allows 253."""

MODULES = (
    "torch",
    "torch._dynamo",
    "torch.distributed.fsdp",
    "tensordict",
    "pandas",
    "pyarrow",
    "datasets",
    "hydra",
    "omegaconf",
    "pydantic",
    "zmq",
    "aiohttp",
    "fastapi",
    "uvicorn",
    "transformers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.qwen2.modeling_qwen2",
    "peft",
    "accelerate",
    "vllm",
    "vllm.v1.engine.async_llm",
    "vllm.v1.engine.core",
    "vllm.v1.executor.multiproc_executor",
    "vllm.v1.worker.cpu_worker",
    "vllm.v1.attention.backends.cpu_attn",
    "vllm.model_executor.models.qwen2",
    "vllm.entrypoints.openai.api_server",
)
"""What the processes of a cell import and what costs time; verl itself takes half a second."""

WITHOUT_RAY = "vllm.v1.executor.ray_utils"
"""The one module of those above that asks for Ray; it is executed again in each fork."""


DEFAULT_SEED = 67280421310721
"""Of torch's generator in a new interpreter; one of the imports above gives it another."""

_in_temporary: list[tuple[dict[str, object], str, str]] = []
"""Paths below the server's temporary directory that modules keep: namespace, name, rest of it."""


class _NoRay(importlib.abc.MetaPathFinder):
    """Refuses Ray in the server.

    Ray's C++ part reads its environment once, when it is imported, and the raylet tells each worker
    its job and itself in that way. So Ray is imported after the fork (0.2 s), and verl with it.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise for Ray; leave every other module to the usual finders."""
        if fullname == "ray":
            raise ModuleNotFoundError("the warm server imports no Ray", name=fullname)


class Request(NamedTuple):
    """A process that somebody asked for.

    Attributes:
        kind: `ray` or `spawn`.
        argv: arguments of the interpreter, without its own name.
        cwd: working directory.
        env: the whole environment.
        descriptors: number in the new process -> number here.
    """

    kind: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    descriptors: dict[int, int]


class Server:
    """Forks for every request, and stands between each fork and the shim that asked for it.

    Args:
        listener: socket on which shims connect.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._shims: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._pipe = wake_at_ends(self._selector)

    def serve(self) -> Request:
        """Return in each fork with what it is to become; the server itself ends by a signal."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    request = self._fork()
                    if request is not None:
                        return request
                elif key.fd == self._pipe[0]:
                    os.read(key.fd, 512)
                else:
                    self._relay(key.data)
            self._reap()

    def _fork(self) -> Request | None:
        """Accept a request; return it in the new process, and None in the server."""
        connection, _ = self._listener.accept()
        try:
            request = receive(connection)
        except ConnectionError:
            # it ended before it had said what it wants
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            connection.close()
            self._detach()
            return request
        for number in request.descriptors.values():
            os.close(number)
        self._shims[pid] = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)
        return None

    def _detach(self) -> None:
        """Close, in a fork, what belongs to the server, and end with it."""
        sleep_through_ends(self._pipe)
        die_with_parent(signal.SIGKILL)
        # the raylet ends the process group of a worker that is gone, and the server's is not its
        os.setpgrp()
        self._selector.close()
        self._listener.close()
        for connection in self._shims.values():
            connection.close()

    def _relay(self, pid: int) -> None:
        """Pass SIGTERM on; end a process whose shim is gone."""
        connection = self._shims[pid]
        try:
            word = connection.recv(1)
        except OSError:
            word = b""
        if word == b"":
            self._selector.unregister(connection)
        # it may have ended by itself a moment ago
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM if word else signal.SIGKILL)

    def _reap(self) -> None:
        """Report the exit code of every process that ended to its shim."""
        while self._shims:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            connection = self._shims.pop(pid, None)
            if connection is None:
                continue
            with contextlib.suppress(OSError):  # its shim went first
                connection.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
            if connection.fileno() in self._selector.get_map():
                self._selector.unregister(connection)
            connection.close()


def wake_at_ends(selector: selectors.BaseSelector) -> tuple[int, int]:
    """Let the end of a child wake `select`; return the pipe through which it does."""
    pipe = os.pipe()
    os.set_blocking(pipe[1], False)
    signal.set_wakeup_fd(pipe[1])
    # without a handler, Python writes nothing into the pipe
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector.register(pipe[0], selectors.EVENT_READ)
    return pipe


def sleep_through_ends(pipe: tuple[int, int]) -> None:
    """Undo `wake_at_ends` in a fork."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in pipe:
        os.close(number)


def receive(connection: socket.socket) -> Request:
    """Read a request with its descriptors.

    Raises:
        ConnectionError: it ends early.
    """
    size = array.array("i")
    head, rights, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(MOST_DESCRIPTORS * size.itemsize))
    for _level, _kind, data in rights:
        size.frombytes(data)
    length = struct.unpack("!I", head)[0] if len(head) == 4 else 0
    body = b""
    while not body or len(body) < length:
        read = connection.recv(length - len(body))
        if not read:
            for number in size:
                os.close(number)
            raise ConnectionError("a request ended early")
        body += read
    words = json.loads(body)
    here = dict(zip(words.pop("fds"), size, strict=True))
    return Request(words["kind"], words["argv"], words["cwd"], words["env"], here)


def become(request: Request) -> None:
    """Turn this fork into the process that was asked for, and run it to its end."""
    _install_descriptors(request.descriptors)
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    forget_the_server()
    multiprocessing.set_executable(os.environ[EXECUTABLE_VARIABLE])
    if request.kind == "ray":
        _run_ray_worker(request.argv)
    else:
        _run_spawned(request.argv)


def forget_the_server() -> None:
    """Undo, in a fork, what a new interpreter would not have and all forks would share."""
    # found by the server's environment, at the first call
    tempfile.tempdir = None
    # every fork would draw the same numbers
    random.seed()
    sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(DEFAULT_SEED)
    for namespace, name, rest in _in_temporary:
        namespace[name] = tempfile.gettempdir() + rest
    # and would open the connections of every other
    multiprocessing.current_process().authkey = os.urandom(32)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _NoRay)]
    importlib.reload(sys.modules[WITHOUT_RAY])


def _install_descriptors(descriptors: dict[int, int]) -> None:
    """Give the received descriptors the numbers that they had in the shim."""
    # first beyond all of both, or one could land on a number that another still has
    beyond = 1 + max([*descriptors, *descriptors.values()])
    copies = {}
    for offset, (wanted, number) in enumerate(descriptors.items()):
        copies[wanted] = beyond + offset
        os.dup2(number, beyond + offset, inheritable=False)
        os.close(number)
    for wanted, number in copies.items():
        os.dup2(number, wanted)
        os.close(number)


def _run_ray_worker(argv: Sequence[str]) -> None:
    """Do what Ray's setup_worker.py does, without a new interpreter at its end."""
    from ray._private.runtime_env.context import RuntimeEnvContext
    from ray._private.utils import update_envs
    from ray._private.workers import setup_worker

    known, rest = setup_worker.parser.parse_known_args(list(argv))
    context = RuntimeEnvContext.deserialize(known.serialized_runtime_env_context or "{}")
    # a runtime environment that wants another interpreter gets one
    if context.command_prefix or context.override_worker_entrypoint:
        os.execv(sys.executable, [sys.executable, os.environ[FALLBACK_VARIABLE], *argv])
    update_envs(context.env_vars)
    sys.argv = rest
    # where an interpreter that starts with a file searches first
    sys.path[0] = os.path.dirname(rest[0])
    runpy.run_path(rest[0], run_name="__main__")


def _run_spawned(argv: Sequence[str]) -> None:
    """Do what `python [options] -c <code> <arguments>` does."""
    place = list(argv).index("-c")
    sys.argv = ["-c", *argv[place + 2 :]]
    sys.path[0] = ""
    main = sys.modules["__main__"]
    # multiprocessing would import the file of the server as that of the program
    main.__dict__.pop("__file__", None)
    exec(compile(argv[place + 1], "<string>", "exec"), main.__dict__)


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal when the parent process ends (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def import_everything() -> None:
    """Import what the processes of a cell need, without Ray, and make this process ready to fork.

    Nothing is computed and no thread of Python is started.
    """
    sys.meta_path.insert(0, _NoRay())
    for name in MODULES:
        importlib.import_module(name)
    _note_temporary_paths()
    # finds the place of the title while the environment still lies where the kernel put it
    importlib.import_module("setproctitle").getproctitle()
    gc.collect()
    # a collection in a fork would write into the pages of all that was imported, and copy them
    gc.freeze()


def _note_temporary_paths() -> None:
    folder = tempfile.gettempdir()
    for module in list(sys.modules.values()):
        namespace = getattr(module, "__dict__", {})
        _in_temporary.extend(
            (namespace, name, value.removeprefix(folder))
            for name, value in list(namespace.items())
            if isinstance(value, str) and (value == folder or value.startswith(f"{folder}/"))
        )


def main(argv: Sequence[str]) -> None:
    """Import everything, then serve; in a fork, become what was asked for."""
    descriptor, driver = (int(word) for word in argv)
    die_with_parent(signal.SIGTERM)
    # it ended before the line above: no signal would come any more
    if os.getppid() != driver:
        return
    listener = socket.socket(fileno=descriptor)
    import_everything()
    become(Server(listener).serve())


if __name__ == "__main__":
    main(sys.argv[1:])
