"""Trains a base model: ``python -m harness.micro.pretrain out=<dir> [size=..] [seed=..]``.

Writes the model, the tokenizer and ``manifest.json``, which says how they were made.
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

from harness.micro.arguments import read_arguments
from harness.micro.measure import SAMPLES
from harness.micro.sizes import SIZES
from harness.micro.tokenizer import save_tokenizer
from harness.micro.training import Progress, Schedule, build_model, train
from harness.schema import HarnessError, UsageError

DEFAULT_SIZE = "micro_0_8m"
RECORDED_LOSSES = 20
REPORT_EVERY = 50
MANIFEST = "manifest.json"


def pretrain(
    directory: Path, *, size: str, steps: int, seed: int, probe_samples: int
) -> dict[str, Any]:
    """Train from random weights, write everything into a directory and return the manifest.

    Args:
        directory: made if missing; files of the same names are replaced.
        size: a key of `SIZES`.
        steps: length of the schedule.
        seed: names the initial weights and the document stream.
        probe_samples: responses per family and difficulty for the statistics; 0 skips them.

    Raises:
        UsageError: If there is no such size.
    """
    if size not in SIZES:
        raise UsageError(f"there is no size {size!r}: expected one of {', '.join(SIZES)}")
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = save_tokenizer(directory)
    model = build_model(size, len(tokenizer), tokenizer.eos_token_id, seed)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, {steps} steps, seed {seed}, into {directory}", flush=True)
    schedule = Schedule(steps, SIZES[size].peak_rate)
    losses = train(model, tokenizer, schedule=schedule, seed=seed, report=_print_progress)
    model.save_pretrained(directory)
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
        "sha256": file_hashes(directory),
        "base_statistics": _statistics(directory, probe_samples),
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
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
    try:
        defaults = {"out": None, "size": DEFAULT_SIZE, "steps": 0, "seed": 0, "n": SAMPLES}
        settings = read_arguments(argv, defaults)
        size = str(settings["size"])
        steps = int(settings["steps"]) or (SIZES[size].steps if size in SIZES else 0)
        pretrain(
            Path(str(settings["out"])),
            size=size,
            steps=steps,
            seed=int(settings["seed"]),
            probe_samples=int(settings["n"]),
        )
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
