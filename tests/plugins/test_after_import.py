"""A patch runs once, right after its module is imported, and not before."""

import sys

import pytest

from harness.plugins.after_import import after_import


@pytest.fixture
def module_file(tmp_path, monkeypatch):
    (tmp_path / "patched_example.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "patched_example"
    sys.modules.pop("patched_example", None)


def test_patch_waits_for_the_import(module_file) -> None:
    calls = []
    after_import(module_file, calls.append)
    assert calls == []
    module = __import__(module_file)
    assert calls == [module]


def test_patch_of_an_imported_module_runs_at_once(module_file) -> None:
    module = __import__(module_file)
    after_import(module_file, lambda found: setattr(found, "VALUE", 2))
    assert module.VALUE == 2


def test_a_second_patch_of_one_module_is_refused() -> None:
    after_import("never_imported_example", lambda module: None)
    with pytest.raises(ValueError, match="already waits"):
        after_import("never_imported_example", lambda module: None)
