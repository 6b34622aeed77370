"""A fake trainer that is started from a kept process, with one worker from its warm server.

Run as `python -m kept_trainer <behaviour>`: it writes the streams of a good trainer, and what the
driver and its worker find in their process to told.json.
"""

import builtins
import decimal
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from harness.plugins.warm import SHIM
from harness.plugins.warm_shim import SOCKET_VARIABLE

WORKER = "import kept_trainer; kept_trainer.work({!r})"
ALTERED = "kept_trainer_was_here"


def found() -> dict[str, Any]:
    """What another cell could have left in this process, and what it was to get."""
    return {
        "argv": sys.argv[1:],
        "path": sys.path[0],
        "cwd": os.getcwd(),
        "umask": os.umask(0o022),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "child": str(signal.getsignal(signal.SIGCHLD)),
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_WARM_")},
        "temporary": [
            tempfile.gettempdir(),
            getattr(json, "KEPT", f"{tempfile.gettempdir()}/kept"),
        ],
        "files": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
        "precision": decimal.getcontext().prec,
        "marks": [hasattr(builtins, ALTERED), hasattr(json, ALTERED), ALTERED in sys.path],
        "stdin": os.readlink("/proc/self/fd/0"),
        "parents": [os.getppid() != 1, sys.flags.safe_path],
    }


def drawn() -> dict[str, Any]:
    """What no two processes may share."""
    return {
        "random": random.random(),
        "numpy": float(np.random.random()),  # noqa: NPY002
        "names": next(tempfile._get_candidate_names()),
    }


def scribble() -> None:
    """Change all that can be changed."""
    setattr(builtins, ALTERED, 1)
    setattr(json, ALTERED, 1)
    json.JSONEncoder.encode = lambda *_: "scribbled"  # type: ignore[method-assign]
    sys.path.insert(0, ALTERED)
    decimal.getcontext().prec = 3
    os.environ["POISON"] = "1"
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    tempfile.tempdir = "/nowhere"
    os.chdir("/")


def work(behaviour: str) -> None:
    """Be the worker."""
    if behaviour == "holds":
        Path("worker.pid").write_text(str(os.getpid()))
        time.sleep(60)
    tell("worker.json")
    if behaviour == "scribbles":
        scribble()


def tell(name: str) -> None:
    """Write what is found and drawn here."""
    Path(name).write_text(json.dumps({"found": found(), "drawn": drawn()}))


def main(behaviour: str) -> None:
    """Be the driver."""
    folder = Path.cwd()
    tell("driver.json")
    is_warm = SOCKET_VARIABLE in os.environ
    start = [sys.executable, *(["-S", "-E", str(SHIM), "spawn"] if is_warm else [])]
    with subprocess.Popen([*start, "-c", WORKER.format(behaviour)]) as worker:
        if behaviour == "holds":
            # away from everything, as Ray's own processes are; a fork of an exec has the tag
            subprocess.Popen(["raylet", "60"], executable="/bin/sleep", start_new_session=True)
        if worker.wait():
            sys.exit(f"the worker ended with {worker.returncode}")
    if behaviour == "scribbles":
        encode = json.JSONEncoder.encode
        scribble()
        json.JSONEncoder.encode = encode  # type: ignore[method-assign]
    for step in range(3):
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step + 1, "data": {}}) + "\n")
    if behaviour == "fails":
        raise RuntimeError("as it was told")


if __name__ == "__main__":
    main(sys.argv[1])
