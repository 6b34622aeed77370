"""The command line: arguments, tables, verdicts, the page; on the recipe that a run would use."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.docs.planning import ARGUMENTS, example, planning_page
from harness.paths import DOCS
from harness.plan.__main__ import main
from harness.plan.calibration import Calibration, calibrate
from harness.plan.cell import Span, growth_of, plan_cell
from harness.plan.hardware import read_gpu
from harness.plan.recipe import read_recipe
from harness.plan.request import plan_matrix, split_plan_keys
from harness.plan.tables import MatrixPlan, span_text, spelled, terminal_text, verdict
from harness.schema import ExitCode, UsageError
from harness.spec import config as configs
from tests.plan.stand_in import STAND_IN, stand_in

PAGE = DOCS / "planning.md"
Plan = tuple[MatrixPlan, Calibration]


@pytest.fixture(scope="module")
def planned() -> Plan:
    """The plan of the page, from the recipe that a run would use."""
    with configs.session():
        return example()


def stand_in_request(*arguments: str, **changes: object) -> str:
    request, _ = split_plan_keys(["gpu=h800", *arguments])
    assert request is not None
    arms = {
        "algorithm=ppo": stand_in(**changes),
        "algorithm=grpo": stand_in(critic={"enable": False}),
    }
    return terminal_text(*plan_matrix(request, "a stand-in", arms, 3))


def test_keys_of_a_plan_are_taken_out_and_the_others_kept() -> None:
    request, overrides = split_plan_keys(["ablation=x", "gpus=64", "gpu=h800", "price=2.5"])
    assert overrides == ["ablation=x"]
    assert request is not None
    assert (request.gpus, request.gpu.key, request.price) == (64, "h800", 2.5)
    assert split_plan_keys(["ablation=x", "seeds=1"]) == (None, ["ablation=x", "seeds=1"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gpus=64"], "gpus=64 plans for GPUs: name the kind as well, as gpu=h800"),
        (["gpu=h900"], "unknown gpu 'h900'"),
        (["gpu=h800", "gpus=0"], "gpus='0' cannot be: expected a whole number from 1"),
        (["gpu=h800", "gpus=6.5"], "gpus='6.5' cannot be: expected a whole number from 1"),
        (["gpu=h800", "price=free"], "price='free' cannot be: expected a number above 0"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_plan_keys(arguments)
    assert sentence in str(caught.value)


def test_a_plan_shows_memory_time_cost_and_calibration() -> None:
    text = stand_in_request("price=2")
    for part in ("Memory of one GPU", "KV cache", "fits on 64", "critic update", "GPU-hours"):
        assert part in text
    assert "all 6 cells" in text
    assert "ORZ-7B" in text and "error, its family left out" in text
    assert "Fitted:" in text


def test_money_is_gpu_hours_times_the_price_and_missing_without() -> None:
    assert "money: give price=" in stand_in_request()
    assert "money: give price=" not in stand_in_request("price=2")


def test_the_interval_is_the_factor_of_the_calibration() -> None:
    calibration = calibrate()
    cell = plan_cell(read_recipe(STAND_IN), read_gpu("h800"), calibration)
    low, middle, high = cell.gpu_hours
    assert high / middle == pytest.approx(calibration.factor)
    assert middle / low == pytest.approx(calibration.factor)
    assert middle == pytest.approx(64 * cell.step_s * 730 / 3600, rel=0.01)
    assert cell.first_s < cell.last_s


def test_growth_is_published_given_or_assumed_and_says_so() -> None:
    recipe = read_recipe(STAND_IN)
    grown = growth_of(recipe)
    assert "fig2_response_length_ORZ-7B" in grown.source
    assert grown.means[0] < 600 < 2000 < grown.means[-1]
    assert set(growth_of(recipe, 300.0).means) == {300.0}
    distilled = stand_in(actor_rollout_ref__model__path="deepseek-ai/DeepSeek-R1-Distill-Qwen-14B")
    assert growth_of(read_recipe(distilled)).source.startswith("assumed")


def test_the_verdict_names_what_would_fit_or_that_nothing_does() -> None:
    large = stand_in_request(
        "gpus=32", actor_rollout_ref__model__path="Qwen/Qwen2.5-32B", trainer__nnodes=4
    )
    assert "does not fit" in large and "it would with +verl." in large


def test_keys_that_no_file_sets_are_written_with_a_plus() -> None:
    assert spelled("verl.a.b=1", frozenset({"a.b"})) == "verl.a.b=1"
    assert spelled("verl.a.c=1", frozenset({"a.b"})) == "+verl.a.c=1"


def test_a_span_is_written_with_its_ends() -> None:
    assert span_text(Span(1000.0, 2000.0, 4000.0), 0) == "2,000 [1,000, 4,000]"


def test_the_recipe_of_the_paper_is_planned_from_its_own_keys(planned: Plan) -> None:
    request, _ = planned
    ppo = request.cells["algorithm=ppo"]
    assert ppo.recipe.model.name == "Qwen/Qwen2.5-7B"
    assert (ppo.recipe.gpus, ppo.recipe.steps, ppo.recipe.responses) == (64, 730, 8192)
    assert ppo.memory.fits
    assert verdict("ppo", ppo, request).startswith("ppo: fits on 64 NVIDIA H800")
    assert request.cells["algorithm=grpo"].gpu_hours.middle < ppo.gpu_hours.middle


def test_the_page_is_what_the_sources_give(planned: Plan) -> None:
    assert PAGE.read_text(encoding="utf-8") == planning_page(*planned)


def test_another_number_would_change_the_page(planned: Plan) -> None:
    request, calibration = planned
    efficiency = replace(calibration.efficiency, compute=0.5)
    other = planning_page(request, replace(calibration, efficiency=efficiency))
    assert other != PAGE.read_text(encoding="utf-8")


def test_the_command_writes_a_page_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*ARGUMENTS, f"out={tmp_path}"])
    assert code == ExitCode.OK
    assert "GPU-hours" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["PLAN.md", "plan.png", "plan.svg"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*ARGUMENTS[:3], "gpu=h800", "gpus=60"], "gpus=60 is not a multiple of"),
        ([*ARGUMENTS[:3], "gpus=64"], "name the kind as well"),
    ],
)
def test_a_wrong_request_ends_with_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
