import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.schema import Attempt, BusyError, DamagedError, Status
from harness.store.files import read_json, write_json
from harness.store.ledger import KILLED, RunStore
from tests.cells import make_spec

HOLDER = """
import sys, time
from pathlib import Path
from harness.store.ledger import RunStore
from tests.cells import make_spec
store = RunStore(Path(sys.argv[1]))
with store.claim(make_spec()) as record:
    path = store.begin_attempt(make_spec(), record, seeds={}, provenance={})
    (path / "metrics.jsonl").write_text('{"step": 0}\\n{"step": 1}\\n{"step": 2, "da')
    print("held", flush=True)
    time.sleep(60)
"""


def start_attempt(store: RunStore, status: Status = Status.DONE) -> Path:
    spec = make_spec()
    with store.claim(spec) as record:
        path = store.begin_attempt(spec, record, seeds={"torch": 1}, provenance={"python": "3"})
        end = Attempt(number=0, status=status)
        store.end_attempt(spec, record, end, {"expected": 4, "found": 4})
    return path


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is at work on the cell."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_cell_that_never_ran_is_pending(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "none")
    assert store.status(make_spec()) is Status.PENDING
    assert list(store.runs()) == []
    assert not (tmp_path / "none").exists()


def test_an_attempt_leaves_its_files(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = start_attempt(store)
    store.write_command(path, ("python", "-m", "x"), {"A": "1"})
    assert path.name == "attempt-0"
    spec, record = store.load(path.parent)
    assert spec["cell_id"] == record.cell_id == make_spec().cell_id
    assert record.status is Status.DONE
    assert record.evaluation_rows == {"expected": 4, "found": 4}
    assert record.attempts[0].started and record.attempts[0].ended
    assert read_json(path / "command.json")["argv"] == ["python", "-m", "x"]
    assert [run.path for run in store.runs()] == [path.parent]


def test_a_failed_cell_starts_again_as_its_next_attempt(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    start_attempt(store, Status.FAILED)
    assert start_attempt(store).name == "attempt-1"
    statuses = [a.status for a in store.load(store.run_dir(make_spec()))[1].attempts]
    assert statuses == [Status.FAILED, Status.DONE]


def test_a_directory_of_an_attempt_without_record_is_not_written_again(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    (store.run_dir(make_spec()) / "attempt-0").mkdir(parents=True)
    assert start_attempt(store).name == "attempt-1"


def test_a_cell_at_work_is_busy_and_nothing_changes(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    store = RunStore(tmp_path)
    before = (store.run_dir(make_spec()) / "record.json").read_bytes()
    assert store.status(make_spec()) is Status.RUNNING
    with (
        pytest.raises(BusyError, match=rf"process {holder.pid} is running the cell"),
        store.claim(make_spec()),
    ):
        pass
    with pytest.raises(BusyError):
        store.check_free([make_spec("loss"), make_spec()])
    assert (store.run_dir(make_spec()) / "record.json").read_bytes() == before


def test_a_killed_cell_becomes_interrupted_and_starts_again(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    store = RunStore(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert store.status(make_spec()) is Status.INTERRUPTED
    with store.claim(make_spec()) as record:
        assert (record.status, record.reason) == (Status.INTERRUPTED, KILLED)
        assert record.attempts[0].last_step == 1
        assert record.attempts[0].torn_lines == 1
        path = store.begin_attempt(make_spec(), record, seeds={}, provenance={})
    assert path.name == "attempt-1"
    assert (path.parent / "attempt-0" / "metrics.jsonl").exists()


def test_the_record_of_another_cell_is_damage(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = start_attempt(store).parent / "record.json"
    write_json(path, {**read_json(path), "cell_id": "0" * 64})
    with pytest.raises(DamagedError, match="is the record of cell 0000"):
        store.status(make_spec())
