"""Files take their names whole, alone or together."""

import os
from pathlib import Path

import pytest

from harness.schema import DamagedError, UsageError
from harness.writing import check_together, take_name, whole_file, written_together


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    with whole_file(path) as half:
        half.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as half:
        half.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old" and listing(tmp_path) == ["a.md"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_a_regular_file_is_replaced(kind: str, tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "other"
    other.write_text("old")
    {"link": lambda: path.symlink_to(other), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[
        kind
    ]()
    with pytest.raises(UsageError, match="only regular files are replaced"), whole_file(path):
        pytest.fail("nothing is to be written")
    assert other.read_text() == "old" and path.lstat()


def write_both(folder: Path, word: str, *, replaces: bool = True) -> None:
    with written_together(folder, "pages", replaces=replaces) as half:
        (half / "a").write_text(word)
        (half / "inner").mkdir()
        (half / "inner" / "b").write_text(word)


def test_files_of_a_group_are_replaced_together(tmp_path: Path) -> None:
    write_both(tmp_path / "new", "1")
    write_both(tmp_path / "new", "2")
    assert listing(tmp_path / "new") == ["a", "inner", "inner/b"]
    assert (tmp_path / "new" / "inner" / "b").read_text() == "2"
    check_together(tmp_path / "new", "pages")


def test_a_group_that_is_cut_off_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_both(tmp_path, "1")
    real, done = os.replace, []

    def replace(source: Path, target: Path) -> None:
        if done:
            raise OSError(28, "No space left on device")
        done.append(target)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(UsageError, match="No space left"):
        write_both(tmp_path, "2")
    with pytest.raises(DamagedError, match="partly old and partly new"):
        check_together(tmp_path, "others", "pages")
    check_together(tmp_path, "others")
    monkeypatch.undo()
    write_both(tmp_path, "2")
    check_together(tmp_path, "pages")


def test_a_group_replaces_nothing_unasked(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b").write_text("mine")
    with pytest.raises(UsageError, match="inner/b is there already: give --force"):
        write_both(tmp_path, "2", replaces=False)
    assert listing(tmp_path) == ["inner", "inner/b"]


def test_a_group_does_not_follow_a_link_out_of_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "inner").symlink_to(outside)
    with pytest.raises(UsageError, match="is a link"):
        write_both(tmp_path / "out", "1")
    assert listing(outside) == []


def test_a_folder_takes_a_name_that_is_free(tmp_path: Path) -> None:
    for word in ("1", "2"):
        half = tmp_path / f".half-{word}"
        half.mkdir()
        (half / "a").write_text(word)
    take_name(tmp_path / ".half-1", tmp_path / "v1")
    with pytest.raises(OSError, match="not empty"):
        take_name(tmp_path / ".half-2", tmp_path / "v1")
    assert (tmp_path / "v1" / "a").read_text() == "1"
