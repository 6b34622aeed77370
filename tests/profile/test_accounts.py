"""Accounts of processes, on the records of a real cell and on broken copies of them."""

import shutil
from pathlib import Path

import pytest

from harness.profile.accounts import (
    TRAINING,
    cpu_table,
    peak_rss_mib,
    process_names,
    read_snapshots,
)
from harness.schema import DamagedError, UsageError

RECORDED = Path(__file__).parent / "recorded"


def test_seconds_of_a_process_add_up_to_its_last_account() -> None:
    snapshots = read_snapshots(RECORDED)
    table = cpu_table(snapshots, {})
    last: dict[str, float] = {}
    for snapshot in snapshots:
        last |= {key.partition(" ")[0]: seconds for key, seconds in snapshot.cpu_s.items()}
    assert table["cpu_s"].sum() == pytest.approx(sum(last.values()), abs=1e-6)
    assert (table["cpu_s"] > 0).all()
    assert (table["end_s"] > table["begin_s"]).all()


def test_a_forked_process_has_the_name_that_it_writes_with() -> None:
    names = process_names(RECORDED)
    processes = set(cpu_table(read_snapshots(RECORDED), names)["process"])
    assert {"WorkerDict", "EngineCore", "Worker", "TaskRunnerV1"} <= processes
    without = set(cpu_table(read_snapshots(RECORDED), {})["process"])
    assert "WorkerDict" not in without


def test_periods_are_the_phases_of_the_start_and_then_training() -> None:
    periods = list(dict.fromkeys(cpu_table(read_snapshots(RECORDED), {})["period"]))
    assert periods[0] == "imports"
    assert periods[-2:] == ["first step", TRAINING]


def test_memory_is_that_of_all_processes_together() -> None:
    snapshots = read_snapshots(RECORDED)
    assert peak_rss_mib(snapshots) > max(
        max(snapshot.rss_mib.values(), default=0) for snapshot in snapshots
    )
    assert peak_rss_mib([]) != peak_rss_mib([])  # NaN: nothing was seen


def test_a_torn_last_line_is_dropped_and_an_earlier_one_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "accounts.jsonl"
    shutil.copy(RECORDED / "accounts.jsonl", copy)
    whole = len(read_snapshots(tmp_path))
    lines = copy.read_text().splitlines()
    copy.write_text("\n".join([*lines[:-1], lines[-1][:40]]))
    assert len(read_snapshots(tmp_path)) == whole - 1
    copy.write_text("\n".join([lines[0][:10], *lines[1:]]))
    with pytest.raises(DamagedError, match="line 1 of"):
        read_snapshots(tmp_path)


def test_a_run_without_accounts_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is missing: the launcher writes it"):
        read_snapshots(tmp_path)
