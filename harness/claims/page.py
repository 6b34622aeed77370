"""docs/claims.md: the claims and their rules, made from the files, without results."""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims.reading import Claim
from harness.text import paragraphs

_HEAD = """\
# Claims

Made from `baselines/papers/open_reasoner_zero/claims/*.yaml` by `python -m harness.claims
format=pages`; a test compares.

Each finding of the paper is one or more claims. A claim says what the paper publishes and where it
stands (`baselines/papers/open_reasoner_zero/tables.yaml`, `curves/curves.yaml`), when it would pass
at its own scale, and, where the question makes sense in the micro-world, by which rule micro runs
decide it. `python -m harness.claims` prints the verdicts.

- **reproduced / contradicted**: the rule's condition holds for the interval over training seeds.
- **inconclusive**: neither holds; the sheet says how many seeds would decide if mean and spread
  stayed as they are.
- **not run**: no finished run may decide it; the sheet says which command would.

A rule is older than the runs that it judges: the sheet compares the date of the commit that brought
the rule's present content with the start of the runs, and calls everything else exploratory: a rule
that is younger or not committed, runs that began nobody knows when. Seeds that helped to write a
rule decide nothing, and neither does a study with a run of the rule's arms unfinished or without a
defined value. Where the commit that made the runs is not in this repository's history, the sheet
says so. The word of a verdict follows the rule of its claim alone; beside it stands the one-sided p
value of the test of `reproduced`, corrected by Holm's method over all claims of the same ablation:
above 0.025, what a 95 % interval leaves on either side, the word holds for its claim alone. Micro
verdicts say nothing about 7B.
"""


def page(claims: Sequence[Claim]) -> str:
    """Return the page."""
    parts = [_HEAD.rstrip()]
    for claim in claims:
        sources = ", ".join(f"`{name}`" for name in claim.references) or "words only"
        arms = ", ".join(f"`{arm}`" for arm in claim.arms)
        parts.append(f"## {claim.id}: {claim.statement}")
        about = f"ablation `{claim.ablation}`, arms {arms}; metric {claim.metric}"
        items = [
            f"- Finding {claim.finding}; {about} ({claim.direction}).",
            f"- Paper: {claim.quantity} ({sources}).",
            f"- Passes at {claim.scale}, {claim.seeds} seeds: {claim.pass_rule}",
        ]
        if claim.rules:
            items += [f"- Rule at {scale}: {rule.text()}" for scale, rule in claim.rules.items()]
        elif "micro" not in claim.meaningful:
            items.append("- Says nothing at micro scale.")
        else:
            items.append("- No rule at micro scale yet.")
        parts.append("\n".join(items))
    return paragraphs(*parts) + "\n"
