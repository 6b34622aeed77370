r"""Equality of answers as text, by the normalisation of the MATH data set.

Source: Hendrycks et al. 2021 (arXiv:2103.03874), in the form that Open-Reasoner-Zero uses: it also
deletes every `$` and every comma, so that `(1,2)` equals `(12)`, and compares numbers by value.
"""

from __future__ import annotations

import re

_REPLACED = (
    ("\n", ""),
    ("\\!", ""),
    ("\\\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    ("\\left", ""),
    ("\\right", ""),
    ("^{\\circ}", ""),
    ("^\\circ", ""),
    ("\\$", ""),
    ("$", ""),
    (",", ""),
)
"""What is replaced by what, in this order."""

_UNIT = "\\text{ "
"""Begins a unit: everything from here on is dropped."""

_LONGEST_NAME = 2
"""Longest left side of an equation that is dropped, `x` or `x `, in characters."""

_ROOT = "\\sqrt"
_FRACTION = "\\frac"
_RATIO = re.compile(r"\A(-?[1-9][0-9]*|0)/(-?[1-9][0-9]*|0)\Z")


def same_text(left: str, right: str) -> bool:
    """Return whether two answers are the same text, or the same number, after normalisation."""
    try:
        first, second = normalised(left), normalised(right)
    except ValueError:
        return left == right
    try:
        return float(first) == float(second)
    except ValueError:
        return first == second


def normalised(text: str) -> str:
    """Return an answer in its plain form.

    Raises:
        ValueError: the text has two units, or a root or a fraction with nothing after it, which the
            rule does not cover.
    """
    for old, new in _REPLACED:
        text = text.replace(old, new)
    text = _without_unit(text).replace("\\%", "")
    text = _with_leading_zeros(text)
    if not text:
        return text
    text = _without_name(text)
    text = _with_braced_roots(text).replace(" ", "")
    text = _with_braced_fractions(text)
    if text == "0.5":
        return "\\frac{1}{2}"
    return _RATIO.sub(r"\\frac{\1}{\2}", text)


def _without_unit(text: str) -> str:
    before, *units = text.split(_UNIT)
    if len(units) > 1:
        raise ValueError("two units")
    return before


def _with_leading_zeros(text: str) -> str:
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    return f"0{text}" if text.startswith(".") else text


def _without_name(text: str) -> str:
    sides = text.split("=")
    return sides[1] if len(sides) == 2 and len(sides[0]) <= _LONGEST_NAME else text


def _with_braced_roots(text: str) -> str:
    r"""Return `\sqrt3` as `\sqrt{3}`, whatever the character is."""
    before, *parts = _parts(text, _ROOT)
    braced = (part if part[0] == "{" else f"{{{part[0]}}}{part[1:]}" for part in parts)
    return _ROOT.join([before, *braced])


def _with_braced_fractions(text: str) -> str:
    r"""Return `\frac12` as `\frac{1}{2}` and `\frac1{72}` as `\frac{1}{72}`.

    One fraction of a single character leaves the whole text as it is.
    """
    before, *parts = _parts(text, _FRACTION)
    if any(len(part) == 1 and part != "{" for part in parts):
        return text
    return _FRACTION.join([before, *map(_braced_fraction, parts)])


def _braced_fraction(part: str) -> str:
    if part[0] == "{":
        return part
    denominator = part[1] if part[1] == "{" else f"{{{part[1]}}}"
    return f"{{{part[0]}}}{denominator}{part[2:]}"


def _parts(text: str, command: str) -> list[str]:
    before, *parts = text.split(command)
    if not all(parts):
        raise ValueError(f"nothing after {command}")
    return [before, *parts]
