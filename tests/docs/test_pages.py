"""`python -m harness.docs`: which pages are written, and where."""

from pathlib import Path

import pytest

from harness.docs import __main__ as docs
from harness.paths import DOCS
from harness.schema import ExitCode


def test_a_page_is_written_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    assert docs.main(["metrics", "algorithms"]) == ExitCode.OK
    assert sorted(path.name for path in tmp_path.iterdir()) == ["algorithms.md", "metrics.md"]
    for path in tmp_path.iterdir():
        assert path.read_text() == (DOCS / path.name).read_text()
    assert docs.main(["metric"]) == ExitCode.USAGE
    assert "did you mean metrics" in capsys.readouterr().err


def test_every_page_names_the_command_that_writes_it() -> None:
    for name in docs._pages():
        text = " ".join((DOCS / f"{name}.md").read_text().split())
        assert f"`python -m harness.docs {name}`" in text
        assert name in (docs.__doc__ or "")
