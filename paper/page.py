"""`python -m paper.page`: docs/paper.md: all that can be drawn, and what cannot."""

from __future__ import annotations

from harness.paths import PAPER
from harness.references.paper import Paper, read_paper
from harness.text import markdown_table
from paper.catalogue import ABSENT, catalogue, own_figures
from paper.layout import FigureSpec, read_figures
from paper.own.repetition import GAP as REPETITION_GAP
from paper.tabulate import TableSpec, read_tables

COMMITTED = "../results/paper/both"
HEAD = """# The paper, figure by figure

Made from `paper/figures.yaml`, `paper/tables.yaml` and the references by `python -m paper.page`; a
test compares.

```
python -m paper.build all                         # everything below, published data and our runs
python -m paper.build figure=fig7 source=paper    # one figure, published points alone
python -m paper.build table=table2
```

`source=` is `paper` (published data), a scale such as `micro` (our runs), `both` (default), or a
stored study (`micro/kl_penalty@v3`, a directory, a log); `format=` is one or more of svg, pdf, png.
Each id has a picture (a table has Markdown), a `.csv` with every number that is drawn and the
reference or run it comes from, and a `.json` with the command, the ids of all references and runs,
the gaps, and the claims with their verdicts. The same input gives the same bytes. Ours are drawn
below the published data and never on their axes, except where the scale is the paper's own: a
micro run says nothing about 7B. An arm has one colour everywhere; the paper's own recipe is black.

Published points are read in `baselines/papers/open_reasoner_zero/` from vector graphics and are
exact to about 1e-5; each curve is one training run, so that no interval is drawn around it. `v0`,
`v1` and `v2` are the preprint of February 2025, arXiv version 1 and arXiv version 2.

`make paper` (`python -m paper.preprint`) builds [a preprint of ours](../results/paper/preprint.pdf)
with typst: three of these figures, tables of the paper, methods, claim sheet, deviations and
limitations. Its text, `paper/preprint.typ`, has no digit: every number is a named value, computed
from the results when it is built and kept beside it in `preprint.json`. A name without a value, a
value that stands nowhere, or a typed number fails the build. `png=<directory>` writes its pages as
pictures too. [All of them on one page](../results/paper/both/README.md), each with its command,
sources, gaps, claims and verdicts, is written by `all`. `make paper` draws all figures and tables
as well, and `make examples` writes everything again that is committed and made of stored results.

![v1 Fig. 8 above, our runs below: three arms](../results/paper/both/fig8.svg)

![The paper's numbers and ours, with limits and verdicts](../results/paper/both/own2.svg)
"""


def page() -> str:
    """Return docs/paper.md."""
    paper = read_paper(PAPER)
    parts = [
        HEAD,
        "## Figures\n",
        _figures(paper),
        "\n## Tables\n",
        _tables(),
        "\n## Our own figures\n",
        _own(),
        "\n## What is not as in the paper\n",
        _lacks(),
        "\n## What cannot be drawn at all\n",
        markdown_table(["in the paper", "why"], [list(row) for row in ABSENT.values()], "<<"),
    ]
    return "\n".join(parts) + "\n"


def _figures(paper: Paper) -> str:
    rows = [
        [
            *_names(spec, "svg"),
            str(len(spec.curves)),
            str(sum(len(paper.curves[name].steps) for name in spec.curves)),
            f"{spec.ours.ablation}" if spec.ours else "-",
        ]
        for spec in read_figures().values()
    ]
    heads = ["id", "in the paper", "what", "curves", "points", "our runs are of"]
    return markdown_table(heads, rows, "<<<>><")


def _tables() -> str:
    rows = [
        [*_names(spec, "md"), spec.table or "-", spec.ours.ablation or "-"]
        for spec in read_tables().values()
    ]
    heads = ["id", "in the paper", "what", "reference", "our runs are of"]
    return markdown_table(heads, rows, "<<<<<")


def _own() -> str:
    figures = own_figures()
    rows = [[f"[{name}]({COMMITTED}/{name}.svg)", title] for name, (title, _) in figures.items()]
    return markdown_table(["id", "what"], rows, "<<")


def _lacks() -> str:
    specs: list[FigureSpec | TableSpec] = [*read_figures().values(), *read_tables().values()]
    rows = []
    for spec in specs:
        panels = spec.panels if isinstance(spec, FigureSpec) else ()
        gaps = [f"{panel.title}: {panel.gap}" for panel in panels if panel.gap]
        if spec.lacks or gaps:
            rows.append([spec.id, "; ".join([*gaps, *spec.lacks])])
    rows.append(["own8", REPETITION_GAP])
    return markdown_table(["id", "what, and why"], rows, "<<")


def _names(spec: FigureSpec | TableSpec, ending: str) -> list[str]:
    known = catalogue()[spec.id]
    places = [spec.place, *(_place_of(name) for name in known.same)]
    return [f"[{spec.id}]({COMMITTED}/{spec.id}.{ending})", ", ".join(places), spec.title]


def _place_of(alias: str) -> str:
    """Return `v2fig8` as `v2 Fig. 8 (v2fig8)`."""
    version, kind, number = alias[:2], alias[2:-1], alias[-1]
    word = {"fig": "Fig.", "table": "Table"}[kind]
    return f"{version} {word} {number} (`{alias}`)"


if __name__ == "__main__":
    print(page(), end="")
