"""docs/new-algorithm.md does what it says, on the runs that were recorded for it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from harness.compare import __main__ as compare
from harness.compare.comparability import check_comparability
from harness.compare.comparison import compare_sides
from harness.compare.effects import Settings
from harness.compare.sides import side_of
from harness.metrics.tables import protocol_items
from harness.paths import CONF, ROOT
from harness.schema import ExitCode, flatten
from harness.spec import config as configs
from harness.spec.study import make_study
from harness.store.bundle import find_bundle, read_bundle
from harness.store.records import spec_document
from harness.trace import __main__ as trace

PAGE = ROOT / "docs" / "new-algorithm.md"
BASELINES = ROOT / "baselines" / "runs"


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


def executed() -> tuple[list[str], list[str]]:
    """The arguments of the page's comparison, and the lines that it shows as the answer."""
    block = PAGE.read_text().split("<!-- executed:", 1)[1].split("<!-- end -->", 1)[0]
    command, answer = re.findall(r"```\n(.*?)```", block, flags=re.DOTALL)
    argv = command.split()
    assert argv[:3] == ["python", "-m", "harness.compare"]
    return argv[3:], [line for line in answer.splitlines() if line.strip()]


def missing_lines(answer: list[str], said: str) -> list[str]:
    """Lines of the page that the command does not print."""
    return [line for line in answer if line not in said.splitlines()]


def test_the_page_s_comparison_prints_what_the_page_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv, answer = executed()
    assert compare.main(argv) == ExitCode.OK
    said = capsys.readouterr().out
    assert len(answer) > 15
    assert missing_lines(answer, said) == []
    assert missing_lines([answer[1].replace("-0.0", "-0.1")], said) != []
    assert compare.main([*argv, "--gate"]) == ExitCode.WORSE


def test_the_page_s_run_makes_the_cells_that_were_recorded() -> None:
    """The command of the page, read as harness.run reads it, differs from the runs in no key of the
    algorithm and in no seed."""
    line = next(x for x in PAGE.read_text().splitlines() if x.startswith("python -m harness.run"))
    overrides = [word for word in shlex.split(line)[3:] if word != "dry_run=true"]
    study = make_study(overrides)
    recorded = side_of(read_bundle(find_bundle("micro/maxrl@v2", BASELINES)), "", "candidate")

    assert tuple(cell.seed for cell in study.cells) == recorded.seeds
    assert study.steps == recorded.steps
    assert {cell.arm for cell in study.cells} == {recorded.arm}
    made = protocol_items(spec_document(study.cells[0]))
    document = yaml.safe_load((CONF / "algorithm" / "maxrl.yaml").read_text())
    keys = [f"verl.{key}" for key, _ in flatten(document["verl"])]
    assert len(keys) == 3
    assert {key: made.get(key) for key in keys} == {k: recorded.config.get(k) for k in keys}


def test_the_recorded_runs_and_the_baseline_differ_in_the_algorithm_only() -> None:
    stored = read_bundle(find_bundle("micro/kl_penalty@v3", BASELINES))
    new = read_bundle(find_bundle("micro/maxrl@v2", BASELINES))
    mine, other = side_of(new, "", "candidate").config, side_of(stored, "", "baseline").config
    differing = {k for k in {*mine, *other} if mine.get(k) != other.get(k)}
    assert {k for k in differing if not k.startswith("verl.critic.")} == {
        "verl.algorithm.adv_estimator",
        "verl.actor_rollout_ref.model.external_lib",
    }


def test_runs_of_today_are_refused_beside_the_stored_ones_as_the_page_says() -> None:
    """The cells of the page's command, with the numbers of the recorded runs."""
    line = next(x for x in PAGE.read_text().splitlines() if x.startswith("python -m harness.run"))
    cell = make_study([word for word in shlex.split(line)[3:] if word != "dry_run=true"]).cells[0]
    stored = side_of(read_bundle(find_bundle("micro/kl_penalty@v3", BASELINES)), "", "baseline")
    recorded = side_of(read_bundle(find_bundle("micro/maxrl@v2", BASELINES)), "", "candidate")
    assert check_comparability(recorded, stored).is_comparable
    mine = replace(recorded, config=protocol_items(spec_document(cell)))
    assert check_comparability(mine, stored).reasons[0].startswith("micro-world")
    assert check_comparability(mine, replace(stored, config=mine.config)).is_comparable
    assert "The stored runs are of the first micro-world, so yours are refused" in PAGE.read_text()


def test_the_trainer_used_the_advantages_of_the_file() -> None:
    """Of 8 responses k right, R / mean - 1 is -1 or 8 / k - 1: no other value was recorded."""
    bundle = read_bundle(find_bundle("micro/maxrl@v2", BASELINES))
    rows = bundle.curves.assign(metric=bundle.curves["metric"].astype(str))
    highest = set(rows.loc[rows["metric"] == "advantage_max", "value"])
    possible = [8 / right - 1 for right in range(1, 8)]
    assert all(min(abs(value - p) for p in possible) < 1e-5 for value in highest)
    assert len(highest) > 3
    assert set(rows.loc[rows["metric"] == "advantage_min", "value"]) == {-1.0}
    assert not set(rows["metric"]) & {"value_loss", "critic_update_time"}


def test_a_number_of_the_comparison_is_followed_to_its_run() -> None:
    stored = side_of(read_bundle(find_bundle("micro/kl_penalty@v3", BASELINES)), "", "baseline")
    new = side_of(read_bundle(find_bundle("micro/maxrl@v2", BASELINES)), "", "candidate")
    settings = Settings(level=0.95, margin=None, metric="accuracy_easy")
    name = compare_sides(new, stored, settings).effects[0].rows[0]
    path = BASELINES / "micro" / "maxrl" / "v2" / "curves.parquet"
    text = trace.trace_text(path, name)
    assert "docs/metrics.md:" in text
    assert f"run {new.cells[0]['run_id']}" in text


def test_every_link_and_command_of_the_page_is_there() -> None:
    text = PAGE.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / target).exists(), target
    for path in re.findall(r"`(harness/[a-z_/]+\.(?:py|yaml))`", text):
        assert (ROOT / path).is_file(), path
