"""What a world must have before any study is run in it, each with its margin.

Read from the statistics in a model's manifest, which `harness.micro.probe` measures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

TRAINED = ("search", "orbit", "chain")


class Property(NamedTuple):
    """One demand.

    Attributes:
        name: in a word or two.
        demand: what is asked, with its bounds.
        found: from the statistics to the numbers that decide.
        holds: whether those numbers are within the bounds.
    """

    name: str
    demand: str
    found: Callable[[Mapping[str, Any]], tuple[float, ...]]
    holds: Callable[..., bool]


def missing(statistics: Mapping[str, Any]) -> list[str]:
    """The names of the properties that a world does not have; what was not measured is missing."""
    return [p.name for p in PROPERTIES if not _holds(p, statistics)]


def table(statistics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Name, demand, what was found and "holds" or "missing", of every property."""
    rows = []
    for one in PROPERTIES:
        try:
            found = ", ".join(f"{value:.3g}" for value in one.found(statistics))
        except (KeyError, IndexError, TypeError):
            found = "not measured"
        rows.append(
            (one.name, one.demand, found, "holds" if _holds(one, statistics) else "missing")
        )
    return rows


def _holds(one: Property, statistics: Mapping[str, Any]) -> bool:
    try:
        return one.holds(*one.found(statistics))
    except (KeyError, IndexError, TypeError):
        return False


def _of(family: str, *names: str) -> Callable[[Mapping[str, Any]], tuple[float, ...]]:
    return lambda statistics: tuple(float(statistics["families"][family][name]) for name in names)


def _worst(name: str, best: Callable[..., float], *families: str) -> Callable[..., tuple[float]]:
    return lambda statistics: (
        best(float(statistics["families"][family][name]) for family in families),
    )


def _going_on(statistics: Mapping[str, Any]) -> tuple[float, ...]:
    curve = statistics["persistence"]["search"]
    first, last = curve[0], curve[-1]
    longer = last["thinking_tokens"] / first["thinking_tokens"]
    return first["right"], last["right"], longer


def _end_of_guesses(statistics: Mapping[str, Any]) -> tuple[float]:
    last = statistics["direct"][-10:]
    return (sum(last) / len(last),)


PROPERTIES = (
    Property(
        "thinking longer pays",
        "search, made to go on for 1 and for 16 attempts: right answers under 0.25 and over 0.90,"
        " over at least 5 times the tokens of thinking",
        _going_on,
        lambda first, last, ratio: first < 0.25 and last > 0.90 and ratio >= 5.0,
    ),
    Property(
        "the model gives up",
        "search: mean attempts of 1 to 3, where it tries",
        _of("search", "attempts"),
        lambda attempts: 1.0 <= attempts <= 3.0,
    ),
    Property(
        "the model guesses",
        "search: a third to a half answered without an attempt",
        _of("search", "direct"),
        lambda direct: 1 / 3 <= direct <= 0.5,
    ),
    Property(
        "little is right",
        "search: accuracy of 0.04 to 0.20",
        _of("search", "accuracy"),
        lambda accuracy: 0.04 <= accuracy <= 0.20,
    ),
    Property(
        "the model is sloppy",
        "search: format of 0.6 to 0.8",
        _of("search", "format"),
        lambda share: 0.6 <= share <= 0.8,
    ),
    Property(
        "reflection is rare",
        "all families: under 15 % of the responses",
        _worst("reflecting", max, *TRAINED),
        lambda share: share < 0.15,
    ),
    Property(
        "steps are reliable",
        "search and orbit: at least 99.5 % of the look-ups right",
        _worst("steps_right", min, "search", "orbit"),
        lambda share: share >= 0.995,
    ),
    Property(
        "verdicts are reliable",
        "search and orbit: at least 99.5 % of the verdicts right",
        _worst("verdicts_right", min, "search", "orbit"),
        lambda share: share >= 0.995,
    ),
    Property(
        "no short cut",
        "rewarded guesses of search are right in less than 0.35 after 60 steps",
        _end_of_guesses,
        lambda accuracy: accuracy < 0.35,
    ),
    Property(
        "room up to the limit",
        "all families: under 5 % cut off",
        _worst("truncated", max, *TRAINED),
        lambda share: share < 0.05,
    ),
)
