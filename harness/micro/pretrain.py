"""Trains the base model: ``python -m harness.micro.pretrain out=<dir> [steps=..] [seed=..]``.

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
from harness.micro.tokenizer import save_tokenizer
from harness.micro.training import Progress, build_model, train
from harness.schema import HarnessError

DEFAULT_STEPS = 1800
RECORDED_LOSSES = 20
REPORT_EVERY = 50
MANIFEST = "manifest.json"


def pretrain(directory: Path, *, steps: int, seed: int, probe_samples: int) -> dict[str, Any]:
    """Train from random weights, write everything into a directory and return the manifest.

    Args:
        directory: made if missing; files of the same names are replaced.
        steps: length of the schedule.
        seed: names the initial weights and the document stream.
        probe_samples: responses per evaluation set for the base statistics; 0 skips them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = save_tokenizer(directory)
    model = build_model(len(tokenizer), tokenizer.eos_token_id, seed)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, {steps} steps, seed {seed}, into {directory}", flush=True)
    losses = train(model, tokenizer, steps=steps, seed=seed, report=_print_progress)
    model.save_pretrained(directory)
    manifest = {
        "command": f"python -m harness.micro.pretrain out=<dir> steps={steps} seed={seed}",
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

    return {name: summary._asdict() for name, summary in probe(directory, samples=samples).items()}


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
        defaults = {"out": None, "steps": DEFAULT_STEPS, "seed": 0, "n": 1024}
        settings = read_arguments(argv, defaults)
        pretrain(
            Path(str(settings["out"])),
            steps=int(settings["steps"]),
            seed=int(settings["seed"]),
            probe_samples=int(settings["n"]),
        )
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
