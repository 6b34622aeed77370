"""Stands where a Python interpreter would start: asks the warm server for a ready one.

Run as `python -S -E warm_shim.py <kind> <arguments of the interpreter...>` with kind `ray` (in the
place of Ray's setup_worker.py) or `spawn` (in the place of the interpreter that multiprocessing
starts). The process lives as long as the one it asked for: it passes SIGTERM on, ends with the same
exit code, and its own death ends the other. Only the standard library is imported, so that it
starts within some 20 ms. If nobody answers, it becomes the interpreter that was asked for.
"""

import array
import json
import os
import signal
import socket
import struct
import sys

SOCKET_VARIABLE = "HARNESS_WARM_SOCKET"
FALLBACK_VARIABLE = "HARNESS_WARM_SETUP_WORKER"
"""Path of Ray's own setup_worker.py, for the case that the warm server is gone."""
EXECUTABLE_VARIABLE = "HARNESS_WARM_EXECUTABLE"
"""Path of the file that stands for an interpreter towards multiprocessing."""


def request_of(kind: str, arguments: list[str]) -> dict[str, object]:
    """Return what the server must know to become this process."""
    return {"kind": kind, "argv": arguments, "cwd": os.getcwd(), "env": dict(os.environ)}


def open_descriptors() -> list[int]:
    """Return the file descriptors that this process inherited, standard streams included."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            os.fstat(number)
        except OSError:
            continue  # the one that listed the folder
        if number < 3 or os.get_inheritable(number):
            found.append(number)
    return sorted(found)


def send(server: socket.socket, request: dict[str, object], descriptors: list[int]) -> None:
    """Send the request with its descriptors; the first bytes carry the descriptors."""
    body = json.dumps({**request, "fds": descriptors}).encode()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    server.sendmsg([struct.pack("!I", len(body))], rights)
    server.sendall(body)


def exec_interpreter(kind: str, arguments: list[str]) -> None:
    """Become the interpreter that was asked for."""
    script = [os.environ[FALLBACK_VARIABLE]] if kind == "ray" else []
    os.execv(sys.executable, [sys.executable, *script, *arguments])


def main() -> int:
    """Ask, wait, and return the exit code of the process that was asked for."""
    kind, arguments = sys.argv[1], sys.argv[2:]
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptors = open_descriptors()
    try:
        server.connect(os.environ[SOCKET_VARIABLE])
        send(server, request_of(kind, arguments), descriptors)
    except (OSError, KeyError):
        server.close()
        exec_interpreter(kind, arguments)
    for number in descriptors:
        if number > 2:
            os.close(number)  # an end of a pipe that stays open here would never report its close
    signal.signal(signal.SIGTERM, lambda *_: server.send(b"T"))
    answer = server.recv(4)
    if len(answer) < 4:  # the server is gone, and its forks with it
        return 1
    code = int(struct.unpack("!i", answer)[0])
    if code < 0:  # a process that a signal ended must look like one to whoever waits for this one
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
