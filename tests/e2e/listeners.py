"""On which addresses the processes of a run accept connections, looked at while it goes on."""

import ipaddress
import socket
import threading
from pathlib import Path
from types import TracebackType

import psutil

EVERY_S = 0.5


def is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    # Ray's servers speak IPv6 and have the loopback of IPv4 as ::ffff:127.0.0.1
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def own_address() -> str:
    """Return the address of this machine on its network; "" without a network."""
    for found in psutil.net_if_addrs().values():
        for one in found:
            if one.family == socket.AF_INET and not is_loopback(one.address):
                return one.address
    return ""


def accepts(address: str, port: int) -> bool:
    """Tell whether somebody who comes by this address gets a connection."""
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False


class Listeners(threading.Thread):
    """Notes every address and port on which a process below a folder listens.

    Attributes:
        found: (address, port) -> command line of the process.
        reached: those whose port accepted a connection by the machine's network address.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.found: dict[tuple[str, int], str] = {}
        self.reached: set[tuple[str, int]] = set()
        self._is_over = threading.Event()
        self._network = own_address()

    def __enter__(self) -> "Listeners":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        while not self._is_over.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        for process in psutil.process_iter():
            try:
                if not Path(process.cwd()).is_relative_to(self.folder):
                    continue
                sockets = process.net_connections("tcp")
                name = " ".join(process.cmdline())[:200]
            except (psutil.Error, OSError):
                continue
            for one in sockets:
                if one.status == psutil.CONN_LISTEN:
                    self._note(one.laddr.ip, one.laddr.port, name)

    def _note(self, address: str, port: int, name: str) -> None:
        if (address, port) in self.found:
            return
        self.found[address, port] = name
        # asked at once: a port of the end of the test could be somebody else's
        if self._network and accepts(self._network, port):
            self.reached.add((address, port))
