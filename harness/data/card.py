"""Dataset cards: of a prepared directory from its manifest, and of all sets from the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.data.entries import Entry, find_entry
from harness.data.sourcing import parts_of
from harness.text import NOTHING, markdown_table, paragraphs

LANGUAGES = {"en": "English", "zh": "Chinese"}

_SCHEMA = """\
Every file has veRL's columns: `data_source`, `prompt` (one user message), `ability`,
`reward_model.ground_truth` (the answer) and `extra_info` with `question_id` (begin of the sha256 of
the question), `index`, `split`, `dataset`, `problem` (the question alone), `language`, `choices`,
`pass_at_n` and `details`."""

_PAGE_HEAD = """\
# Data sets

Made by `python -m harness.data card out=docs/datasets.md --force` of harness/data/entries/; a test
compares. No question is stored in this repository, and nothing below was fetched by us: names on
the hub, counts and licences are as published, and a `revision` is null until a user fetched the set
and wrote it down.

## Prepare

    git clone https://github.com/Open-Reasoner-Zero/Open-Reasoner-Zero
    python -m harness.data prepare dataset=orz_57k from=Open-Reasoner-Zero/data

writes `data/orz_57k/` (or below `$HARNESS_DATA`), which is what `dataset=orz_57k` of a recipe
takes: train.parquet, the recipe's evaluation sets, manifest.json with the sha256 of each, and
CARD.md. Without `from=` the files come from the hub. `size=7500` takes the first 7,500 questions in
the order of their hashes and writes `data/orz_57k-7500/`, so 7,500 are part of 15,000, and those of
30,000. `python -m harness.data --help` has the rest: `verify`, `overlap`, `show`.

An evaluation set that is not in the directory is taken from where it was prepared before
(`prepare dataset=math500 from=<file>`).

A record that is not of its form, a repeated question, another number of records than published or a
missing language is refused, with the record or the counts. `duplicates=first` or `keep` and
`partial=true` take the set nonetheless, and its card says so. Nothing is overwritten: the same
content again is done at once, other content is refused.

## Compare

    python -m harness.data overlap train=orz_57k out=<directory>

counts the questions of each evaluation set that the training set has: the same text, the same words
and operators, or a run of 13 of them in common. It shows examples, and lists all in overlap.json.
"""


def card(manifest: Mapping[str, Any]) -> str:
    """Return the card of a prepared data set."""
    entry = find_entry(manifest["dataset"])
    size = manifest["size"]
    part = f", the first {size:,} questions" if size is not None else ""
    rows = [
        [name, stated["dataset"], f"{stated['rows']:,}", _counts(stated["languages"]), sha]
        for name, stated in manifest["files"].items()
        for sha in [f"`{manifest['sha256'][name]}`"]
    ]
    return (
        paragraphs(
            f"# {entry.title}{part}",
            entry.summary + ".",
            markdown_table(["file", "set", "rows", "languages", "sha256"], rows, "<<><<"),
            *(_file_part(stated) for stated in manifest["files"].values()),
            "## Fields",
            _SCHEMA,
            f"Written with pyarrow {manifest['written_with']['pyarrow']}.",
        )
        + "\n"
    )


def page(entries: Sequence[Entry]) -> str:
    """Return the page of all data sets."""
    rows = [
        [f"[{e.name}](#{e.name})", e.use, e.rows.published, e.licence, _where(e)] for e in entries
    ]
    heads = ["data set", "use", "questions", "licence", "on the hub"]
    sections = [part for entry in entries for part in (f"## {entry.name}", _section(entry))]
    return (
        paragraphs(
            _PAGE_HEAD.strip(),
            markdown_table(heads, rows, "<<><<"),
            "## Fields",
            _SCHEMA,
            *sections,
        )
        + "\n"
    )


def facts(entry: Entry) -> list[tuple[str, str]]:
    """Return (what, text) of a data set, for people."""
    spoken = " and ".join(LANGUAGES[name] for name in entry.languages)
    found = [
        ("use", entry.use),
        ("questions", f"{entry.rows.published} as published{_limits(entry)}"),
        ("languages", spoken),
        ("licence", f"{entry.licence} ({entry.licence_source})"),
        ("citation", entry.citation),
        ("hub", "; ".join(map(_hub, parts_of(entry)))),
        ("else", entry.elsewhere),
        ("in from=", ", ".join(n for part in parts_of(entry) for n in part.local)),
        ("forms", ", ".join(entry.forms)),
        ("template", entry.template),
        ("duplicates", entry.duplicates),
        ("entry", entry.path),
    ]
    return [(what, text) for what, text in found if text]


def _section(entry: Entry) -> str:
    lines = [f"- {what}: {text}" for what, text in facts(entry)]
    if entry.is_confidential:
        lines.append("- its questions are not shown in reports: its authors ask for that")
    return paragraphs(entry.summary + ".", "\n".join(lines), entry.notes.strip())


def _file_part(stated: Mapping[str, Any]) -> str:
    entry, of = find_entry(stated["dataset"]), stated["of"]
    lines = [
        f"- records read: {of['records']:,} ({entry.rows.published} as published)",
        f"- repeated questions: {of['repeats']:,} (duplicates={stated['duplicates']})",
        f"- of them with another answer: {of['conflicts']:,}",
        f"- template: {entry.template}; form of the records: {', '.join(stated['forms'])}",
        f"- licence: {entry.licence} ({entry.licence_source})",
        f"- citation: {entry.citation}",
        *(_source_line(source) for source in stated["sources"]),
    ]
    if not stated["is_complete"]:
        lines.append("- **not the published set**: prepared with partial=true from fewer or others")
    if "records_file" in stated:
        lines.append(f"- the records as they came: {stated['records_file']}")
    return paragraphs(f"## {entry.title}", entry.notes.strip(), "\n".join(lines))


def _source_line(source: Mapping[str, Any]) -> str:
    files = [f"{f['name']} (sha256 `{f['sha256']}`)" for f in source["files"]]
    shown = files[:3] + ([f"and {len(files) - 3} more in the manifest"] if len(files) > 3 else [])
    if source["repository"] is None:
        return f"- from files of the user: {', '.join(shown)}"
    return f"- from {source['repository']} at {source['commit']}: {', '.join(shown)}"


def _counts(languages: Mapping[str, int]) -> str:
    return ", ".join(f"{LANGUAGES[name]} {count:,}" for name, count in languages.items())


def _limits(entry: Entry) -> str:
    least, most = entry.rows.least, entry.rows.most
    if least is None or most is None or least == most:
        return ""
    return f"; {least:,} to {most:,} records are taken for it"


def _where(entry: Entry) -> str:
    names = [part.hub.repository for part in parts_of(entry) if part.hub]
    return ", ".join(f"`{name}`" for name in names) or NOTHING


def _hub(entry: Entry) -> str:
    if entry.hub is None:
        return "not there"
    revision = entry.hub.revision or "null: no fetch is recorded"
    return f"{entry.hub.repository} ({', '.join(entry.hub.files)}), revision {revision}"
