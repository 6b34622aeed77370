"""Measures a model: ``python -m harness.micro.probe model=<name or dir> [n=..] [seed=..]``.

Samples with plain transformers at temperature 1 and top-p 1 on held-out questions of every family,
then makes the model go on for 1, 2, 4, ... attempts, and rewards its direct guesses for some steps.
Prints one table of each, and what of the demands on a world is missing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli import needed, place, read_arguments, run_command, whole
from harness.micro.measure import (
    SAMPLES,
    as_values,
    direct_curve,
    format_direct,
    format_persistence,
    format_statistics,
    measure_families,
    measure_persistence,
)
from harness.micro.models import model_dir
from harness.micro.properties import missing
from harness.micro.sampling import load
from harness.micro.sizes import SIZES
from harness.schema import ExitCode

OPTIONS = {
    "model": needed(place()),
    "n": whole(1, default=SAMPLES),
    "seed": whole(0, default=0),
}


def probe(directory: Path, *, samples: int = SAMPLES, seed: int = 0) -> dict[str, Any]:
    """Measure what the base model does and could do.

    Args:
        directory: a model directory with its tokenizer.
        samples: responses per family and difficulty, one per question.
        seed: of the sampling.

    Returns:
        ``families``: statistics by family; ``persistence``: accuracy and length by attempts
        allowed, of the families that search; ``direct``: accuracy of rewarded guesses by step.
    """
    loaded = load(directory)
    families = measure_families(loaded, samples, seed)
    persistence = measure_persistence(loaded, samples, seed)
    return {
        "families": {name: as_values(one) for name, one in families.items()},
        "persistence": {name: [as_values(p) for p in ps] for name, ps in persistence.items()},
        "direct": direct_curve(directory, seed=seed),
    }


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    return run_command(argv, __doc__ or "", _probe)


def _probe(argv: Sequence[str]) -> int:
    given = read_arguments(argv, OPTIONS)
    name = given["model"]
    directory = model_dir(name) if name in SIZES else Path(name)
    found = probe(directory, samples=given["n"], seed=given["seed"])
    print(format_statistics(found["families"]))
    print(format_persistence(found["persistence"]))
    print(format_direct(found["direct"]))
    print(f"demands that do not hold: {', '.join(missing(found)) or 'none'}")
    return ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
