from pathlib import Path

import pytest

from harness.schema import DamagedError, UsageError
from harness.store.files import check_writable, read_json, read_jsonl, write_atomic, write_json


def test_a_file_is_replaced_whole_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_a_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.store.files.os.fsync", full)
    with pytest.raises(UsageError, match=r"cannot write .*record.json: No space left on device"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_a_document_that_is_not_json_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"a": ')
    with pytest.raises(DamagedError, match=r"record.json cannot be read .*move its directory away"):
        read_json(path)


@pytest.mark.parametrize("end", ['{"step": 3, "da', '{"step": 3}}', "\x00\x00\x00"])
def test_a_torn_last_line_is_dropped_and_counted(tmp_path: Path, end: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n' + end)
    assert read_jsonl(path) == ([{"step": 1}, {"step": 2}], 1)


def test_a_line_torn_inside_a_character_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl"
    whole = '{"output": "é"}\n'.encode()
    path.write_bytes(whole + whole[:13])
    assert read_jsonl(path) == ([{"output": "é"}], 1)


def test_a_whole_stream_has_nothing_torn(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "data": {"x": null}}\n\n{"step": 2}\n')
    assert read_jsonl(path) == ([{"step": 1, "data": {"x": None}}, {"step": 2}], 0)


def test_a_stream_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert read_jsonl(tmp_path / "no.jsonl") == ([], 0)


def test_a_broken_line_in_the_middle_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(DamagedError, match=r"line 2 of .*metrics.jsonl"):
        read_jsonl(path)


def test_a_directory_that_takes_files_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", 1)
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_directory_that_takes_no_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"directory .*file/x cannot be written.*results_dir="):
        check_writable(tmp_path / "file" / "x", 1)


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"MiB left, \d+ MiB are needed"):
        check_writable(tmp_path, 1 << 62)
