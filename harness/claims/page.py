"""docs/claims.md: the claims and their rules, made from the files, without results."""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims.reading import Claim
from harness.text import paragraphs

_HEAD = """\
# Claims

Made from `baselines/papers/open_reasoner_zero/claims/*.yaml` by `python -m harness.docs
claims`; a test compares.

Each finding of the paper is one or more claims. A claim says what the paper publishes and where it
stands (`baselines/papers/open_reasoner_zero/tables.yaml`, `curves/curves.yaml`), and by which rule
runs decide it, scale by scale. `python -m harness.claims` prints the verdicts.

- **reproduced**: the interval of every part of the rule lies inside its limits.
- **contradicted**: the interval of one part lies outside, at an error rate shared by all limits.
- **inconclusive**: neither; the sheet names the next look.
- **untestable here**: what the runs show rests on absence (an equivalence, or a contradiction
  without an effect the other way), and nothing shows that this study could have seen an effect: no
  control arm, a control without a response, or a world that cannot show it.
- **not run**: no finished run may decide it; the sheet says which command would.

Seeds may be added at looks written beforehand: at 5, 8 and 12 seeds, whose intervals together err
in at most 2.5 % on either side; the first look that decides counts. For other numbers of seeds an
anytime-valid interval is shown, which decides nothing. Holm's correction runs over the primary
claims of `family.yaml`; secondary claims and smoke tests, which any trainer that works passes, are
reported and are no evidence. A study with a run of the rule's arms unfinished or without a defined
value decides nothing. Micro verdicts say nothing about 7B.

"""


def page(claims: Sequence[Claim]) -> str:
    """Return the page."""
    parts = [_HEAD.rstrip()]
    for claim in claims:
        sources = ", ".join(f"`{name}`" for name in claim.references) or "words only"
        parts.append(f"## {claim.id}: {claim.statement}")
        items = [
            f"- Finding {claim.finding}, {claim.role}; ablation `{claim.ablation}`.",
            f"- Paper ({claim.scale}): {claim.quantity} ({sources}).",
        ]
        for scale, rule in claim.rules.items():
            because = f" Design effect: {rule.because}." if rule.because else ""
            items.append(f"- Rule at {scale}: {rule.text()}{because}")
        items += [f"- No rule at {scale}: {why}." for scale, why in claim.no_rule.items()]
        if "micro" not in claim.meaningful:
            items.append("- Says nothing at micro scale.")
        parts.append("\n".join(items))
    return paragraphs(*parts) + "\n"
