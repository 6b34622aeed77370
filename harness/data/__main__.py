"""`python -m harness.data <verb> key=value ...`: the data sets of recipes and evaluations.

Prepares the data sets that recipes and evaluations take, from the Hugging Face hub or from files
that you have. A prepared set lies in $HARNESS_DATA/<name>/ (or data/<name>/), and is never changed.

  list     every data set: its use, questions, source, and whether it is prepared
  show     dataset=<name>                     where it comes from, its licence, what to expect
  prepare  dataset=<name> [from=<file or directory>[,...]] [size=<N>] [out=<directory>]
           [duplicates=refuse|first|keep] [partial=true] [eval=<name>[,...]|none]
  verify   [dataset=<name> [size=<N>]]        hashes, schema, counts, prompts, ids and order; of
           all that are prepared if none is named
  overlap  train=<name or .parquet> [eval=<name or .parquet>[,...]] [ngram=13] [out=<directory>]
           [--gate]
           evaluation questions that the training set has; eval= is by default every evaluation
           set beside it; out= gets overlap.md and overlap.json; --gate exits with 10 if a
           question is the same, word by word
  card     [dataset=<name> [size=<N>]] [out=<file>]
           the card of a prepared set, or the page of all sets

prepare, word by word:
  from=        files, or a directory in which the published names are looked for, as in a clone of
               the authors' repository; without it the hub is asked
  size=        of a training set, the first N questions in the order of their hashes, so that
               smaller sets are part of larger ones; lies in <name>-<N>
  duplicates=  repeated questions: refuse them, keep the first of each, or keep all with ids of
               their own; the entry of a set says what it does unasked
  partial=     true takes another number of questions than was published, and says so in the card
  eval=        evaluation sets to lie beside a training set, where not those of its recipe; a run
               is then told by verl.data.val_files=[...], as in ["@data/math500.parquet"]
  out=         another directory than the one that recipes look in

What overlap and card write over an earlier file needs --force.

A training set is prepared with evaluation sets, unasked those of its recipe: from the same
directory, from where they were prepared before, or from the hub. The same content again is done at
once; other content in the same place is refused.

for example
  python -m harness.data prepare dataset=orz_57k from=Open-Reasoner-Zero/data
  python -m harness.data prepare dataset=orz_57k from=Open-Reasoner-Zero/data size=7500
  python -m harness.data prepare dataset=gpqa_diamond from=gpqa_diamond.csv
  python -m harness.data overlap train=orz_57k
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml

from harness.cli import (
    FORCE,
    Option,
    choice,
    name,
    needed,
    out_file,
    out_folder,
    place,
    read_arguments,
    read_verb,
    run_command,
    several,
    switch,
    whole,
)
from harness.data.card import card, page
from harness.data.entries import Duplicates, Entry, entries, find_entry
from harness.data.hub import Hub, HuggingFaceHub
from harness.data.manifest import MANIFEST, read_manifest, verify
from harness.data.output import (
    entry_text,
    incomplete_lines,
    prepared_table,
    registry_table,
    revision_lines,
)
from harness.data.overlap import NGRAM, Overlap, find_overlaps, read_questions
from harness.data.overlap_report import document, report
from harness.data.prepare import Task, prepare
from harness.paths import CONF
from harness.schema import ExitCode, UsageError
from harness.spec import prepared
from harness.store.files import write_atomic, write_json
from harness.writing import written_together

Given = Mapping[str, Any]


class Verb(NamedTuple):
    """A subcommand: what it does, its options and its flags."""

    run: Callable[[Given], int]
    options: Mapping[str, Option]
    flags: Sequence[str] = ()


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _data)


def _data(argv: Sequence[str]) -> int:
    said, rest = read_verb(argv, list(VERBS))
    verb = VERBS[said]
    return verb.run(read_arguments(rest, verb.options, flags=verb.flags))


def _list(_: Given) -> int:
    print(registry_table({name: _prepared(entry) for name, entry in entries().items()}))
    return ExitCode.OK


def _show(given: Given) -> int:
    entry = find_entry(given["dataset"])
    print(entry_text(entry, _prepared(entry)))
    return ExitCode.OK


def _prepare(given: Given, hub: Hub | None = None) -> int:
    task = _task(given, hub or HuggingFaceHub())
    outcome = prepare(task)
    print(prepared_table(outcome.manifest))
    print(f"\n{'wrote' if outcome.is_new else 'prepared already, the same:'} {task.out}")
    for line in (*incomplete_lines(outcome.manifest), *revision_lines(outcome.manifest)):
        print(line)
    return ExitCode.OK


def _verify(given: Given) -> int:
    if given["dataset"]:
        places = [_directory(given)]
    else:
        # a directory with a dot is one whose preparation was cut off
        places = [path.parent for path in sorted(_root().glob(f"[!.]*/{MANIFEST}"))]
    if not places:
        raise UsageError(f"nothing is prepared below {_root()}: expected <name>/{MANIFEST}")
    for directory in places:
        manifest = verify(directory)
        counts = ", ".join(f"{name} {one['rows']:,}" for name, one in manifest["files"].items())
        print(f"{directory.name}: as written ({counts})")
    return ExitCode.OK


def _overlap(given: Given) -> int:
    ngram = given["ngram"]
    training = _parquet(given["train"])
    if not training.is_file():
        raise UsageError(f"{training} is not there: prepare the set, or give train=<.parquet>")
    evaluations = [_parquet(name) for name in given["eval"].split(",") if name] or [
        path for path in sorted(training.parent.glob("*.parquet")) if path != training
    ]
    if not evaluations:
        raise UsageError(f"no evaluation set lies beside {training}: give eval=<name or .parquet>")
    questions = {path.stem: read_questions(path) for path in evaluations}
    found = find_overlaps(read_questions(training), questions, ngram=ngram)
    withheld = [e.split for e in entries().values() if e.is_confidential]
    text = report(given["train"], found, ngram=ngram, withheld=withheld)
    print(text, end="")
    if given["out"]:
        out = Path(given["out"])
        whole = document(given["train"], found, ngram=ngram, withheld=withheld)
        with written_together(out, "overlap", replaces=given["--force"]) as half:
            write_atomic(half / "overlap.md", text)
            write_json(half / "overlap.json", whole)
        print(f"\nwrote {out / 'overlap.md'} and overlap.json")
    return ExitCode.WORSE if given["--gate"] and _same(found) else ExitCode.OK


def _card(given: Given) -> int:
    text = (
        card(read_manifest(_directory(given))) if given["dataset"] else page([*entries().values()])
    )
    if given["out"]:
        write_atomic(Path(given["out"]), text)
        print(f"wrote {given['out']}")
    else:
        print(text, end="")
    return ExitCode.OK


def _task(given: Given, hub: Hub) -> Task:
    entry = find_entry(given["dataset"])
    size = given["size"]
    if size is not None and entry.use != "training":
        raise UsageError(f"size={size} is for training sets: {entry.name} is taken whole")
    return Task(
        entry=entry,
        evaluations=_evaluations(entry, given["eval"]),
        source=given["from"],
        size=size,
        duplicates=given["duplicates"] or None,
        partial=given["partial"],
        root=_root(),
        out=Path(given["out"]) if given["out"] else _directory(given),
        hub=hub,
    )


def _evaluations(entry: Entry, names: str) -> list[Entry]:
    """Return the evaluation sets that lie beside a set."""
    if entry.use != "training" or names == "none":
        return []
    chosen = [find_entry(name) for name in names.split(",") if name]
    wrong = next((one.name for one in chosen if one.use != "evaluation"), None)
    if wrong is not None:
        raise UsageError(f"eval={wrong} is a training set: name evaluation sets, as `list` shows")
    return chosen or recipe_evaluations(entry)


def recipe_evaluations(entry: Entry) -> list[Entry]:
    """Return the evaluation sets that the recipe of a training set reads, in its order."""
    recipe = yaml.safe_load((CONF / "dataset" / f"{entry.name}.yaml").read_text())
    files = [str(token).rpartition("/")[2] for token in recipe["verl"]["data"]["val_files"]]
    of_file = {e.parquet: e for e in entries().values() if e.use == "evaluation"}
    return [of_file[name] for name in files]


def _same(found: Mapping[str, Overlap]) -> bool:
    return any(one.count("exact") or one.count("normalised") for one in found.values())


def _root() -> Path:
    return prepared.data_directory({"name": "-"}).parent


def _directory(given: Given) -> Path:
    found = find_entry(given["dataset"]).name
    return prepared.data_directory({"name": found, "train_size": given["size"]})


def _prepared(entry: Entry) -> list[str]:
    """Return the directories of a data set and of its parts that are prepared."""
    places = [_root() / entry.name, *sorted(_root().glob(f"{entry.name}-[0-9]*"))]
    return [place.name for place in places if (place / MANIFEST).is_file()]


def _parquet(text: str) -> Path:
    """Return the Parquet file of a name (with or without -<size>), or of a path."""
    path = Path(text)
    if path.suffix == ".parquet":
        return path
    known = text if text in entries() else text.rpartition("-")[0] or text
    return _root() / text / find_entry(known).parquet


VERBS = {
    "list": Verb(_list, {}),
    "show": Verb(_show, {"dataset": needed(name())}),
    "prepare": Verb(
        _prepare,
        {
            "dataset": needed(name()),
            "from": several(place()),
            "size": whole(1),
            "out": out_folder(),
            "duplicates": choice(get_args(Duplicates)),
            "partial": switch(),
            "eval": several(name()),
        },
    ),
    "verify": Verb(_verify, {"dataset": name(), "size": whole(1)}),
    "overlap": Verb(
        _overlap,
        {
            "train": needed(place()),
            "eval": several(place()),
            "ngram": whole(1, 1000, default=NGRAM),
            "out": out_folder("overlap.md", "overlap.json"),
        },
        flags=["--gate", FORCE],
    ),
    "card": Verb(_card, {"dataset": name(), "size": whole(1), "out": out_file()}, flags=[FORCE]),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
