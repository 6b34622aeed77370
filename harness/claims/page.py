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
without a defined value decides nothing. A rule that names a data set judges only studies whose
control was trained on it; of any other its claim is "not run". Micro verdicts say nothing about 7B.
"""

_REGISTRATION = """\
## When a verdict is confirmatory

When a run is launched, by any launcher, its record takes the hash of every rule that could judge
it, of its config, of the code that measures and judges, and the commit that is checked out. The
results table (`registered`, `judge`) and the cells of a baseline keep them. The hash of a rule is
of its content as JSON with sorted keys: all of the claim file but what the paper published and what
stands there for other scales. Comments, blanks and the order of keys do not matter, everything else
does, to the byte.

- **confirmatory (by this repository's history)**: the rule that judges is the one that every run
  recorded; it stands in the tree of the commit that the run records, which is an ancestor of the
  one checked out, and the checkout was clean; of a primary claim, it was primary there, and no
  claim has left the family since; and no version of the study's results or baselines that was ever
  committed before it holds the same arm and seed under another rule, or under none known.
- **confirmatory (timestamped)**: the same, and `<claim>.yaml.tsr` beside the claim file is the
  RFC 3161 stamp of its bytes at that commit, of before the first run began. `openssl ts` checks it
  offline against the certificates in the file that HARNESS_TIMESTAMP_CA names: whoever checks says
  whom to believe. OpenTimestamps files are not counted, since they cannot be checked without the
  Bitcoin chain.
- **exploratory**: one of these is not so; the sheet says which. So is every run of before hashes
  were recorded, one that was resumed under another rule, and one that repeats known seeds.
- **not checked**: the history that would show it is not here: no git, a shallow clone, a squash
  that lost the commit.

Dates are shown and decide nothing, but for the stamp's own. A history that was rewritten as a
whole, commits and records and all, cannot be told from an honest one offline: hence the words "by
this repository's history". Neither can results that were known and never committed, or committed
under another study's name, or runs that were left out.

`python -m harness.claims verify` holds every stored study against all this: the rules as they read
now, records, trees of commits, results tables, baselines. It names each inconsistency and ends with
10 if there is one, and with 11 if the history is not here.

```
openssl ts -query -data <claim>.yaml -sha256 -cert -out query.tsq
curl -H 'Content-Type: application/timestamp-query' --data-binary @query.tsq <authority> \\
    -o <claim>.yaml.tsr
```
"""

_LINT = """\
## How often a rule is wrong

Every rule at micro scale was simulated with the noise of stored runs (micro/noise@v1; f21
with micro/noise@v2, which has its metrics), whole curves of it, or for a share of steps the share
itself, 4,000 made-up studies a point: drawn as normal noise and by a smoothed bootstrap of seeds,
the worse of both shown; at 5 % a figure has a standard error of 0.3 points. "Where false": one part
at its limit, the others far inside; "where true": every part at its limit; power: the
design effect of the file, for a primary claim at the first of eight steps of Holm's correction. A
rule over 5 % at either point, or under 80 % power at 12 seeds, is refused by
`python -m harness.claims lint`, which makes these figures; with 3 seeds nothing is decided."""


def page(claims: Sequence[Claim]) -> str:
    """Return the page."""
    parts = [
        _HEAD.rstrip(),
        _REGISTRATION.rstrip(),
        _LINT,
        lint_table.markdown(lint_table.stored()),
        "## The claims",
    ]
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
