"""Lab 0010 says of the shipped models what their manifests say."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from harness.paths import ROOT


@pytest.fixture(scope="module")
def micro_world() -> ModuleType:
    # by its place: an installed package is called scripts too
    path = ROOT / "scripts" / "micro_world.py"
    spec = importlib.util.spec_from_file_location("micro_world", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_tables_of_the_manifests(micro_world: ModuleType) -> None:
    page = micro_world.PAGE.read_text()
    assert micro_world.page_with_tables(page) == page, "run python scripts/micro_world.py"


def test_another_measurement_would_be_seen(
    micro_world: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = micro_world.PAGE.read_text()
    changed = micro_world.statistics("micro_0_8m")
    changed["families"]["search"]["attempts"] += 1
    monkeypatch.setattr(micro_world, "statistics", lambda _: changed)
    assert micro_world.page_with_tables(page) != page


def test_the_figure_is_drawn(micro_world: ModuleType, tmp_path: Path) -> None:
    micro_world.draw(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert json.dumps(micro_world.statistics("micro_3m")["persistence"])
