"""What is removed after an attempt, and above all what is not."""

import os
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.launch import cleanup
from harness.launch.cleanup import (
    Leftovers,
    ProcessNote,
    end_leftovers,
    may_remove,
    read_note,
    remove_scratch,
    scratch_directory,
    write_note,
)
from harness.schema import UsageError

# they count what is left on the whole machine: never two at once
pytestmark = pytest.mark.xdist_group("launch")

NOTE = ProcessNote(tag="t", pid=1, created=1.0, started=1.0, scratch="", before={})


def test_the_scratch_directory_is_short_private_and_goes(tmp_path: Path) -> None:
    with scratch_directory() as path:
        assert len(str(path)) < 40
        assert path.stat().st_mode & 0o077 == 0
        (path / "file").write_text("x")
    assert not path.exists()


def test_a_deep_temporary_directory_is_refused_and_left_empty(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    deep.mkdir()
    with (
        pytest.raises(UsageError, match="set TMPDIR to a shorter directory"),
        scratch_directory(deep),
    ):
        pass
    assert list(deep.iterdir()) == []


def test_only_scratch_directories_of_ours_are_removed(tmp_path: Path) -> None:
    mine, other, link = tmp_path / "rz-1", tmp_path / "results", tmp_path / "rz-2"
    mine.mkdir()
    other.mkdir()
    link.symlink_to(other)
    for path in (mine, other, link):
        remove_scratch(path)
    assert not mine.exists()
    assert other.exists()
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("name", "age_s", "was_ours", "is_removed"),
    [
        ("psm_1a2b", -5.0, False, True),
        ("verl_weights_1", -5.0, False, True),
        ("psm_1a2b", 5.0, False, False),
        ("somebody", -5.0, False, False),
        ("somebody", 5.0, True, True),
    ],
)
def test_the_rule_of_removal(name: str, age_s: float, was_ours: bool, is_removed: bool) -> None:
    since = 1000.0
    assert may_remove(name, since - age_s, since, was_ours) is is_removed


def test_new_files_of_the_engines_go_and_all_others_stay(tmp_path: Path) -> None:
    (tmp_path / "psm_before").write_text("x")
    leftovers = Leftovers(directories=[tmp_path])
    for name in ("psm_new", "psm_open", "document", "psm_old"):
        (tmp_path / name).write_text("x")
    os.utime(tmp_path / "psm_old", (time.time() - 60, time.time() - 60))
    with (tmp_path / "psm_open").open():
        assert leftovers.remove() == [tmp_path / "psm_new"]
    assert sorted(os.listdir(tmp_path)) == ["document", "psm_before", "psm_old", "psm_open"]


def test_a_name_seen_in_our_hands_goes_whatever_it_is(tmp_path: Path) -> None:
    leftovers = Leftovers(directories=[tmp_path])
    with (tmp_path / "anything").open("w"):
        leftovers.note([os.getpid()])
    assert leftovers.remove() == [tmp_path / "anything"]


def test_a_bound_socket_stays_until_nobody_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 bytes
        place = Path(short)
        monkeypatch.setattr(cleanup, "VERL_SOCKETS", place)
        memory = place / "memory"
        memory.mkdir()
        leftovers = Leftovers(directories=[memory, place])
        path = place / "rl-colocate-zmq-01-replica-0-rank-0.sock"
        (place / "psm_elsewhere").write_text("x")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            assert leftovers.remove() == []
        assert leftovers.remove() == [path]
        assert (place / "psm_elsewhere").exists()


def test_the_note_comes_back_as_written(tmp_path: Path) -> None:
    assert read_note(tmp_path) is None
    write_note(tmp_path, NOTE)
    assert read_note(tmp_path) == NOTE
    assert os.listdir(tmp_path) == [cleanup.PROCESS_FILE]


def test_a_damaged_note_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / cleanup.PROCESS_FILE).write_text('{"pid": 1')
    assert end_leftovers(tmp_path) == 0


def test_a_reused_pid_is_not_ended(tmp_path: Path) -> None:
    write_note(tmp_path, replace(NOTE, pid=os.getpid()))
    assert end_leftovers(tmp_path) == 0
