r"""The normalisation of answers of the Minerva paper.

Source: Lewkowycz et al. 2022 (arXiv:2206.14858), appendix D.1, as Open-Reasoner-Zero applies it
before the second attempt to read an answer as an expression: without the first step of the paper,
which keeps only what stands after the last `=`. Words are deleted wherever they stand: `ft` also
inside `\left`, which makes `\left(x\right)` unreadable.
"""

from __future__ import annotations

import re

_REPLACED = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    ("\\$", ""),
    ("\\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (",\\text{and}", ","),
    ("\\text{and}", ","),
    ("\\text{m}", "\\text{}"),
)
"""What is replaced by what, in this order."""

_WORDS = (
    *("square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours", "km", "units"),
    *("\\ldots", "sue", "points", "feet", "minutes", "digits", "cents", "degrees", "cm", "gm"),
    *("pounds", "meters", "meals", "edges", "students", "childrentickets", "multiples"),
    *("\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}"),
    *("\\text{}", "\\mathrm{th}", "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", '"', "\\dots"),
)
"""What is deleted, in this order."""

_DOLLARS = re.compile(r"(.*?)(\$)(.*?)(\$)(.*)")
_WRAPPERS = (
    re.compile(r"\\text\{(.*?)\}"),
    re.compile(r"\\textbf\{(.*?)\}"),
    re.compile(r"\\overline\{(.*?)\}"),
    re.compile(r"\\boxed\{(.*)\}"),
)
_SHORT_FRACTION = re.compile(r"frac([^{])(.)")
_SHORT_ROOT = re.compile(r"sqrt([^{])")


def normalised(text: str) -> str:
    """Return an answer in its plain form."""
    for old, new in _REPLACED:
        text = text.replace(old, new)
    for word in _WORDS:
        text = text.replace(word, "")
    text = _DOLLARS.sub(r"$\3$", text)
    for wrapper in _WRAPPERS:
        text = wrapper.sub(r"\1", text)
    text = _SHORT_FRACTION.sub(r"frac{\1}{\2}", text)
    text = _SHORT_ROOT.sub(r"sqrt{\1}", text)
    text = text.replace("$", "")
    bare = text.replace(",", "")
    return bare if bare.isdigit() else text
