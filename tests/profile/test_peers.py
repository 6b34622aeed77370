"""The table of the suite beside TRL and a plain loop, on a recorded measurement."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.profile.bench import Measured, read_runs
from harness.profile.peers import (
    COSTS,
    LENGTH_MARGIN,
    REWARD_MARGIN,
    WORK,
    departures,
    peer_section,
    peer_table,
    versions_line,
)

RECORDED = json.loads(Path(__file__).with_name("recorded").joinpath("cell-peers.json").read_text())


def without(who: str) -> dict[str, Any]:
    """The recorded measurement without the runs of one peer."""
    document = copy.deepcopy(RECORDED)
    kept = [i for i in document["benchmarks"] if not i["extra_info"]["variant"].startswith(who)]
    return {**document, "benchmarks": kept}


def changed(who: str, **values: float) -> list[Measured]:
    """The recorded runs, with some values of one of them replaced."""
    runs = read_runs(RECORDED)
    return [
        Measured(variant=run.variant, values={**run.values, **values})
        if run.variant.startswith(who)
        else run
        for run in runs
    ]


def cells_of(table: str, head: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {head}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_each_measure_has_three_medians_and_two_ratios() -> None:
    table = peer_table(read_runs(RECORDED), "grpo_64")
    assert cells_of(table, "whole process") == ["30.8", "8.2", "6.1", "3.75", "5.02"]
    assert cells_of(table, "mean reward") == ["0.177", "0.208", "0.224", "", ""]
    assert len(table.splitlines()) == 2 + len(COSTS) + len(WORK)


def test_a_ratio_is_that_of_the_medians() -> None:
    runs = [
        *read_runs(RECORDED),
        *changed("trl", step_s=100.0),
        *changed("trl", step_s=0.5),
        *changed("trl", step_s=2.0),
    ]
    table = peer_table(runs, "grpo_64")
    # of 1.14, 100, 0.5 and 2
    assert cells_of(table, "step")[1] == "1.6"
    assert "TRL (runs: 4)" in table


def test_the_section_names_size_steps_and_versions() -> None:
    text = peer_section([{"benchmarks": []}, RECORDED])
    assert "### grpo_64: 8 prompts x 8 responses" in text
    assert "GRPO for 3 steps" in text
    assert "TRL: python 3.11.7, trl 1.16.0, torch 2.13.0+cpu" in text
    assert "skipped" not in text and "same work, and" not in text
    assert "grpo_256" not in text


def test_nothing_is_said_where_nothing_was_run_beside_the_suite() -> None:
    assert peer_section([]) == ""
    assert peer_section([without("suite")]) == ""


def test_a_peer_that_cannot_be_had_is_a_column_of_dashes_and_a_reason() -> None:
    document = {**without("trl"), "skipped": {"trl": "uv could not install it"}}
    text = peer_section([document])
    assert "TRL was skipped: uv could not install it." in text
    assert cells_of(text, "whole process") == ["30.8", "-", "6.1", "-", "5.02"]
    # skipped in one part and run in another
    assert "skipped" not in peer_section([document, RECORDED])


def test_the_recorded_peers_did_the_work_of_the_suite() -> None:
    assert departures(read_runs(RECORDED), "grpo_64") == []


@pytest.mark.parametrize("who", ["trl", "loop"])
@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"reward": 0.178 + REWARD_MARGIN}, "mean reward"),
        ({"reward": float("nan")}, "mean reward"),
        ({"response_tokens": 17.3 * (1.01 - LENGTH_MARGIN)}, ""),
        ({"response_tokens": 17.3 * (0.99 - LENGTH_MARGIN)}, "mean response"),
        ({"response_tokens": 288.0}, "mean response"),
    ],
)
def test_a_peer_that_did_other_work_is_told_of(
    who: str, values: dict[str, float], word: str
) -> None:
    sentences = departures(changed(who, **values), "grpo_64")
    assert len(sentences) == bool(word)
    assert all(
        f"did not do the same work, and its ratios say nothing:** its {word}" in s
        for s in sentences
    )


def test_two_versions_of_a_package_are_both_told() -> None:
    other = copy.deepcopy(RECORDED)
    other["benchmarks"][1]["extra_info"]["versions"]["trl"] = "1.17.0"
    assert "trl 1.16.0 and 1.17.0, torch 2.13.0+cpu" in versions_line([RECORDED, other])
    assert versions_line([]) == ""
