"""docs/claims.md: the claims and their rules, made from the files, without results."""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims import lint_table
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
in 2 % on either side if noise is normal; the first look that decides counts. For other numbers of
seeds an anytime-valid interval is shown, which decides nothing. Holm's correction runs over the
primary claims of `family.yaml`; secondary claims and smoke tests, which any trainer that works
passes, are reported and are no evidence. A study with a run of the rule's arms unfinished or
without a defined value decides nothing. Micro verdicts say nothing about 7B.
"""


_LINT = """\
## How often a rule is wrong

Every rule at micro scale was simulated with the noise of stored runs (micro/kl_penalty@v3), whole
curves of it, 4,000 made-up studies a point: drawn as normal noise and by a smoothed bootstrap of
seeds, the worse of both shown; at 5 % a figure has a standard error of 0.3 points. "Where false":
one part at its limit, the others far inside; "where true": every part at its limit; power: the
design effect of the file, for a primary claim at the first of eight steps of Holm's correction. A
rule over 5 % at either point, or under 80 % power at 12 seeds, is refused by
`python -m harness.claims lint`, which makes these figures; with 3 seeds nothing is decided."""


def page(claims: Sequence[Claim]) -> str:
    """Return the page."""
    parts = [_HEAD.rstrip(), _LINT, lint_table.markdown(lint_table.stored()), "## The claims"]
    for claim in claims:
        sources = ", ".join(f"`{name}`" for name in claim.references) or "words only"
        parts.append(f"### {claim.id}: {claim.statement}")
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
