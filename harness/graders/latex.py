"""sympy's reader of LaTeX (its ANTLR grammar), with the ANTLR runtime that is installed.

sympy 1.14 generates its parser with ANTLR 4.11 and refuses any other runtime; omegaconf 2.3, which
Hydra needs, holds the runtime at 4.9.3. Both have the same algorithm: what changed in 4.10 is how
the tables of the grammar are stored, as plain integers without an identifier. So the tables are
read here in the new form, and the parser runs on the old runtime. No longer needed when
`sympy.parsing.latex.parse_latex("1")` works beside the pinned omegaconf. How sympy reads is part of
the authors' rule (where it stops reading, and when it fails), so no other parser will do.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

_STORED_VERSION = 4
"""Version of the stored tables of ANTLR 4.10 and later."""


class LatexError(ValueError):
    """A text cannot be read as an expression."""


class _Toolchain(NamedTuple):
    """What it takes to parse one text: classes of sympy and ANTLR, made ready by `_toolchain`."""

    lexer: Any
    parser: Any
    listener: Any
    input_stream: Any
    token_stream: Any
    convert: Any


def parse_latex(text: str) -> Any:
    """Return the sympy expression that a text begins with; what follows it is ignored.

    Raises:
        LatexError: the text does not begin with an expression.
    """
    made = _toolchain()
    source = text.strip()
    listener = made.listener(source)
    try:
        lexer = made.lexer(made.input_stream(source))
        parser = made.parser(made.token_stream(lexer))
        for part in (lexer, parser):
            part.removeErrorListeners()
            part.addErrorListener(listener)
        return made.convert(parser.math().relation())
    except MemoryError:
        raise
    # sympy and ANTLR raise anything here: their own errors, AttributeError, RecursionError
    except Exception as error:
        raise LatexError(str(error)) from error


@cache
def _toolchain() -> _Toolchain:
    antlr4 = import_module("antlr4")
    lexer, parser = _generated_classes(antlr4)
    conversion: Any = import_module("sympy.parsing.latex._parse_latex_antlr")
    # it may have been imported before, when the tables could not be read
    conversion.LaTeXLexer, conversion.LaTeXParser = lexer, parser
    # the numerator of a derivative is read by a call back into the parser
    conversion.parse_latex = parse_latex
    return _Toolchain(
        lexer=_quiet(lexer),
        parser=_quiet(parser),
        listener=conversion.MathErrorListener,
        input_stream=antlr4.InputStream,
        token_stream=antlr4.CommonTokenStream,
        convert=conversion.convert_relation,
    )


def _generated_classes(antlr4: Any) -> tuple[Any, Any]:
    """Import sympy's generated lexer and parser while the tables are read in their new form."""
    kept = antlr4.ATNDeserializer
    # later runtimes read the new form themselves, and have no identifier to check
    if hasattr(kept, "checkUUID"):
        antlr4.ATNDeserializer = _table_reader(kept)
    try:
        lexer = import_module("sympy.parsing.latex._antlr.latexlexer")
        parser = import_module("sympy.parsing.latex._antlr.latexparser")
    finally:
        antlr4.ATNDeserializer = kept
    return lexer.LaTeXLexer, parser.LaTeXParser


def _table_reader(base: Any) -> Any:
    """Return a reader of the tables as ANTLR 4.10 and later store them."""

    class TableReader(base):  # type: ignore[misc]
        def reset(self, data: list[int]) -> None:
            self.data, self.pos = data, 0

        def checkVersion(self) -> None:
            version = self.readInt()
            if version != _STORED_VERSION:
                raise ImportError(
                    f"sympy's LaTeX tables have version {version}, expected {_STORED_VERSION}"
                )

        def checkUUID(self) -> None:
            self.uuid = None

        def isFeatureSupported(self, feature: object, actual: object) -> bool:
            # there is one section of character sets, not one per width of characters
            return False

    return TableReader


def _quiet(recognizer: Any) -> Any:
    """Return a lexer or parser that does not print that its runtime has another version."""

    class Quiet(recognizer):  # type: ignore[misc]
        def checkVersion(self, toolVersion: str) -> None:
            pass

    return Quiet
