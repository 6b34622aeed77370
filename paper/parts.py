"""What a part of a claim's rule looks like in a figure: its unit, its region, its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from harness.claims.judging import Estimate
from harness.claims.rules import Part
from harness.metrics.columns import column_of
from paper.style import GREY, REGION

UNITS = {
    "fraction": "fraction or reward",
    "tokens": "tokens",
    "ratio": "ratio",
    "steps": "training steps",
}
"""Unit -> title of its axis, in the order in which axes stand."""

NONE_OURS = "No claim has numbers of ours: no rule judges a stored run"
"""What is missing where nothing was judged."""

_STEPS = ("stable_steps", "first_step", "change_point")
_RATIO_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
_ROOM = 0.06
"""Share of an axis that stays free at either side."""


def unit_of(part: Part) -> str:
    """Return the unit of a part's threshold; a reward counts as a fraction."""
    quantity = part.quantity
    if quantity.ratio:
        return "ratio"
    if quantity.measure in _STEPS:
        return "steps"
    unit = column_of(quantity.metric).unit
    unit = "fraction" if unit == "1" else unit
    return f"{unit} per 100 steps" if quantity.measure == "slope_break" else unit


def brief_name(part: Part) -> str:
    """Return the quantity of a part without its window, as a label: `change of reward, kl=none`."""
    quantity = part.quantity
    arms = quantity.arm
    if quantity.minus:
        arms += f" {'over' if quantity.ratio else '-'} {quantity.minus}"
    if quantity.less:
        arms = f"({arms}) - ({quantity.less[0]} - {quantity.less[1]})"
    is_growth = quantity.ratio and quantity.measure == "change"
    what = "growth" if is_growth else quantity.measure.replace("_", " ")
    return f"{quantity.metric if what == 'level' else f'{what} of {quantity.metric}'}, {arms}"


def region_of(part: Part) -> tuple[float, float]:
    """Return the limits between which the sentence is true, on the scale of the threshold."""
    low, high = part.limits
    return (math.exp(low), math.exp(high)) if part.quantity.ratio else (low, high)


def level_text(estimates: Sequence[Estimate]) -> str:
    """Return the levels of intervals, as `97.3 %`; several have commas between."""
    return ", ".join(dict.fromkeys(f"{100 * item.level:.3g} %" for item in estimates))


def set_range(axes: Axes, values: Sequence[float], unit: str) -> None:
    """Give an axis the range of values, logarithmic for ratios, with its neutral value in it."""
    is_ratio = unit == "ratio"
    known = [x for x in values if math.isfinite(x) and (x > 0 or not is_ratio)]
    known.append(1.0 if is_ratio else 0.0)
    low, high = min(known), max(known)
    if is_ratio:
        axes.set_xscale("log")
        room = max((high / low) ** _ROOM, 1.1)
        low, high = low / room, high * room
        axes.set_xticks([tick for tick in _RATIO_TICKS if low <= tick <= high])
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        room = _ROOM * (high - low) or 1.0
        low, high = low - room, high + room
    axes.set_xlim(low, high)
    axes.axvline(1.0 if is_ratio else 0.0, color=GREY, linewidth=0.8)


def draw_region(axes: Axes, region: Sequence[float], place: float) -> None:
    """Shade where a sentence is true, in one row of an axis whose range is set."""
    low, high = axes.get_xlim()
    left, right = max(region[0], low), min(region[1], high)
    if left < right:
        axes.fill_between([left, right], place - 0.42, place + 0.42, color=REGION, linewidth=0)
    for limit in region:
        if low < limit < high:
            axes.plot([limit, limit], [place - 0.42, place + 0.42], color=GREY, linewidth=1.2)


def within_range(axes: Axes, bound: float) -> float:
    """Return a bound, or the edge of the axis for one that lies beyond it or is not known yet."""
    low, high = axes.get_xlim()
    return bound if math.isnan(bound) else min(max(bound, low), high)
