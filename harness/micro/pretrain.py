"""Trains a base model: ``python -m harness.micro.pretrain out=<dir> [size=..] [seed=..]``.

Writes the model, the tokenizer and ``manifest.json``, which says how they were made, over earlier
ones with --force.
"""

import datetime
import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli import FORCE, choice, needed, out_folder, read_arguments, run_command, whole
from harness.micro.measure import SAMPLES
from harness.micro.sizes import SIZES
from harness.micro.tokenizer import build_tokenizer
from harness.micro.training import Progress, Schedule, build_model, train
from harness.schema import ExitCode, UsageError
from harness.writing import written_together

DEFAULT_SIZE = "micro_0_8m"
RECORDED_LOSSES = 20
REPORT_EVERY = 50
MANIFEST = "manifest.json"
OPTIONS = {
    "out": needed(out_folder(MANIFEST, "config.json")),
    "size": choice(SIZES, DEFAULT_SIZE),
    "steps": whole(1, default=0),
    "seed": whole(0, default=0),
    "n": whole(0, default=SAMPLES),
}


def pretrain(
    directory: Path, *, size: str, steps: int, seed: int, probe_samples: int, replaces: bool = True
) -> dict[str, Any]:
    """Train from random weights, write everything into a directory and return the manifest.

    Args:
        directory: made if missing.
        size: a key of `SIZES`.
        steps: length of the schedule.
        seed: names the initial weights and the document stream.
        probe_samples: responses per family and difficulty for the statistics; 0 skips them.
        replaces: whether files of the same names are replaced.

    Raises:
        UsageError: If there is no such size, or the files cannot be written.
    """
    if size not in SIZES:
        raise UsageError(f"there is no size {size!r}: expected one of {', '.join(SIZES)}")
    tokenizer = build_tokenizer()
    model = build_model(size, len(tokenizer), tokenizer.eos_token_id, seed)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, {steps} steps, seed {seed}, into {directory}", flush=True)
    schedule = Schedule(steps, SIZES[size].peak_rate)
    losses = train(model, tokenizer, schedule=schedule, seed=seed, report=_print_progress)
    with written_together(directory, "model", replaces=replaces) as half:
        tokenizer.save_pretrained(half)
        model.save_pretrained(half)
        manifest = {
            "command": (
                f"python -m harness.micro.pretrain out=<dir> size={size} steps={steps} seed={seed}"
            ),
            "size": size,
            "seed": seed,
            "steps": steps,
            "parameters": count,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "versions": _versions(),
            "first_losses": losses[:RECORDED_LOSSES],
            "last_loss_mean_of_20": sum(losses[-20:]) / len(losses[-20:]),
            "sha256": file_hashes(half),
            "base_statistics": _statistics(half, probe_samples),
        }
        (half / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def file_hashes(directory: Path) -> dict[str, str]:
    """The sha256 of every file of a directory but the manifest, by name."""
    files = sorted(p for p in directory.iterdir() if p.is_file() and p.name != MANIFEST)
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "tokenizers", "safetensors")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), "machine": platform.machine(), **found}


def _statistics(directory: Path, samples: int) -> dict[str, Any]:
    if samples == 0:
        return {}
    from harness.micro.probe import probe

    return probe(directory, samples=samples)


def _print_progress(progress: Progress) -> None:
    if progress.step % REPORT_EVERY == 0 or progress.step < 3:
        print(
            f"step {progress.step:5d}  loss {progress.loss:.4f}  rate {progress.rate:.1e}  "
            f"{progress.elapsed_s:6.0f} s",
            flush=True,
        )


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    return run_command(argv, __doc__ or "", _pretrain)


def _pretrain(argv: Sequence[str]) -> int:
    given = read_arguments(argv, OPTIONS, flags=[FORCE])
    pretrain(
        Path(given["out"]),
        size=given["size"],
        steps=given["steps"] or SIZES[given["size"]].steps,
        seed=given["seed"],
        probe_samples=given["n"],
        replaces=given[FORCE],
    )
    return ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
