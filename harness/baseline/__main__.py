"""`python -m harness.baseline <verb> key=value ...`: stored studies, to be compared with.

A baseline is a stored study, for later runs to be compared with: baselines/runs/<scale>/<study>/
v<N>/, named `<scale>/<study>@v<N>`. It is never changed: what is new is the next version.

  save    ablation=<name> [scale=] [results_dir=] [partial=] [name=<scale>/<study>] [because=]
          a finished study; refused if it is partial, has unfinished runs, or was made by an
          unknown or changed commit, unless because=<reason> says why
  list    every baseline
  show    name=<name>                         what it is, which runs it has and how they end
  verify  [name=<name>]                       every byte and statement of one baseline, or of all
  diff    a=<source> b=<source>               config, protocol, versions, seeds and ends
  merge   a=<name> b=<name> [name=<scale>/<study>] [because=]
          runs of one protocol with other seeds, as the next version of the study of a
  export  name=<name> out=<file.tar.gz or file.zip>
  import  from=<archive>                      what export made, after every check
  import  from=<log>[,<log>...] name=<scale>/<study> licence= citation= [format=] [mapping=]
          [arm=] [seed=] [step=] [title=]
          logs of veRL, TRL, TensorBoard, W&B, MLflow, SwanLab and others, results of lm-eval and
          lighteval (docs/importing.md lists them all); arm=, seed= and, of results, step= are one
          for all logs, or one for each (seed=1,2; arms with ; between); several logs of one arm
          and seed are one run that was resumed; a folder stands for its logs, by name

A name without @v<N> is the latest version. A source is a name, directory or archive of a bundle, a
directory of results, or a log. baselines_dir= is another place for all baselines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.cli import (
    Option,
    folder,
    name,
    needed,
    out_file,
    place,
    read_arguments,
    read_verb,
    run_command,
    several,
    text,
)
from harness.paths import BASELINES, ROOT
from harness.schema import DamagedError, ExitCode, UsageError
from harness.text import folded

Given = Mapping[str, Any]


class Verb(NamedTuple):
    """A subcommand: what it does, and its options."""

    run: Callable[[Given, Path], None]
    options: Mapping[str, Option]


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _baseline)


def _baseline(argv: Sequence[str]) -> int:
    said, rest = read_verb(argv, list(VERBS))
    verb = VERBS[said]
    given = read_arguments(rest, {**verb.options, "baselines_dir": place()})
    verb.run(given, Path(given["baselines_dir"] or BASELINES))
    return ExitCode.OK


def _save(given: Given, baselines: Path) -> None:
    # each verb imports what it needs: tables and figures take seconds, and --help needs neither
    from harness.baseline.making import store_bundle
    from harness.baseline.writing import check_study
    from harness.report.stored import load_results

    study = given["name"] or f"{given['scale']}/{given['ablation']}"
    check_study(study)
    results, _, _ = load_results(given)
    print(f"stored {store_bundle(results, baselines / study, because=given['because'])}")


def _list(_: Given, baselines: Path) -> None:
    from harness.baseline.listing import list_text

    print(folded(list_text(baselines)))


def _show(given: Given, baselines: Path) -> None:
    from harness.baseline.listing import show_text
    from harness.store.bundle import find_bundle

    print(folded(show_text(find_bundle(given["name"], baselines), ROOT)))


def _verify(given: Given, baselines: Path) -> None:
    from harness.baseline.checks import name_of, verify_bundle
    from harness.baseline.listing import code_notes
    from harness.store.bundle import bundle_names, find_bundle, misnamed

    names = [given["name"]] if given["name"] else bundle_names(baselines)
    others = [] if given["name"] else misnamed(baselines)
    if not names and not others:
        raise UsageError(f"no baseline is stored below {baselines}: nothing was verified")
    for wanted in names:
        directory = find_bundle(wanted, baselines)
        stored = name_of(directory)
        bundle = verify_bundle(directory, stored)
        seeds = ", ".join(map(str, bundle.manifest["seeds"]))
        print(f"{stored}  {len(bundle.manifest['arms'])} arms, seeds {seeds}: intact")
        for note in code_notes(bundle.manifest, ROOT):
            print(f"  note: the code that ran, {note}")
    if others:
        raise DamagedError(
            f"{' and '.join(map(str, others[:3]))} was not read: a version is named v1, v2 and so"
            " on; name it so, or take it away"
        )


def _diff(given: Given, baselines: Path) -> None:
    from harness.baseline.diffing import diff_text
    from harness.baseline.sources import load_source

    sides = [load_source(given[key], baselines=baselines) for key in ("a", "b")]
    print(folded(diff_text(*sides)))


def _merge(given: Given, baselines: Path) -> None:
    from harness.baseline.merging import merge_bundles
    from harness.baseline.writing import check_study
    from harness.store.bundle import find_bundle, read_bundle

    first, second = (read_bundle(find_bundle(given[key], baselines)) for key in ("a", "b"))
    study = given["name"] or first.name.partition("@")[0]
    check_study(study)
    path = merge_bundles(first, second, baselines / study, because=given["because"])
    print(f"stored {path}")


def _export(given: Given, baselines: Path) -> None:
    from harness.baseline.archive import export_bundle
    from harness.store.bundle import find_bundle

    print(f"wrote {export_bundle(find_bundle(given['name'], baselines), Path(given['out']))}")


def _import(given: Given, baselines: Path) -> None:
    from harness.baseline.archive import import_archive, is_archive
    from harness.baseline.logs.log import listed
    from harness.baseline.logs.study import Origin
    from harness.baseline.sources import load_logs
    from harness.baseline.writing import check_study, write_version

    if is_archive(Path(given["from"])):
        own = [
            key for key, value in given.items() if value and key not in ("from", "baselines_dir")
        ]
        if own:
            raise UsageError(f"{own[0]}= does nothing beside an archive, which says it itself")
        print(f"stored {import_archive(Path(given['from']), baselines)}")
        return
    for key, why in (
        ("name", "name=<scale>/<study>"),
        ("licence", "licence=<SPDX name>, or licence=unknown"),
        ("citation", "citation=<who made these runs, and where they are described>"),
    ):
        if not given[key]:
            raise UsageError(f"a log does not say its {key}: give {why}")
    check_study(given["name"])
    origin = Origin(title=given["title"], licence=given["licence"], citation=given["citation"])
    bundle = load_logs(given, origin)
    path = write_version(baselines / given["name"], bundle.manifest, bundle.curves, bundle.scores)
    print(f"stored {path}")
    for note in bundle.manifest["imported"]["notes"]:
        print(f"note: {note}")
    left = bundle.manifest["imported"]["unmapped"]
    if left:
        print(f"note: {len(left)} names of the log are not ours and were left out: {listed(left)}")


VERBS: dict[str, Verb] = {
    "save": Verb(
        _save,
        {
            "ablation": needed(name()),
            "name": place(),
            "scale": name("micro"),
            "results_dir": folder("results"),
            "partial": name(),
            "because": text(),
        },
    ),
    "list": Verb(_list, {}),
    "show": Verb(_show, {"name": needed(place())}),
    "verify": Verb(_verify, {"name": place()}),
    "diff": Verb(_diff, {"a": needed(place()), "b": needed(place())}),
    "merge": Verb(
        _merge,
        {"a": needed(place()), "b": needed(place()), "name": place(), "because": text()},
    ),
    "export": Verb(_export, {"name": needed(place()), "out": needed(out_file())}),
    "import": Verb(
        _import,
        {
            "from": needed(several(place())),
            "name": place(),
            "licence": text(),
            "citation": text(),
            "format": name(),
            "mapping": place(),
            "arm": text(),
            "seed": text(),
            "step": text(),
            "title": text(),
        },
    ),
}
"""Every verb, in the order of the help."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
