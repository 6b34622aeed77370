"""The rule of a claim: when its sentence is true, and what shows that a study could have seen it.

    holds_when:                 all of these, or the sentence is false
      - {measure: level, metric: accuracy_easy, arm: {kl: none}, minus: {kl: loss}, above: 0.0}
    control:                    an effect that is known to be large, on the claim's own metric
      - {measure: level, metric: accuracy_easy, arm: {kl: none}, minus: {kl: huge}, above: 0.1}
    design_effect: {values: [0.08], because: published difference / published rise x rise here}
    data: micro                 data set of the runs that it judges; left out, any
    steps: 240                  fewest training steps of runs that it judges
    untestable: ...             why this scale cannot show the effect; then no verdict rests on it
    exploratory_seeds: [1, 2]   seeds that helped to write the rule: shown, but they decide nothing

Each part is one quantity per seed (`harness.claims.quantities`) whose mean over seeds must be
`above` a number, `below` one, or `within` a margin around 0 (around 1 for a ratio). `minus` may be
a list of arms: one part for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from harness.claims.quantities import Measure, Quantity
from harness.metrics.columns import column_of
from harness.schema import UsageError
from harness.typed import Form, Many, Text, checked

Bound = Literal["above", "below", "within"]

Levels = Mapping[str, Text]
SeveralLevels = Annotated[
    tuple[Levels, ...],
    BeforeValidator(lambda found: (found,) if isinstance(found, Mapping) else tuple(found)),
]
Steps = Annotated[
    tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]],
    BeforeValidator(lambda found: tuple(found) if isinstance(found, list) else found),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One statement about the mean of a quantity.

    Attributes:
        quantity: what is measured.
        bound: on which side of the threshold the mean must be.
        threshold: in the unit of the metric, or a ratio; half-width of the region for `within`.
    """

    quantity: Quantity
    bound: Bound
    threshold: float

    @property
    def limits(self) -> tuple[float, float]:
        """Open interval in which the mean must lie, on the scale on which it is measured."""
        edge = math.log(self.threshold) if self.quantity.ratio else self.threshold
        if self.bound == "within":
            return -edge, edge
        return (edge, math.inf) if self.bound == "above" else (-math.inf, edge)

    @property
    def rests_on_absence(self) -> bool:
        """Whether it holds where nothing happens at all."""
        low, high = self.limits
        return self.neutral is not None and low < self.neutral < high

    @property
    def neutral(self) -> float | None:
        """The quantity's neutral value on the scale on which it is measured."""
        return 0.0 if self.quantity.ratio else self.quantity.neutral

    def text(self) -> str:
        """Return it as a clause."""
        if self.bound == "within":
            around = f"a factor of {self.threshold:g}" if self.quantity.ratio else "±"
            number = "" if self.quantity.ratio else f"{self.threshold:g}"
            return f"{self.quantity.name()} is within {around}{number}"
        return f"{self.quantity.name()} is {self.bound} {self.threshold:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRule:
    """A rule, checked.

    Attributes:
        parts: all of them must hold for the sentence to be true.
        control: what must be shown in the same study before anything that rests on absence is said.
        design: value of each part at which the rule should say "reproduced" in 80 % of studies,
            on the scale of its threshold; empty where the scale cannot show the effect.
        because: where the design values come from.
        data: name of the data set on which the control arm of a study must have been trained; ""
            is any.
        steps: fewest training steps.
        untestable: why this scale cannot show the effect; "" if it can.
        exploratory_seeds: seeds that decide nothing.
    """

    parts: tuple[Part, ...]
    control: tuple[Part, ...]
    design: tuple[float, ...]
    because: str
    data: str
    steps: int
    untestable: str
    exploratory_seeds: tuple[int, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Full names of the metrics that it looks at."""
        parts = (*self.parts, *self.control)
        return tuple(dict.fromkeys(part.quantity.metric for part in parts))

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms that the sentence is about, without those of the control."""
        return tuple(dict.fromkeys(arm for part in self.parts for arm in part.quantity.arms))

    def is_for(self, data: str) -> bool:
        """Return whether it may judge runs of a data set."""
        return self.data in ("", data)

    def text(self) -> str:
        """Return the rule in one paragraph."""
        parts = "; and ".join(part.text() for part in self.parts)
        control = "; and ".join(part.text() for part in self.control)
        sentences = [
            f"True when {parts}.",
            f"The study could have seen it if {control}." if control else "",
            f"For runs trained on {self.data}." if self.data else "",
            f"Runs of at least {self.steps} steps." if self.steps else "",
            f"Untestable here: {self.untestable}." if self.untestable else "",
            f"Seeds {', '.join(map(str, self.exploratory_seeds))} helped to write the rule and"
            " decide nothing."
            if self.exploratory_seeds
            else "",
        ]
        return " ".join(filter(None, sentences))


class PartForm(Form):
    """A part as it stands in a file."""

    measure: Measure
    metric: str
    arm: Levels
    minus: SeveralLevels = ()
    less: SeveralLevels = ()
    ratio: bool = False
    at: Steps | None = None
    since: Steps | None = None
    window: Annotated[int, Field(ge=1)] = 5
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    reach: float = 0.0
    around: int = 0
    above: float | None = None
    below: float | None = None
    within: float | None = None

    def parts(self) -> list[Part]:
        """Return one part per arm of `minus`, or a single one.

        Raises:
            ValueError: the keys contradict each other.
        """
        given = [name for name in ("above", "below", "within") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs one of above, below and within, and has {len(given)}")
        threshold = float(getattr(self, given[0]))
        if threshold <= 0 and (self.ratio or given[0] == "within"):
            raise ValueError(f"`{given[0]}` of a ratio or a margin is above 0, not {threshold:g}")
        self._check()
        return [
            Part(quantity=self._quantity(other), bound=given[0], threshold=threshold)  # type: ignore[arg-type]
            for other in self.minus or ({},)
        ]

    def _quantity(self, other: Levels) -> Quantity:
        own = ("measure", "metric", "ratio", "at", "since", "window", "share", "reach", "around")
        return Quantity(
            arm=_arm(self.arm),
            minus=_arm(other),
            less=tuple(map(_arm, self.less)),
            **{key: getattr(self, key) for key in own},
        )

    def _check(self) -> None:
        column_of(self.metric)
        if self.less and (len(self.less) != 2 or len(self.minus) != 1):
            raise ValueError("`less` names two arms, whose difference is taken from arm - minus")
        is_between = bool(self.minus) or self.measure == "change"
        if self.ratio and not (self.measure in ("level", "change") and is_between):
            raise ValueError("`ratio` is of a change, or of the levels of two arms")
        needs = {"first_step": "reach", "slope_break": "around"}
        if self.measure in needs and not getattr(self, needs[self.measure]):
            raise ValueError(f"measure {self.measure} needs `{needs[self.measure]}`")


class DesignForm(Form):
    """The effect at which a rule should find its sentence true, and its derivation."""

    values: Many[float]
    because: str


class RuleForm(Form):
    """A rule as it stands in a file."""

    holds_when: Many[PartForm]
    control: Many[PartForm] = ()
    design_effect: DesignForm | None = None
    data: str = ""
    steps: Annotated[int, Field(ge=0)] = 0
    untestable: str = ""
    exploratory_seeds: Many[int] = ()


def read_claim_rule(raw: Mapping[str, Any], where: str) -> ClaimRule:
    """Read and check one rule.

    Raises:
        UsageError: a key is missing, unknown or of the wrong kind, or keys contradict each other.
    """
    form = checked(RuleForm, raw, where, wrong=UsageError)
    try:
        parts = tuple(part for item in form.holds_when for part in item.parts())
        control = tuple(part for item in form.control for part in item.parts())
        rule = ClaimRule(
            parts=parts,
            control=control,
            design=tuple(form.design_effect.values) if form.design_effect else (),
            because=form.design_effect.because if form.design_effect else "",
            data=form.data,
            steps=form.steps,
            untestable=form.untestable,
            exploratory_seeds=tuple(form.exploratory_seeds),
        )
        _check_rule(rule)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    return rule


def _check_rule(rule: ClaimRule) -> None:
    if not rule.parts:
        raise ValueError("`holds_when` has no part: say when the sentence is true")
    own = {part.quantity.metric for part in rule.parts}
    astray = [p.quantity.metric for p in rule.control if p.quantity.metric not in own]
    if astray:
        raise ValueError(f"the control acts on {astray[0]}: it must act on a metric of the claim")
    for part in rule.control:
        if part.rests_on_absence:
            raise ValueError(f"the control holds where nothing happens: {part.text()}")
    if rule.untestable:
        return
    if len(rule.design) != len(rule.parts):
        raise ValueError(
            f"design_effect has {len(rule.design)} values for {len(rule.parts)} parts: give each"
            " part its value, or say why the scale cannot show the effect (untestable)"
        )
    for part, value in zip(rule.parts, rule.design, strict=True):
        low, high = part.limits
        measured = math.log(value) if part.quantity.ratio else value
        if not low < measured < high:
            raise ValueError(f"the design effect {value:g} makes a part false: {part.text()}")


def _arm(levels: Levels) -> str:
    return ",".join(f"{factor}={level}" for factor, level in levels.items())
