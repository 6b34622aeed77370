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

_SHORT_ROOT = re.compile(r"\\sqrt([^{])", re.DOTALL)
_SHORT_FRACTION = re.compile(r"\\frac([^{])(.)", re.DOTALL)
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
        ValueError: the text has two units, which the rule does not cover.
    """
    for old, new in _REPLACED:
        text = text.replace(old, new)
    text = _without_unit(text).replace("\\%", "")
    text = _with_leading_zeros(text)
    if not text:
        return text
    text = _without_name(text)
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text).replace(" ", "")
    text = _SHORT_FRACTION.sub(_with_braces, text)
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


def _with_braces(found: re.Match[str]) -> str:
    r"""Return `\frac12` as `\frac{1}{2}` and `\frac1{72}` as `\frac{1}{72}`."""
    numerator, next_ = found.groups()
    return f"\\frac{{{numerator}}}{next_ if next_ == '{' else f'{{{next_}}}'}"
