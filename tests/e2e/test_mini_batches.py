"""Which responses share an update in a real cell, as its own workers saw them."""

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
WORDS = ("scale=micro", "seeds=1", "steps=1", "dataset.eval_size=8")
MODULES = "harness.plugins.cpu,tests.e2e.mini_batch_recorder"


class Update(NamedTuple):
    """One update of a model, with the (question, sample) of each of its responses."""

    model: str
    rows: list[tuple[int, int]]


def updates_of(folder: Path, *words: str) -> list[Update]:
    """Run one cell of one step, and read what its workers wrote down."""
    seen = folder / "updates.jsonl"
    command = [sys.executable, "-m", "harness.run", f"results_dir={folder}", *WORDS, *words]
    command += [f"environment.VERL_USE_EXTERNAL_MODULES='{MODULES}'"]
    command += [f"+environment.TEST_MINI_BATCHES={seen}"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    lines = [json.loads(line) for line in seen.read_text().splitlines()]
    return [Update(line["model"], [(q, s) for q, s in line["rows"]]) for line in lines]


def policy(updates: list[Update]) -> list[list[tuple[int, int]]]:
    return [update.rows for update in updates if update.model == "language_model"]


def test_the_mini_batches_of_a_real_cell_mix_questions_as_the_short_way_says(
    tmp_path: Path,
) -> None:
    """`update_path`, by which the fast tests look, leads to the mini-batches of a real cell."""
    from harness.spec import config as configs
    from harness.spec.study import make_study
    from tests.plugins import update_path

    found = policy(updates_of(tmp_path, "ablation=updates_per_rollout", "levels=['8']"))
    rows = sorted(chain(*found))
    place = {question: n for n, question in enumerate(sorted({question for question, _ in rows}))}
    with configs.session():
        study = make_study(["ablation=updates_per_rollout", "levels=['8']", "seeds=1"])
    verl: dict[str, Any] = dict(study.cells[0].config["verl"])
    assert len(rows) == len(set(rows)) == len(place) * verl["actor_rollout_ref"]["rollout"]["n"]
    assert [[(place[q], s) for q, s in update] for update in found] == update_path.updates_of(
        verl, "actor"
    )
    assert min(len({question for question, _ in update}) for update in found) > 1


def test_a_real_cell_that_does_not_shuffle_holds_whole_questions(tmp_path: Path) -> None:
    actor = "verl.actor_rollout_ref.actor"
    found = policy(
        updates_of(
            tmp_path,
            *("ablation=kl_penalty", "levels=[none]", f"{actor}.shuffle=false"),
            f"{actor}.ppo_mini_batch_size='${{quotient:${{verl.data.train_batch_size}},8}}'",
            f"{actor}.ppo_micro_batch_size_per_gpu=8",
        )
    )
    assert len(found) == 8
    samples = len(found[0]) // len({question for question, _ in found[0]})
    for update in found:
        assert len({question for question, _ in update}) * samples == len(update)
        assert update == sorted(update)
