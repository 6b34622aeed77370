"""What there is: all baselines as a table, and one of them in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.baseline.diffing import end_texts
from harness.provenance import commit_note
from harness.schema import content_hash
from harness.store.bundle import Bundle, bundle_names, find_bundle, read_bundle, read_manifest
from harness.store.data_names import data_names
from harness.text import NOTHING, plain_table


def list_text(baselines: Path) -> str:
    """Return a row per baseline: name, arms, seeds, steps, data, commit, date, size."""
    rows = []
    for name in bundle_names(baselines):
        directory = find_bundle(name, baselines)
        manifest = read_manifest(directory)
        size = sum(path.stat().st_size for path in directory.iterdir())
        rows.append(
            [
                name,
                str(len(manifest["arms"])),
                _ranges(manifest["seeds"]),
                str(manifest["protocol"]["steps"]),
                data_names(manifest["protocol"]),
                _commit(manifest),
                str(manifest["stored"])[:10],
                f"{size / 1024:.0f} KiB",
            ]
        )
    heads = ["name", "arms", "seeds", "steps", "data", "commit", "stored", "size"]
    return plain_table(heads, rows) if rows else f"no baseline is stored below {baselines}"


def code_notes(manifest: Mapping[str, Any], root: Path) -> list[str]:
    """Return a sentence for each commit of a bundle whose code a checkout does not have."""
    noted = ((str(commit), commit_note(root, str(commit))) for commit in manifest["commits"])
    return [f"{commit[:12]}: {note}" for commit, note in noted if note]


def show_text(directory: Path, root: Path) -> str:
    """Describe a bundle: facts, runs, and its ends by arm; commits are looked up in `root`."""
    bundle = read_bundle(directory)
    return "\n\n".join([_facts(bundle, root), _presence(bundle), _ends(bundle)])


def _facts(bundle: Bundle, root: Path) -> str:
    manifest = bundle.manifest
    protocol, hardware = manifest["protocol"], manifest["hardware"] or {}
    plan = protocol["evaluation"]
    versions = [f"{k} {v}" for k, v in (manifest["versions"] or {}).items() if v != "absent"]
    machine = [str(hardware[k]) for k in ("processor", "machine", "cores") if k in hardware]
    questions = ", ".join(f"{n} of {s}" for s, n in (plan["questions"] or {}).items())
    facts = {
        "": f"{bundle.name}: {manifest['title']}",
        "stored": manifest["stored"],
        "digest": content_hash(manifest),
        "licence": manifest["licence"],
        "citation": manifest["citation"],
        "commits": ", ".join(commit[:12] for commit in manifest["commits"]),
        "about them": "; ".join(code_notes(manifest, root)),
        "changed code": {True: "yes", False: "no"}.get(manifest["is_dirty"]),
        "data set": data_names(protocol),
        "steps": protocol["steps"],
        "evaluated at": ", ".join(map(str, plan["steps"])),
        "questions": questions and f"{questions}; {plan['samples']} samples each",
        "data": protocol["data"],
        "model": protocol["model"],
        "versions": ", ".join(versions),
        "machine": ", ".join(machine) + (" cores" if "cores" in hardware else ""),
        "rows": f"{len(bundle.curves)} of curves, {len(bundle.scores)} of scores",
        "samples": f"{'' if bundle.is_aligned else 'not '}aligned between arms",
        **_remarks(manifest),
    }
    if not facts["about them"]:
        del facts["about them"]
    width = max(map(len, facts))
    return "\n".join(
        f"{key:{width}}  {value or 'not stated'}" if key else str(value)
        for key, value in facts.items()
    )


def _remarks(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the lines that only some bundles have."""
    found = {}
    if manifest["because"]:
        found["stored because"] = f"{manifest['because']} ({'; '.join(manifest['objections'])})"
    if "merged" in manifest:
        found["merged from"] = ", ".join(part["name"] for part in manifest["merged"])
    if "imported" in manifest:
        files = manifest["imported"]["files"]
        found["imported from"] = ", ".join(f"{f['name']} ({f['format']})" for f in files)
        found["notes"] = "; ".join(manifest["imported"]["notes"]) or "none"
    return found


def _presence(bundle: Bundle) -> str:
    """Return the table of arms and seeds: which runs there are."""
    cells = {(c["arm"], c["seed"]): str(c["status"]) for c in bundle.manifest["cells"]}
    seeds = bundle.manifest["seeds"]
    rows = [
        [arm, *(cells.get((arm, seed), "-") for seed in seeds)] for arm in bundle.manifest["arms"]
    ]
    return plain_table(["arm", *(f"seed {seed}" for seed in seeds)], rows)


def _ends(bundle: Bundle) -> str:
    metrics = bundle.manifest["metrics"]
    arms = bundle.manifest["arms"]
    ends = end_texts(bundle)
    rows = [[metric, *(ends.get((arm, metric), NOTHING) for arm in arms)] for metric in metrics]
    text = "at the end of training, mean ± standard deviation over seeds (n)"
    return f"{text}\n\n{plain_table(['metric', *arms], rows)}"


def _commit(manifest: Mapping[str, Any]) -> str:
    commits: Sequence[str] = manifest["commits"]
    if not commits:
        return "imported" if "imported" in manifest else "-"
    return commits[0][:7] + (f" +{len(commits) - 1}" if len(commits) > 1 else "")


def _ranges(seeds: Sequence[int]) -> str:
    """Return "1-3, 7" of 1, 2, 3, 7."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ", ".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)
