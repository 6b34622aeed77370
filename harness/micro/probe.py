"""Measures a model: ``python -m harness.micro.probe model=<dir> [n=..] [limit=..] [seed=..]``.

Samples with plain transformers at temperature 1 and top-p 1 on both held-out sets and prints one
table: accuracy by ORZ's rule, format, length, and share and accuracy of each style.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.micro.arguments import read_arguments
from harness.micro.dataset import rows_of
from harness.micro.grade import Judgement, judge
from harness.micro.hashing import axis_hash
from harness.schema import HarnessError, UsageError

RESPONSE_LIMIT = 80
SAMPLES = 1024
QUESTIONS = 256
BATCH = 256
STOP_TEXT = "</answer>"


class Summary(NamedTuple):
    """Statistics of one evaluation set; shares in 0..1, NaN where nothing was counted."""

    samples: int
    accuracy: float
    format: float
    truncated: float
    length_tokens: float
    direct_share: float
    direct_accuracy: float
    worked_share: float
    worked_accuracy: float
    worked_right_value: float
    slip_share: float
    slip_accuracy: float


def probe(
    directory: Path, *, samples: int = SAMPLES, limit: int = RESPONSE_LIMIT, seed: int = 0
) -> dict[str, Summary]:
    """Sample a model on ``eval_easy`` and ``eval_hard`` and summarise.

    Args:
        directory: a model directory with its tokenizer.
        samples: responses per set, spread evenly over up to `QUESTIONS` questions.
        limit: longest response in tokens; a longer one counts as truncated.
        seed: of the sampling.
    """
    if not (directory / "config.json").is_file():
        raise UsageError(f"{directory} holds no model (no config.json): give model=<dir>")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="float32").eval()
    summaries = {}
    for split in ("eval_easy", "eval_hard"):
        rows = rows_of(split, min(samples, QUESTIONS))
        asked = [rows[i % len(rows)] for i in range(samples)]
        responses = sample_responses(
            model, tokenizer, [row["prompt"][0]["content"] for row in asked], limit, seed
        )
        summaries[split] = summarise(
            [
                judge(text, int(row["reward_model"]["ground_truth"]), finished=finished)
                for row, (text, finished, _) in zip(asked, responses, strict=True)
            ],
            [length for _, _, length in responses],
        )
    return summaries


def sample_responses(
    model: Any, tokenizer: Any, prompts: Sequence[str], limit: int, seed: int
) -> list[tuple[str, bool, int]]:
    """Sample one response per prompt at temperature 1, ended by eos or ``</answer>``.

    Returns:
        (text without eos, whether it ended before the limit, length in tokens) per prompt.
    """
    import torch

    torch.manual_seed(axis_hash("probe", seed) % 2**63)
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(STOP_TEXT)]
    results = []
    for start in range(0, len(prompts), BATCH):
        inputs = tokenizer(list(prompts[start : start + BATCH]), padding=True, return_tensors="pt")
        with torch.inference_mode():
            output = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                do_sample=True,
                temperature=1.0,
                top_p=1.0,
                top_k=0,
                max_new_tokens=limit,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id,
            )
        for row in output[:, inputs["input_ids"].shape[1] :].tolist():
            length = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
            text = tokenizer.decode(row[:length], skip_special_tokens=True)
            results.append((text, row[length - 1] in ends, length))
    return results


def summarise(judgements: Sequence[Judgement], lengths: Sequence[int]) -> Summary:
    """Count judged responses."""
    by_style = {
        style: [j for j in judgements if j.style == style] for style in ("direct", "worked", "slip")
    }
    valued = [j for j in by_style["worked"] if j.right_value is not None]
    shares = {f"{style}_share": len(js) / len(judgements) for style, js in by_style.items()}
    right = {f"{style}_accuracy": _mean([j.correct for j in js]) for style, js in by_style.items()}
    return Summary(
        samples=len(judgements),
        accuracy=_mean([j.correct for j in judgements]),
        format=_mean([j.well_formed for j in judgements]),
        truncated=_mean([not j.finished for j in judgements]),
        length_tokens=_mean(lengths),
        worked_right_value=_mean([bool(j.right_value) for j in valued]),
        **shares,
        **right,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def format_table(summaries: dict[str, Summary]) -> str:
    """An aligned table, one statistic a line, one set a column."""
    lines = [f"{'':20s}" + "".join(f"{name:>12s}" for name in summaries)]
    for field in Summary._fields:
        values = [getattr(summary, field) for summary in summaries.values()]
        digits = 0 if field == "samples" else 1 if field == "length_tokens" else 3
        lines.append(f"{field:20s}" + "".join(f"{value:12.{digits}f}" for value in values))
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        defaults = {"model": None, "n": SAMPLES, "limit": RESPONSE_LIMIT, "seed": 0}
        settings = read_arguments(argv, defaults)
        summaries = probe(
            Path(str(settings["model"])),
            samples=int(settings["n"]),
            limit=int(settings["limit"]),
            seed=int(settings["seed"]),
        )
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(format_table(summaries))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
