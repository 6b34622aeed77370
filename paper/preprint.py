"""`python -m paper.preprint [out=] [png=] [results_dir=] [baselines_dir=]`: the preprint as a PDF.

Figures, tables, the deviation table and the claim sheet, with a text into which every number is
inserted from the stored results; a number without a value, or a value without a place in the text,
fails the build. The same results give the same bytes. What was inserted stands beside it (.json).

  out            the file (results/paper/preprint.pdf); over an earlier one with --force
  png            a directory for a picture of each page as well
  results_dir    where our runs are stored (results); baselines_dir: where baselines are

Needs typst, a package of PyPI.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

import matplotlib as mpl

from harness.cli import FORCE, folder, out_file, out_folder, place, read_arguments, run_command
from harness.paths import BASELINES
from harness.schema import DamagedError, ExitCode, UsageError
from harness.store.files import write_atomic
from harness.writing import written_together
from paper.inputs import BOTH, Inputs, Study, read_inputs
from paper.layout import FOLDER
from paper.preprint_figures import draw_figures
from paper.preprint_tables import Rows, read_rows
from paper.preprint_values import find_study, read_values

TEMPLATE = FOLDER / "preprint.typ"
LAYOUT = FOLDER / "preprint_layout.typ"
PDF = Path("results", "paper", "preprint.pdf")
OPTIONS = {
    "out": out_file(),
    "png": out_folder("page1.png"),
    "results_dir": folder("results"),
    "baselines_dir": place(),
}
_CALLS = re.compile(r'\b(value|grid_of|picture)\("([^"]*)"')
_STRINGS = re.compile(r'"[^"\n]*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is inserted into the text.

    Attributes:
        values: placeholder -> text.
        tables: name -> heads and rows.
        date: of the newest run, in place of that of the build.
    """

    values: dict[str, str]
    tables: dict[str, Rows]
    date: datetime

    def text(self) -> str:
        """Return values and tables as JSON: what the template reads, and what stands beside it."""
        document = {"values": self.values, "tables": self.tables}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _preprint)


def _preprint(argv: Sequence[str]) -> int:
    given = read_arguments(argv, OPTIONS, flags=[FORCE])
    typst = _typst()
    baselines = Path(given["baselines_dir"] or BASELINES)
    inputs = read_inputs(BOTH, results_dir=Path(given["results_dir"]), baselines=baselines)
    if inputs.problems:
        raise UsageError(inputs.problems[0])
    contents = collect(inputs, baselines)
    out = Path(given["out"] or PDF)
    with tempfile.TemporaryDirectory() as scratch:
        laid = lay_out(Path(scratch), inputs, contents, TEMPLATE.read_text(encoding="utf-8"))
        document = compile_pages(typst, laid, contents.date, "pdf")[0]
        replaces = given["--force"] or not given["out"]
        with written_together(out.parent, out.stem, replaces=replaces) as half:
            write_atomic(half / out.name, document)
            write_atomic((half / out.name).with_suffix(".json"), contents.text())
        if given["png"]:
            pages = compile_pages(typst, laid, contents.date, "png")
            _write_pictures(pages, Path(given["png"]), replaces=given["--force"])
    print(f"wrote {out} ({out.stat().st_size // 1000} kB)")
    return ExitCode.OK


def collect(inputs: Inputs, baselines: Path = BASELINES) -> Contents:
    """Collect the values and tables of the text from the results.

    Raises:
        HarnessError: the study that the preprint is about is not stored, or not whole.
    """
    study = find_study(inputs)
    return Contents(
        values=read_values(inputs, study, baselines),
        tables=read_rows(inputs, study),
        date=_newest(study),
    )


def lay_out(folder: Path, inputs: Inputs, contents: Contents, template: str) -> Path:
    """Write everything that the compiler reads into an empty folder; return the folder.

    Raises:
        DamagedError: template and contents do not belong together (`check_template`).
    """
    (folder / "figures").mkdir()
    figures = draw_figures(inputs, folder / "figures")
    check_template(template, contents.values, contents.tables, figures)
    (folder / "contents.json").write_text(contents.text(), encoding="utf-8")
    (folder / TEMPLATE.name).write_text(template, encoding="utf-8")
    shutil.copyfile(LAYOUT, folder / LAYOUT.name)
    return folder


def check_template(
    text: str, values: Mapping[str, str], tables: Collection[str], figures: Collection[str]
) -> None:
    """Hold a template against its contents.

    Args:
        text: of the template.
        values: placeholder -> text.
        tables: names of those that were made.
        figures: the same.

    Raises:
        DamagedError: something is called for that has no value, something has a value and is not
            called for, or a number is typed into the text.
    """
    _check_no_typed_number(text)
    read = "\n".join("" if _is_comment(line) else line for line in text.splitlines())
    made = {"value": values, "grid_of": tables, "picture": figures}
    for call, names in made.items():
        called = {name for kind, name in _CALLS.findall(read) if kind == call}
        unknown, unused = sorted(called - set(names)), sorted(set(names) - called)
        if unknown:
            raise DamagedError(f'the preprint asks for {call}("{unknown[0]}"), which nothing makes')
        if unused:
            raise DamagedError(
                f'{call}("{unused[0]}") was made for the preprint and stands nowhere in its text'
            )
    empty = sorted(name for name, said in values.items() if said in ("", "-", "nan"))
    if empty:
        raise DamagedError(f'the preprint\'s value("{empty[0]}") has no value in these results')


def _check_no_typed_number(text: str) -> None:
    """Refuse digits outside of quoted names and comments: they would outlive their results."""
    for number, line in enumerate(text.splitlines(), start=1):
        said = _STRINGS.sub("", _CALLS.sub("", line))
        if not _is_comment(line) and re.search(r"\d", said):
            raise DamagedError(
                f"line {number} of the preprint's text has a typed number: {line.strip()!r};"
                " insert it as a value (paper/preprint_values.py)"
            )


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("//")


def compile_pages(typst: ModuleType, folder: Path, date: datetime, form: str) -> list[bytes]:
    """Return the compiled document: one PDF, or one PNG per page.

    Only fonts that come with typst and matplotlib are used: those of the machine would change it.

    Raises:
        DamagedError: the text is not what typst reads.
    """
    try:
        made = typst.compile(
            folder / TEMPLATE.name,
            root=folder,
            font_paths=[Path(mpl.get_data_path()) / "fonts" / "ttf"],
            ignore_system_fonts=True,
            format=form,
            # of the newest run, not of the build: the same results give the same bytes
            timestamp=int(date.timestamp()),
            ppi=160.0 if form == "png" else None,
        )
    except typst.TypstError as error:
        raise DamagedError(f"{TEMPLATE.name} or {LAYOUT.name} does not compile: {error}") from error
    return made if isinstance(made, list) else [made]


def _newest(study: Study) -> datetime:
    started = [datetime.fromisoformat(text) for text in study.started.values() if text]
    if not started:
        raise DamagedError(f"no run of {study.name} says when it started, so the PDF has no date")
    return max(started)


def _typst() -> ModuleType:
    try:
        import typst
    except ImportError as error:
        raise UsageError(
            "the preprint needs typst, which is not installed: run make setup, or pip install typst"
        ) from error
    return typst


def _write_pictures(pages: Sequence[bytes], out: Path, *, replaces: bool) -> None:
    with written_together(out, "pages", replaces=replaces) as half:
        for number, page in enumerate(pages, start=1):
            write_atomic(half / f"page{number}.png", page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
