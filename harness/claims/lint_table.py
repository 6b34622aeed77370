"""The operating curves of all rules of a scale: simulated, stored, and as tables."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.claims.reading import Claim
from harness.paths import CLAIMS
from harness.schema import DamagedError, UsageError, content_hash
from harness.store.bundle import Bundle
from harness.store.data_names import control_data
from harness.text import NOTHING, markdown_table, plain_table

if TYPE_CHECKING:
    from harness.claims.linting import Lint

FILE = CLAIMS.parent / "lint_micro.csv"
"""The stored figures of the micro rules; docs/claims.md shows them."""

HEADS = (
    *("claim", "role", "reproduced where false", "contradicted where true"),
    *("power at 5 seeds", "8", "12", "limits kept"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was found of one rule; shares in [0, 1].

    Attributes:
        rule: hash of the rule that was simulated.
        false_reproduced: "reproduced" at the worst point where the sentence is false.
        true_contradicted: "contradicted" at the worst point where it is true.
        power_5, power_8, power_12: "reproduced" at the design effect; "" where the scale cannot
            show the effect.
        untestable: why it cannot; "".
        objection: why the rule is refused; "" if it is kept.
    """

    claim: str
    role: str
    rule: str
    false_reproduced: str
    true_contradicted: str
    power_5: str
    power_8: str
    power_12: str
    untestable: str
    objection: str


def lint(claims: Sequence[Claim], scale: str, noises: Sequence[Bundle]) -> list[Lint]:
    """Simulate the rules of claims at a scale, with a line on the console for each.

    Raises:
        UsageError: see `noise_of` and `harness.claims.linting.lint_rule`.
    """
    from harness.claims.linting import lint_rule

    taken = [noise_of(claim, scale, noises) for claim in claims]
    found = []
    for claim, noise in zip(claims, taken, strict=True):
        print(f"simulating {claim.id} ...", file=sys.stderr)
        found.append(lint_rule(claim, claim.rules[scale], noise.tables))
    return found


def noise_of(claim: Claim, scale: str, noises: Sequence[Bundle]) -> Bundle:
    """Return the first stored runs that may lend their noise to a rule.

    Raises:
        UsageError: no runs have all its metrics, or they are of another data set, whose noise may
            be another.
    """
    rule = claim.rules[scale]
    able = [one for one in noises if set(rule.metrics) <= set(one.tables.steps["metric"].unique())]
    if not able:
        raise UsageError(
            f"the rule of {claim.id} needs {', '.join(rule.metrics)}, and"
            f" noise={','.join(one.name for one in noises)} lacks it: name stored runs that have it"
        )
    data = control_data(able[0].manifest["protocol"], able[0].manifest["control"])
    if not rule.is_for(data):
        raise UsageError(
            f"the rule of {claim.id} is for data set {rule.data}, and noise={able[0].name} is of"
            f" {data or 'an unknown one'}: name stored runs of {rule.data}"
        )
    return able[0]


def row_of(found: Lint, scale: str) -> Row:
    """Write out what was found of one rule, with shares to four digits."""
    claim = found.claim
    return Row(
        claim=claim.id,
        role=claim.role,
        rule=hash_of(claim, scale),
        false_reproduced=f"{found.wrongly_reproduced:.4f}",
        true_contradicted=f"{found.wrongly_contradicted:.4f}",
        **{f"power_{n}": _share(found.power, n) for n in (5, 8, 12)},
        untestable=claim.rules[scale].untestable,
        objection=found.objection,
    )


def curve_text(found: Lint) -> str:
    """Return the operating curve of a rule: reproduced / contradicted at each true effect."""
    points = [point for point in found.points if point.name not in ("false", "true", "design")]
    counts = list(dict.fromkeys(point.seeds for point in points))
    heads = ["true effect", "noise", *(f"{count} seeds" for count in counts)]
    rows = []
    for name, noise in dict.fromkeys((point.name, point.noise) for point in points):
        mine = [point for point in points if (point.name, point.noise) == (name, noise)]
        cells = [f"{point.reproduced:.0%} / {point.contradicted:.0%}" for point in mine]
        rows.append([name, noise, *cells])
    return (
        f"{plain_table(heads, rows)}\n\nreproduced / contradicted in per cent of made-up studies;"
        " true effect: 0 is the limit of each part, 1 the design effect"
    )


def hash_of(claim: Claim, scale: str) -> str:
    """Hash what was simulated: the rule as it stands in the file, and the claim's role."""
    return content_hash([claim.document["rules"][scale], claim.role])[:16]


def csv_text(rows: Sequence[Row]) -> str:
    """Return the rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(asdict(rows[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue()


def stored(path: Path = FILE) -> list[Row]:
    """Return the stored figures.

    Raises:
        DamagedError: the file is not of this form.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [Row(**row) for row in csv.DictReader(file)]
    except (OSError, TypeError) as error:
        raise DamagedError(
            f"{path} cannot be read: write it with python -m harness.claims lint out={path}"
        ) from error


def text(rows: Sequence[Row]) -> str:
    """Return the figures for a terminal."""
    return plain_table(HEADS, [_cells(row) for row in rows])


def markdown(rows: Sequence[Row]) -> str:
    """Return the figures as a Markdown table."""
    return markdown_table(HEADS, [_cells(row) for row in rows], "<<>>>>><")


def _cells(row: Row) -> list[str]:
    powers = [_percent(power) for power in (row.power_5, row.power_8, row.power_12)]
    kept = row.objection or ("untestable here" if row.untestable else "yes")
    errors = [_percent(row.false_reproduced), _percent(row.true_contradicted)]
    return [row.claim, row.role, *errors, *powers, kept]


def _percent(share: str) -> str:
    return f"{float(share):.1%}" if share else NOTHING


def _share(power: Mapping[int, float], seeds: int) -> str:
    return f"{power[seeds]:.4f}" if seeds in power else ""
