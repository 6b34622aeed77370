"""The overlap of a training set and its evaluation sets, as text and as a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.data.overlap import KINDS, LARGE, Match, Overlap
from harness.text import markdown_table, paragraphs

EXAMPLES = 3
"""Examples of each kind that a report shows."""

WITHHELD = "(not shown: the set's authors ask that its questions be in no public text)"
_LONGEST = 200


def report(
    training: str,
    found: Mapping[str, Overlap],
    *,
    ngram: int,
    withheld: Sequence[str] = (),
) -> str:
    """Return the report in Markdown.

    Args:
        training: name of the training set.
        found: evaluation set -> what it has in common with the training set.
        ngram: tokens of an n-gram.
        withheld: evaluation sets whose questions are not shown.
    """
    rows = [
        [
            *(name, str(one.questions)),
            *(str(one.count(kind)) for kind in KINDS),
            *(str(one.large), str(one.short)),
        ]
        for name, one in found.items()
    ]
    heads = ["evaluation set", "questions", *KINDS, f"of these >= {LARGE:.0%}", "too short"]
    examples = [
        _example(match, name, is_shown=name not in withheld)
        for name, one in found.items()
        for kind in KINDS
        for match in _first(one, kind)
    ]
    return (
        paragraphs(
            f"# What {training} has of the evaluation sets",
            "Each evaluation question counts once, by the strongest match: the same text, the same"
            f" words and operators, or a run of {ngram} of them in common. One run alone may be a"
            f" stock phrase; of these >= {LARGE:.0%} counts those that share at least that part"
            f" of their runs. Too short: fewer than {ngram}, so only the first two can be looked"
            " for.",
            markdown_table(heads, rows),
            "## Examples" if examples else "Nothing in common was found.",
            *examples,
        )
        + "\n"
    )


def document(
    training: str, found: Mapping[str, Overlap], *, ngram: int, withheld: Sequence[str] = ()
) -> dict[str, Any]:
    """Return all matches, JSON-like; questions of the sets in `withheld` are null."""
    return {
        "training": training,
        "ngram": ngram,
        "evaluations": {
            name: {
                "questions": one.questions,
                "too_short": one.short,
                "counts": {kind: one.count(kind) for kind in KINDS},
                "ngram_large": one.large,
                "matches": [_entry(match, is_shown=name not in withheld) for match in one.matches],
            }
            for name, one in found.items()
        },
    }


def _first(one: Overlap, kind: str) -> list[Match]:
    matches = [match for match in one.matches if match.kind == kind]
    return sorted(matches, key=lambda match: -match.share)[:EXAMPLES]


def _example(match: Match, name: str, *, is_shown: bool) -> str:
    share = f", {match.share:.0%} of its n-grams" if match.kind == "n-gram" else ""
    pair = [match.evaluation.text, match.training.text] if is_shown else [WITHHELD] * 2
    return (
        f"**{match.kind}{share}**: {name} {match.evaluation.id} and training"
        f" {match.training.id}\n\n> {_short(pair[0])}\n\n> {_short(pair[1])}"
    )


def _entry(match: Match, *, is_shown: bool) -> dict[str, Any]:
    return {
        "kind": match.kind,
        "share": round(match.share, 4),
        "evaluation_id": match.evaluation.id,
        "training_id": match.training.id,
        "evaluation": match.evaluation.text if is_shown else None,
        "training": match.training.text if is_shown else None,
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."
