"""Two bundles of one protocol become a third; nothing is dropped, and nothing overwritten."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.checks import verify_bundle
from harness.baseline.merging import merge_bundles
from harness.baseline.writing import write_version
from harness.claims.launches import launches
from harness.compare.comparability import check_comparability
from harness.compare.costs import compare_costs
from harness.compare.pairing import pair_sides
from harness.compare.sides import side_of
from harness.paths import ROOT
from harness.schema import DamagedError, ExitCode, UsageError
from harness.store.bundle import Bundle, read_bundle

STORED = ROOT / "baselines" / "runs" / "micro" / "kl_penalty" / "v1"


@pytest.fixture(scope="module")
def whole() -> Bundle:
    return read_bundle(STORED)


def part(bundle: Bundle, seeds: tuple[int, ...], **changes: Any) -> Bundle:
    """The runs of some seeds of a bundle, as a bundle."""

    def own(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows["seed"].isin(seeds)].reset_index(drop=True)

    cells = [cell for cell in bundle.manifest["cells"] if cell["seed"] in seeds]
    manifest = {**bundle.manifest, "cells": cells, "seeds": list(seeds), **changes}
    manifest = {key: value for key, value in manifest.items() if key != "files"}
    return replace(bundle, manifest=manifest, curves=own(bundle.curves), scores=own(bundle.scores))


def merged(first: Bundle, second: Bundle, tmp_path: Path, because: str = "") -> Bundle:
    return verify_bundle(merge_bundles(first, second, tmp_path / "micro" / "kl", because=because))


def test_a_run_that_failed_and_ran_again_is_the_one_that_is_done(
    whole: Bundle, tmp_path: Path
) -> None:
    again = part(whole, (3,))
    cells = [
        {**cell, "status": "failed"} if cell["seed"] == 3 else cell
        for cell in whole.manifest["cells"]
    ]
    manifest = {**part(whole, (1, 2, 3)).manifest, "cells": cells}
    failed = replace(part(whole, (1, 2)), manifest=manifest)
    found = merged(failed, again, tmp_path)
    assert rows_of(found.curves.dropna()) == rows_of(whole.curves.dropna())
    assert {cell["status"] for cell in found.manifest["cells"]} == {"done"}
    # where it came from stays told, and what is done is never replaced
    assert len(found.manifest["merged"][0]["cells"]) == len(cells)
    with pytest.raises(UsageError, match="with other numbers"):
        merged(whole, failed, tmp_path)


def rows_of(table: pd.DataFrame) -> set[tuple[Any, ...]]:
    return set(table.astype(object).itertuples(index=False, name=None))


def test_both_parts_are_in_the_whole_with_every_row(whole: Bundle, tmp_path: Path) -> None:
    found = merged(part(whole, (1, 2)), part(whole, (2, 3)), tmp_path)
    assert found.name == "micro/kl@v1"
    assert found.manifest["seeds"] == [1, 2, 3]
    # seed 2 is bit for bit the same in both, and there once
    for mine, stored in ((found.curves, whole.curves), (found.scores, whole.scores)):
        assert len(mine) == len(stored)
        assert rows_of(mine.dropna()) == rows_of(stored.dropna())
    assert [len(origin["cells"]) for origin in found.manifest["merged"]] == [6, 6]


def test_the_same_run_with_other_numbers_is_refused(whole: Bundle, tmp_path: Path) -> None:
    other = part(whole, (2, 3))
    other.curves.loc[other.curves["seed"] == 2, "value"] += 1e-12
    with pytest.raises(UsageError, match=r"with other numbers, .*kl=none seed 2"):
        merged(part(whole, (1, 2)), other, tmp_path)
    assert not (tmp_path / "micro").exists()


def test_a_launch_that_only_one_side_recorded_is_no_difference(
    whole: Bundle, tmp_path: Path
) -> None:
    def recorded(bundle: Bundle, judge: str) -> Bundle:
        cells = [{**c, "registered": "{}", "judge": judge} for c in bundle.manifest["cells"]]
        return replace(bundle, manifest={**bundle.manifest, "cells": cells})

    mine, other = part(whole, (1, 2)), recorded(part(whole, (2, 3)), "j")
    found = merged(mine, other, tmp_path)
    assert [cell.get("judge", "") for cell in found.manifest["cells"]] == [""] * 6 + ["j"] * 3
    # the older side is read on with the newer one
    assert {launch.judge for launch in launches(found.tables.runs)} == {"", "j"}
    with pytest.raises(UsageError, match="with other numbers"):
        merged(recorded(mine, "another"), other, tmp_path / "again")


def with_samples(bundle: Bundle) -> Bundle:
    """The same with single samples that fit the counts."""
    counts = zip(bundle.scores["correct"], bundle.scores["samples"], strict=True)
    right = ["1" * found + "0" * (n - found) for found, n in counts]
    return replace(bundle, scores=bundle.scores.assign(right=right))


def test_a_whole_holds_single_samples_if_both_parts_do(whole: Bundle, tmp_path: Path) -> None:
    mine, other = with_samples(part(whole, (1, 2))), with_samples(part(whole, (2, 3)))
    found = merged(mine, other, tmp_path)
    assert found.is_aligned and len(found.scores) == len(whole.scores)
    turned = replace(other, scores=other.scores.assign(right=other.scores["right"].str[::-1]))
    with pytest.raises(UsageError, match=r"with other numbers, .*seed 2"):
        merged(mine, turned, tmp_path)


@pytest.mark.parametrize("is_first", [True, False])
def test_samples_of_one_part_alone_are_left_out_and_that_is_said(
    whole: Bundle, is_first: bool, tmp_path: Path
) -> None:
    mine, other = part(whole, (1, 2)), part(whole, (2, 3))
    sides = (with_samples(mine), other) if is_first else (mine, with_samples(other))
    with pytest.raises(UsageError, match=r"counts of correct samples alone.*because="):
        merged(*sides, tmp_path)
    found = merged(*sides, tmp_path, because="a trial")
    assert "right" not in found.scores and not found.is_aligned
    assert rows_of(found.scores) == rows_of(whole.scores)
    (objection,) = found.manifest["objections"]
    assert "has counts of correct samples alone, and so would the whole" in objection


def test_other_protocols_stay_two_baselines(whole: Bundle, tmp_path: Path) -> None:
    protocol = {**whole.manifest["protocol"], "steps": 41}
    with pytest.raises(UsageError, match=r"different protocols \(steps: 40 and 41\)"):
        merged(part(whole, (1,)), part(whole, (2,), protocol=protocol), tmp_path)


def test_nothing_new_is_refused_and_so_are_the_same_runs_again(
    whole: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nothing to merge"):
        merged(whole, part(whole, (2,)), tmp_path)
    merged(part(whole, (1,)), part(whole, (2,)), tmp_path)
    with pytest.raises(UsageError, match="holds these runs already"):
        merged(part(whole, (2,)), part(whole, (1,)), tmp_path)


def test_other_machines_and_versions_need_a_reason_that_stays(
    whole: Bundle, tmp_path: Path
) -> None:
    versions = {**whole.manifest["versions"], "verl": "0.8.0"}
    other = part(whole, (2, 3), versions=versions)
    with pytest.raises(UsageError, match=r"versions\.verl differs.*because="):
        merged(part(whole, (1,)), other, tmp_path)
    found = merged(part(whole, (1,)), other, tmp_path, because="a trial")
    assert found.manifest["because"] == "a trial"
    assert "versions.verl differs: 0.9.1 and 0.8.0" in found.manifest["objections"]


def test_no_part_of_a_merged_side_hides_its_engine_or_machine(
    whole: Bundle, tmp_path: Path
) -> None:
    versions = {**whole.manifest["versions"], "verl": "0.8.0"}
    hardware = {**whole.manifest["hardware"], "cores": 96}
    other = part(whole, (2,), versions=versions, hardware=hardware)
    inner = merged(part(whole, (1,)), other, tmp_path, because="a trial")
    found = merged(inner, part(whole, (3,)), tmp_path, because="another")
    side = side_of(found, "kl=loss", "candidate")
    none = side_of(whole, "kl=none", "baseline")
    result = check_comparability(side, none)
    # the first part's versions stand in the manifest, the second part's critic was trained wrong
    assert found.manifest["versions"]["verl"] == "0.9.1"
    assert [text.partition(":")[0] for text in result.reasons] == ["engine"]
    assert "verl 0.8.0" in result.reasons[0]
    assert any("merged from runs of different versions" in note for note in result.notes)
    assert any("reservation: a trial; another" in note for note in result.notes)
    costs = compare_costs(side, none, pair_sides(side, none), 0.95)
    assert "other hardware" in next(cost.note for cost in costs if cost.unit == "s")
    alone = side_of(whole, "kl=loss", "candidate")
    assert check_comparability(alone, none).is_comparable
    costs = compare_costs(alone, none, pair_sides(alone, none), 0.95)
    assert not any(cost.note for cost in costs)


def test_two_finished_runs_of_a_seed_are_no_bundle(whole: Bundle, tmp_path: Path) -> None:
    twice = part(whole, (1,))
    cells = [*twice.manifest["cells"], {**twice.manifest["cells"][0], "cell_id": "0" * 64}]
    description = {**twice.manifest, "cells": cells}
    path = write_version(tmp_path / "micro" / "kl", description, twice.curves, twice.scores)
    with pytest.raises(DamagedError, match="two finished runs of kl=loss with seed 1"):
        read_bundle(path)


def test_the_command_stores_the_next_version(
    whole: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seeds in ((1, 2), (3,)):
        own = part(whole, seeds)
        write_version(tmp_path / "micro" / "kl", own.manifest, own.curves, own.scores)
    place = f"baselines_dir={tmp_path}"
    assert baseline.main(["merge", "a=micro/kl@v1", "b=micro/kl@v2", place]) == ExitCode.OK
    assert baseline.main(["verify", place]) == ExitCode.OK
    assert "micro/kl@v3  3 arms, seeds 1, 2, 3: intact" in capsys.readouterr().out
    assert baseline.main(["diff", "a=micro/kl@v1", "b=micro/kl@v3", place]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "seeds" in said and "1, 2, 3" in said
