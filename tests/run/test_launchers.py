import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness.launch.command import CellPaths, Cluster, build_command
from harness.plan.__main__ import plan
from harness.run.launchers import (
    open_queue,
    ray_entrypoint,
    ray_needs,
    shown_launch,
    slurm_job,
    worker_argv,
)
from harness.run.session import given_cluster
from harness.schema import UsageError
from harness.spec import config as configs
from harness.spec.study import Study, make_study

PATHS = CellPaths(
    model=Path("/m"), data=Path("/d"), attempt=Path("/r/attempt-0"), scratch=Path("/s")
)


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


@cache
def study(*overrides: str) -> Study:
    """Compose once per request: it takes a third of a second."""
    return make_study(["ablation=kl_penalty", "seeds=1", *overrides])


@pytest.mark.parametrize(
    ("scale", "launcher"), [("micro", "slurm"), ("micro", "ray"), ("orz_7b", "slurm")]
)
def test_the_launcher_is_no_part_of_a_cells_identity(scale: str, launcher: str) -> None:
    here = [cell.cell_id for cell in study(f"scale={scale}").cells]
    there = study(f"scale={scale}", f"launcher={launcher}", "launcher.budget_gpu_hours=9")
    assert [cell.cell_id for cell in there.cells] == here
    assert there.label == study(f"scale={scale}").label


def test_a_dry_run_prints_complete_valid_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    scale = ["scale=orz_32b", "launcher=slurm"]
    assert plan(["ablation=kl_penalty", *scale, "seeds=1", "verbose=true"]) == 0
    first, *scripts = capsys.readouterr().out.split("#!/bin/bash\n")
    assert "3 cells of 1100 steps" in first
    assert len(scripts) == 3
    for text in scripts:
        body = text.partition("\n# kl=")[0].partition("\ndry run:")[0]
        done = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert "#SBATCH --nodes=16\n" in body and "#SBATCH --gpus-per-node=8\n" in body
        assert body.rstrip().endswith('exit "$code"')


def test_a_micro_cell_asks_for_no_gpu_and_one_node() -> None:
    asked = study("scale=micro", "launcher=slurm", "launcher.budget_gpu_hours=9")
    job = slurm_job(asked, asked.cells[0])
    assert (job.nodes, job.gpus, job.logical) == (1, 0, ("16", "1"))


@pytest.mark.parametrize(("key", "needed"), [("nodes", 8), ("gpus_per_node", 8)])
def test_less_than_a_cell_needs_is_refused(key: str, needed: int) -> None:
    asked = study("scale=orz_7b", "launcher=slurm", "launcher.budget_gpu_hours=9")
    launcher = {**asked.request.launcher, key: needed - 1}
    less = replace(asked, request=replace(asked.request, launcher=launcher))
    with pytest.raises(UsageError, match=rf"launcher\.{key} is 7: the cells need at least 8"):
        slurm_job(less, less.cells[0])


def test_a_worker_is_told_its_cell_and_composes_the_same_request() -> None:
    asked = study("launcher=slurm", "steps=2", "dry_run=true", "verbose=true", "results_dir=here")
    cell = asked.cells[1]
    argv = worker_argv(asked, cell)
    assert argv[1:5] == ("-m", "harness.cells", "run", f"cell={cell.cell_id[:16]}")
    overrides = list(argv[5:])
    assert (
        not {"dry_run=true", "verbose=true"} & set(overrides)
        and overrides[-1] == f"results_dir={Path.cwd() / 'here'}"
    )
    assert [c.cell_id for c in make_study(overrides).cells] == [c.cell_id for c in asked.cells]


def test_a_cell_of_one_node_reserves_its_gpus_and_a_larger_one_joins_the_cluster() -> None:
    overrides = ("launcher=ray", "launcher.memory_gib=2", "+launcher.resources.fast=1")
    micro = study(*overrides, "levels=[none]")
    needs = ray_needs(micro, micro.cells[0])
    assert (needs.cpus, needs.gpus, needs.joined_gpus) == (1.0, 0.0, 0)
    assert (needs.memory, dict(needs.resources)) == (2 << 30, {"fast": 1.0})
    large = study("scale=orz_7b", "launcher=ray", "levels=[none]")
    needs = ray_needs(large, large.cells[0])
    assert (needs.gpus, needs.joined_gpus) == (0.0, 64)
    assert 'export HARNESS_RAY_ADDRESS="$RAY_ADDRESS" &&' in ray_entrypoint(large, large.cells[0])
    small = study("scale=orz_7b", "launcher=ray", "verl.trainer.nnodes=1", "levels=[none]")
    assert ray_needs(small, small.cells[0]).gpus == 8.0
    assert "unset HARNESS_RAY_ADDRESS" in ray_entrypoint(small, small.cells[0])


def test_what_is_shown_for_ray_is_its_job() -> None:
    asked = study("scale=orz_7b", "launcher=ray", "levels=[none]")
    shown = shown_launch(asked, asked.cells[0])
    assert '"cpus": 1.0' in shown and "harness.cells run" in shown


def test_a_cell_joins_only_the_cluster_that_it_was_given() -> None:
    cell = study("scale=micro").cells[0]
    assert given_cluster({"RAY_ADDRESS": "10.0.0.9:6379"}, cell) is None
    assert "ray_kwargs.ray_init.address=local" in " ".join(build_command(cell, PATHS).argv)
    cluster = given_cluster({"HARNESS_RAY_ADDRESS": "10.0.0.1:20000"}, cell)
    assert cluster == Cluster(address="10.0.0.1:20000", namespace=f"rz-{cell.cell_id[:16]}")
    argv = build_command(cell, PATHS, cluster=cluster).argv
    text = " ".join(argv)
    assert "ray_kwargs.ray_init.address='10.0.0.1:20000'" in text
    assert "ray_init._temp_dir" not in text and "ray_init.num_gpus" not in text
    # its workers inherit nothing from here
    for name in ("VERL_FILE_LOGGER_PATH", "HF_HUB_OFFLINE", "VERL_PLATFORM", "PYTHONPATH"):
        assert f"runtime_env.env_vars.{name}=" in text
    assert "env_vars.HARNESS_WARM='0'" in text
    assert "TOKEN" not in text


def test_an_attempt_goes_on_from_a_checkpoint_if_there_is_one() -> None:
    cell = study("scale=micro").cells[0]
    plain = " ".join(build_command(cell, PATHS).argv)
    assert "resume_mode=disable" in plain and "resume_from_path" not in plain
    path = Path("/r/attempt-0/checkpoints/global_step_50")
    text = " ".join(build_command(cell, PATHS, checkpoint=path).argv)
    assert "trainer.resume_mode=resume_path" in text and f"trainer.resume_from_path={path}" in text
    assert "trainer.val_before_train=false" in text


def test_the_local_launcher_has_no_queue() -> None:
    with pytest.raises(UsageError, match="launcher=local has no queue"):
        open_queue("local", {})
