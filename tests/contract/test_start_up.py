"""Help at once, answers in two seconds, a closed pipe, and a narrow terminal."""

import os
import pty
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness.__main__ import commands

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "harness",
    *(name for name in commands() if name not in ("paper.page", "paper.preprint")),
)
"""All but two commands of the maintainers."""

HEAVY = ("pandas", "scipy", "matplotlib", "pyarrow", "duckdb", "torch")
"""Packages that take most of a second to import each, or more."""

RUN_AND_LOOK = """
import atexit, runpy, sys
atexit.register(lambda: print([name for name in {heavy} if name in sys.modules], file=sys.stderr))
sys.argv = {words!r}
runpy.run_module({words!r}[0], run_name="__main__", alter_sys=True)
"""


ANSWERS = (("harness.claims",), ("harness.compare", "ablation=kl_penalty"))
"""Commands that read stored results and print."""

LIBRARIES = "import numpy, pandas, pyarrow.parquet, pydantic, scipy.optimize, yaml"
MOST_LIBRARIES = 4.0
"""An answer costs up to so many times the CPU that importing its libraries does: two to two and a
half were measured, 1.4 s on an idle machine, and nine with a table that was made each time."""

TABLE_FIRST = """
import runpy, sys
from harness.stats.looks import Design
for place in range(1, 100):
    Design(alpha=0.5 / place).looks
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run_and_look(*words: str, heavy: tuple[str, ...] = HEAVY) -> subprocess.CompletedProcess[str]:
    code = RUN_AND_LOOK.format(heavy=heavy, words=list(words))
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str) -> None:
    done = run_and_look(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "python -m " in done.stdout
    assert done.stderr == "[]\n"


def test_what_help_loads_is_seen() -> None:
    found = run_and_look("harness.mine", "--help", heavy=(*HEAVY, "yaml"))
    assert found.stderr == "['yaml']\n"


@pytest.mark.parametrize("words", ANSWERS)
def test_an_answer_loads_neither_pictures_nor_what_composes_configs(words) -> None:
    done = run_and_look(*words, heavy=("matplotlib", "hydra", "duckdb", "torch", "pandas"))
    assert (done.returncode, done.stderr) == (0, "['pandas']\n")


def cpu_s(*words: str) -> float:
    """CPU time of a process of Python and of its children, user and system [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_libraries(*words: str) -> float:
    """The same as a multiple of what the libraries cost: it is alike on slow and busy machines."""
    return min(cpu_s(*words) for _ in range(2)) / cpu_s("-c", LIBRARIES)


@pytest.mark.parametrize("words", ANSWERS)
def test_an_answer_costs_a_few_times_what_its_libraries_do(words: tuple[str, ...]) -> None:
    assert in_libraries("-m", *words) < MOST_LIBRARIES


def test_a_table_that_is_made_each_time_would_cost_more() -> None:
    assert in_libraries("-c", TABLE_FIRST, "harness.claims") > MOST_LIBRARIES


def read_one_line(*words: str, unbuffered: bool) -> tuple[int, str]:
    """Return the exit code and errors of a command whose reader leaves after one line."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""}
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        if unbuffered:
            process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    return process.returncode, said


@pytest.mark.parametrize(
    "words",
    [
        ("harness.claims",),
        ("harness.data", "list"),
        ("harness.plan", "ablation=kl_penalty", "verbose=true"),
        ("harness.run", "--help"),
        ("harness.doctor", "--help"),
        ("paper.build", "--help"),
    ],
)
@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_reader_may_leave(words: tuple[str, ...], unbuffered: bool) -> None:
    code, said = read_one_line(*words, unbuffered=unbuffered)
    assert said == ""
    # a text that is written at once may be out before its reader has left
    assert code in ((0, 141) if unbuffered else (141,))


def on_a_terminal(columns: int, *words: str) -> list[str]:
    """Return the lines that a command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(columns)},
        stdout=theirs,
        stderr=subprocess.STDOUT,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            written += os.read(ours, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode().replace("\r\n", "\n").split("\n")


def test_a_table_and_its_notes_fit_the_terminal() -> None:
    narrow, wide = on_a_terminal(90, "harness.claims"), on_a_terminal(200, "harness.claims")
    assert max(map(len, narrow)) <= 90 < max(map(len, wide))
    assert " ".join(" ".join(narrow).split()).count("python -m harness.claims") == 1
