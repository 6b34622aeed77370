"""Writes down, about once a second, what each process of an attempt has used so far.

One JSON line per observation: {"t": seconds since the start, "phase": of the start, "step": newest,
"cpu": {"<pid> <role>": CPU seconds, user and system}, "rss": {...: MiB, shared pages included}}.
For `harness.profile`; nothing of it enters a result. A torn last line is dropped by the reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

ACCOUNTS_FILE = "accounts.jsonl"
EVERY_S = 1.0
_MODULE = re.compile(r"-m (\S+)")
_RAY_DAEMONS = ("gcs_server", "raylet", "dashboard", "log_monitor", "monitor", "agent")


def process_role(title: str) -> str:
    """Return the role of a process ("ray raylet", "VLLM::EngineCore"), from title or command line.

    Ray and vLLM write titles (`ray::WorkerDict.update_actor`, `VLLM::EngineCore`); of a title only
    the part before the method or the number is taken.
    """
    if title.startswith(("ray::", "VLLM::")):
        return re.split(r"[.\s_(]", title, maxsplit=1)[0]
    for name in _RAY_DAEMONS:
        if re.search(rf"/{name}(\.py)?(\s|$)", title):
            return f"ray {name}"
    module = _MODULE.search(title)
    if module:
        return module.group(1)
    if "warm_shim.py" in title:
        return "shim"
    return title.split(" ", 1)[0].rsplit("/", 1)[-1] or "unknown"


class Accounts:
    """The accounts of one attempt.

    Args:
        path: file to append to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # the first observation, at second 0, is written too
        self._last = -EVERY_S

    def note(
        self, now: float, phase: str, step: int | None, processes: Iterable[psutil.Process]
    ) -> None:
        """Write one line, unless the last one is less than a second old.

        Args:
            now: seconds since the start of the attempt.
            phase: of the start.
            step: newest training step with metrics, None before the first.
            processes: those of the attempt; one that ended meanwhile is left out.
        """
        if now - self._last < EVERY_S:
            return
        self._last = now
        cpu, rss = {}, {}
        for process in processes:
            try:
                # one read of /proc for all three numbers of a process
                with process.oneshot():
                    times = process.cpu_times()
                    name = f"{process.pid} {process_role(' '.join(process.cmdline()))}"
                    cpu[name] = round(times.user + times.system, 2)
                    rss[name] = process.memory_info().rss >> 20
            except psutil.Error:
                continue
        line = {"t": round(now, 2), "phase": phase, "step": step, "cpu": cpu, "rss": rss}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
