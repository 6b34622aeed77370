"""No attempt can touch the next, though both start from one kept process.

The real kept process, supervisor, warm server and shim, with small modules in the place of torch
and vLLM, and a fake trainer with one worker.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from harness.launch import nursery
from harness.launch.cleanup import end_leftovers, read_note, scratch_directory
from harness.launch.local import AttemptEnd, run_attempt
from harness.launch.nursery import Nursery, kept_nurseries, start_environment
from harness.launch.processes import TAG, tagged
from harness.launch.watchdog import Limits
from harness.schema import Status
from tests.launch.waiting import survivors, wait_for

# they count what is left on the whole machine: never two at once
pytestmark = pytest.mark.xdist_group("launch")

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
SMALL = """
import json, sys, tempfile
from harness.plugins import warm_server
json.KEPT = tempfile.gettempdir() + "/kept"
warm_server.MODULES = ("json", "decimal", "numpy")
warm_server.WITHOUT_RAY = "json"
from harness.launch import nursery_server
nursery_server.main(sys.argv[1:])
"""
PROGRAM = ("-c", SMALL)
WHO = ("driver", "worker")
LIMITS = Limits(poll_s=0.05, grace_s=1.0, settle_s=0.15)
WARM = {"HARNESS_WARM": "1", "PYTHONPATH": f"{ROOT}:{HERE}"}


def run(folder: Path, behaviour: str = "tells", **variables: str) -> AttemptEnd:
    """Run one attempt of the fake trainer."""
    folder.mkdir(exist_ok=True)
    command = SimpleNamespace(
        argv=(sys.executable, "-m", "kept_trainer", behaviour), environment={**WARM, **variables}
    )
    with scratch_directory() as scratch:
        return run_attempt(
            command, folder, steps=3, limits=LIMITS, observe=lambda _: None, scratch=scratch
        )


@contextmanager
def session() -> Iterator[nursery.Nurseries]:
    """A session whose kept processes are small."""
    with kept_nurseries(PROGRAM):
        yield nursery._active[-1]


def told(folder: Path, who: str = "driver") -> dict[str, Any]:
    """What a process of an attempt found, without what belongs to the attempt."""
    found = json.loads((folder / f"{who}.json").read_text())["found"]
    text = json.dumps(found).replace(str(folder), "FOLDER")
    text = text.replace(found["environment"][TAG], "TAG")
    text = text.replace(found["environment"]["RAY_AUTH_TOKEN"], "TOKEN")
    return dict(json.loads(text.replace(found["environment"]["TMPDIR"], "SCRATCH")))


def drawn(folder: Path, who: str = "driver") -> set[str]:
    return set(map(str, json.loads((folder / f"{who}.json").read_text())["drawn"].values()))


def test_an_attempt_finds_what_it_finds_in_new_interpreters(tmp_path: Path) -> None:
    assert run(tmp_path / "new").status is Status.DONE
    with session() as kept:
        assert run(tmp_path / "kept").status is Status.DONE
        assert len(kept._kept) == 1
    for who in ("driver", "worker"):
        new, fork = told(tmp_path / "new", who), told(tmp_path / "kept", who)
        assert fork == new


@pytest.mark.parametrize("first", ["scribbles", "fails"])
def test_an_attempt_leaves_nothing_to_the_next(tmp_path: Path, first: str) -> None:
    with session() as kept:
        run(tmp_path / "before")
        end = run(tmp_path / first, first, OMP_NUM_THREADS="3")
        assert end.status is (Status.FAILED if first == "fails" else Status.DONE)
        run(tmp_path / "after")
        assert len({n.process.pid for n in kept._kept.values()}) == 2
        run(tmp_path / "same", first)
        run(tmp_path / "last")
        assert len(kept._kept) == 2
    draws = [drawn(tmp_path / a, w) for a in ("before", "after", "last") for w in WHO]
    assert len(set().union(*draws)) == sum(map(len, draws))
    for who in WHO:
        before = told(tmp_path / "before", who)
        assert told(tmp_path / "after", who) == before
        assert told(tmp_path / "last", who) == before


def test_the_scribbling_is_seen_where_it_is_done(tmp_path: Path) -> None:
    code = "import kept_trainer as k; k.tell('a.json'); encode = k.json.JSONEncoder.encode; "
    code += "folder = k.Path.cwd(); k.scribble(); k.json.JSONEncoder.encode = encode; "
    code += "(folder / 'b.json').write_text(k.json.dumps(k.found()))"
    environment = {**os.environ, **WARM, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    before = json.loads((tmp_path / "a.json").read_text())["found"]
    after = json.loads((tmp_path / "b.json").read_text())
    changed = {name for name in before if before[name] != after[name]}
    assert changed >= {"cwd", "umask", "blocked", "environment", "precision", "marks", "path"}


def test_a_poisoned_environment_gets_a_kept_process_of_its_own(tmp_path: Path) -> None:
    with session() as kept:
        run(tmp_path / "before")
        run(tmp_path / "poisoned", PYTHONOPTIMIZE="2", POISON="1", HARNESS_SEED_X="7")
        assert told(tmp_path / "poisoned")["environment"]["POISON"] == "1"
        run(tmp_path / "after")
        assert len(kept._kept) == 2
    assert told(tmp_path / "after") == told(tmp_path / "before")


def test_what_a_new_interpreter_reads_is_shared_and_what_is_an_attempts_own_is_not() -> None:
    given = {"MALLOC_TRIM_THRESHOLD_": "1", "OMP_NUM_THREADS": "1", "HF_HOME": "h"}
    own = {TAG: "t", "TMPDIR": "s", "RAY_AUTH_TOKEN": "x", "HARNESS_SEED_REQUEST": "7"}
    assert start_environment({**given, **own}) == given


def test_the_last_cell_ends_the_kept_process(tmp_path: Path) -> None:
    with session() as kept:
        run(tmp_path / "one")
        process = next(iter(kept._kept.values())).process
        assert process.poll() is None
        # it takes note of the end of a fork a moment after the harness does
        wait_for(lambda: not psutil.Process(process.pid).children())
        assert psutil.Process(process.pid).num_threads() == 1
    assert process.returncode == 0


def test_without_a_session_or_with_a_server_of_its_own_nothing_is_kept(tmp_path: Path) -> None:
    run(tmp_path / "none")
    with session() as kept:
        run(tmp_path / "own", HARNESS_WARM="attempt")
        assert not kept._kept
    assert told(tmp_path / "own")["cwd"] == "FOLDER"


def test_a_kept_process_that_cannot_import_is_told_and_done_without(tmp_path: Path) -> None:
    with kept_nurseries(("-c", "raise ImportError('no such module')")):
        assert run(tmp_path / "one").status is Status.DONE
    assert (
        "no start from a kept process: ImportError: no such module"
        in (tmp_path / "one" / "log.txt").read_text()
    )


@contextmanager
def held(folder: Path, program: tuple[str, ...] = PROGRAM) -> Iterator[dict[str, psutil.Process]]:
    """A command in the midst of an attempt: its processes by name."""
    folder.mkdir(exist_ok=True)
    code = (
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1]); import test_nursery\n"
        "with test_nursery.session():\n"
        "    end = test_nursery.run(Path(sys.argv[2]), 'holds')\n"
        "    Path(sys.argv[2], 'end.txt').write_text(end.status)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", code, str(HERE), str(folder)]
    with subprocess.Popen(words, env=environment) as command:
        wait_for(lambda: (folder / "worker.pid").is_file() and read_note(folder))
        wait_for(lambda: any(p.name() == "sleep" for p in survivors(folder)))
        harness = psutil.Process(command.pid)
        (kept,) = harness.children()
        (supervisor,) = kept.children()
        server, driver = supervisor.children()
        worker = psutil.Process(int((folder / "worker.pid").read_text()))
        assert worker.ppid() == server.pid
        yield {
            "harness": harness,
            "kept": kept,
            "supervisor": supervisor,
            "server": server,
            "driver": driver,
            "worker": worker,
        }
        command.kill()
    end_leftovers(folder)


@pytest.mark.parametrize("victim", ["supervisor", "server", "driver", "worker", "kept", "harness"])
def test_whatever_is_killed_nothing_is_left_and_the_next_attempt_runs(
    tmp_path: Path, victim: str
) -> None:
    folder = tmp_path / "attempt-0"
    with held(folder) as processes:
        scratch = Path(processes["kept"].environ()["TMPDIR"])
        processes[victim].kill()
        note = read_note(folder)
        if victim == "harness":
            processes[victim].wait(10)
            wait_for(lambda: not processes["supervisor"].is_running())
            end_leftovers(folder)
        else:
            wait_for(lambda: (folder / "end.txt").is_file())
            assert (folder / "end.txt").read_text() == "failed"
        wait_for(lambda: survivors(folder) == [])
        wait_for(lambda: not processes["kept"].is_running())
        assert note is None or (tagged(note.tag) == [] and not Path(note.scratch).exists())
        assert not scratch.exists()
    with session():
        assert run(tmp_path / "again").status is Status.DONE


def test_forks_carry_the_tag_of_their_attempt(tmp_path: Path) -> None:
    folder = tmp_path / "attempt-0"
    with held(folder) as processes:
        note = read_note(folder)
        assert note is not None
        found = {process.pid for process in tagged(note.tag)}
        ours = {processes[name].pid for name in ("supervisor", "server", "driver", "worker")}
        assert ours <= found
        assert processes["kept"].pid not in found


def test_ctrl_c_ends_the_attempt_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "attempt-0"
    with held(folder) as processes:
        processes["harness"].send_signal(signal.SIGINT)
        wait_for(lambda: (folder / "end.txt").is_file())
        assert (folder / "end.txt").read_text() == "interrupted"
        assert survivors(folder) == []


def test_a_kept_process_is_used_again_after_an_attempt_was_killed(tmp_path: Path) -> None:
    with session() as kept:
        run(tmp_path / "one")
        first = next(iter(kept._kept.values())).process.pid
        run(tmp_path / "killed", "fails")
        run(tmp_path / "two")
        assert next(iter(kept._kept.values())).process.pid == first


def test_attempts_side_by_side_start_from_one_process_and_share_nothing(tmp_path: Path) -> None:
    with session() as kept, ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda number: run(tmp_path / str(number)), range(4)))
        assert [end.status for end in ends] == [Status.DONE] * 4
        assert len(kept._kept) == 1
    draws = [drawn(tmp_path / str(number), who) for number in range(4) for who in WHO]
    assert len(set().union(*draws)) == sum(map(len, draws))
    assert told(tmp_path / "0") == told(tmp_path / "3")


def test_a_third_environment_waits_for_no_other(tmp_path: Path) -> None:
    with session() as kept:
        for number in range(3):
            assert run(tmp_path / str(number), OTHER=str(number)).status is Status.DONE
        assert len(kept._kept) == nursery.MOST_KEPT


def test_a_kept_process_that_is_gone_is_an_error() -> None:
    kept = Nursery({**os.environ, **WARM}, PROGRAM)
    kept.process.kill()
    kept.process.wait()
    with pytest.raises(OSError), open(os.devnull, "wb") as log:
        kept.start((sys.executable, "-m", "x"), {TAG: "0"}, nursery.Place(ROOT, log, 1.0))
    kept.end()
