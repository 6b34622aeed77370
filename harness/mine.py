"""`python -m harness.mine runs=<dir>[,<dir>...] data=<file> out=<dir>`: the hard prompts of a run.

    python -m harness.mine runs=<dir>[,<dir>...] data=<file> out=<dir> [fewer_than=4] [of=64]

Finds the hard prompts of a training run, as the annealing stage of ORZ-32B needs them: those of
whose responses fewer than `fewer_than` were right, of `of` in all.

  runs=   directories of runs (`results/<scale>/<ablation>/runs/<run>`), in the order of training
  data=   the training set that they were trained on, a Parquet file
  out=    gets train.parquet (the hard rows of `data`, in its order) and counts.csv, over earlier
          ones with --force

The attempts are the rollouts that veRL wrote while it trained. A prompt that was visited more than
once counts with its last visit, since the paper does not say; one whose last visit lacks responses
is left out and counted. Source: Open-Reasoner-Zero v1, sections 2.1.1 and 3.1.
"""

from __future__ import annotations

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.cli import (
    FORCE,
    folder,
    needed,
    out_folder,
    place,
    read_arguments,
    run_command,
    several,
    whole,
)
from harness.metrics.streams import read_lines
from harness.schema import DamagedError, ExitCode, UsageError
from harness.store.files import write_atomic
from harness.untrusted.files import Refused, read_bytes
from harness.untrusted.tables import read_frame
from harness.untrusted.yaml_text import MOST_YAML_BYTES, parse_yaml
from harness.writing import written_together

TRAIN = "train.parquet"
PAYS_FOR_CORRECT = ("rule", "orz")
"""Rewards that are 1 for a right answer and 0 for any other: only these tell what was right."""

OPTIONS = {
    "runs": needed(several(folder())),
    "data": needed(place()),
    "out": needed(out_folder(TRAIN, "counts.csv")),
    "fewer_than": whole(1, default=4),
    "of": whole(1, default=64),
}


class Visit(NamedTuple):
    """What came of the responses to one prompt in one training step.

    Attributes:
        step: training step, counted over all runs that were given.
        responses: number of responses that were scored.
        correct: number of them that were right.
    """

    step: int
    responses: int
    correct: int


def last_visits(files: Sequence[Path]) -> dict[str, Visit]:
    """Return prompt -> its last visit.

    Args:
        files: rollouts of single steps, in the order of training.

    Raises:
        DamagedError: a file is not what veRL writes.
    """
    visits: dict[str, Visit] = {}
    for step, path in enumerate(files, start=1):
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in read_lines(path).rows:
            prompt, score = _fields(row, path)
            counts[prompt][0] += 1
            counts[prompt][1] += score
        visits.update({prompt: Visit(step, n, right) for prompt, (n, right) in counts.items()})
    return visits


def hard_prompts(visits: Mapping[str, Visit], fewer_than: int, of: int) -> set[str]:
    """Return the prompts with fewer right responses than `fewer_than`, of exactly `of`."""
    return {
        prompt
        for prompt, visit in visits.items()
        if visit.responses == of and visit.correct < fewer_than
    }


def rollout_files(run: Path) -> Iterator[Path]:
    """Yield the rollout files of a run's last attempt, by step.

    Raises:
        UsageError: there is none, or its reward does not say what was right.
    """
    spec = run / "spec.yaml"
    if not spec.is_file():
        raise UsageError(f"{run} is no run: expected spec.yaml and attempt-<n>/rollouts in it")
    try:
        reward = parse_yaml(read_bytes(spec, MOST_YAML_BYTES))["config"]["reward"]["name"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"{spec} does not say with which reward the run was trained") from error
    if reward not in PAYS_FOR_CORRECT:
        raise UsageError(
            f"{run} was trained with reward {reward}, which does not say what was right: expected"
            f" one of {', '.join(PAYS_FOR_CORRECT)}"
        )
    # by number: attempt-10 comes after attempt-9
    attempts = sorted(run.glob("attempt-[0-9]*"), key=lambda path: int(path.name.split("-")[1]))
    files = list(attempts[-1].glob("rollouts/*.jsonl")) if attempts else []
    if not files:
        raise UsageError(f"{run} has no rollouts: expected attempt-<n>/rollouts/<step>.jsonl")
    yield from sorted(files, key=lambda path: int(path.stem))


def write_hard(
    data: Path,
    out: Path,
    visits: Mapping[str, Visit],
    hard: set[str],
    *,
    replaces: bool = True,
) -> int:
    """Write the hard rows of a training set and the counts of all; return how many rows are hard.

    Raises:
        UsageError: the training set cannot be read, or has none of the prompts; the files cannot
            be written, or are there and are not to be replaced.
    """
    import pandas as pd

    try:
        frame = read_frame(data)
    except OSError as error:
        raise UsageError(f"data={data} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise UsageError(f"data={data} {error}") from error
    keys = frame["prompt"].map(lambda messages: prompt_key(messages[0]["content"]))
    if not keys.isin(list(visits)).any():
        raise UsageError(f"no prompt of the runs is in {data}: give the set that they trained on")
    chosen = frame[keys.isin(list(hard))]
    rows = [(*visits[key], key in hard) for key in keys if key in visits]
    counts = pd.DataFrame(rows, columns=["step", "responses", "correct", "is_hard"])
    counts.insert(0, "question_id", _question_ids(frame[keys.isin(list(visits))]))
    with written_together(out, "prompts", replaces=replaces) as half:
        chosen.to_parquet(half / TRAIN, index=False)
        write_atomic(half / "counts.csv", counts.to_csv(index=False))
    return len(chosen)


def prompt_key(text: str) -> str:
    """Return a prompt as tokenizers write it back: in NFC, without outer space."""
    return unicodedata.normalize("NFC", text).strip()


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _mine)


def _mine(argv: Sequence[str]) -> int:
    given = read_arguments(argv, OPTIONS, flags=[FORCE])
    fewer_than, of = given["fewer_than"], given["of"]
    files = [file for run in given["runs"].split(",") for file in rollout_files(Path(run))]
    visits = last_visits(files)
    hard = hard_prompts(visits, fewer_than, of)
    out = Path(given["out"])
    count = write_hard(Path(given["data"]), out, visits, hard, replaces=given[FORCE])
    lacking = sum(visit.responses != of for visit in visits.values())
    print(
        f"{count} hard rows: fewer than {fewer_than} right of {of}; {len(visits)} prompts in"
        f" {len(files)} steps, {lacking} left out for want of responses; wrote {given['out']}"
    )
    return ExitCode.OK


def _fields(row: Mapping[str, Any], path: Path) -> tuple[str, int]:
    prompt, score = row.get("input"), row.get("score")
    if not isinstance(prompt, str) or score not in (0, 1):
        raise DamagedError(
            f"a row of {path} has score {score!r} and a prompt of type {type(prompt).__name__}:"
            " expected text and a reward of 0 or 1"
        )
    return prompt_key(prompt), int(score)


def _question_ids(frame: Any) -> list[str]:
    return [str(info["question_id"]) for info in frame["extra_info"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
