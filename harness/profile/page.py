"""The tables of a profile, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.profile.profile import Profile
from harness.text import markdown_table, number, paragraphs, plain_table

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]
SHOWN = 10


def terminal_text(profile: Profile) -> str:
    """Return the profile for a terminal."""
    return paragraphs(*_body(profile, plain_table, ""))


def page(profile: Profile, command: str, pictures: Sequence[str]) -> str:
    """Return the profile as Markdown.

    Args:
        profile: what is shown.
        command: that writes the page again.
        pictures: paths of the pictures as seen from the page.
    """
    drawn = [f"![{path.rsplit('/', 1)[-1].partition('.')[0]}]({path})" for path in pictures]
    return (
        paragraphs(
            f"# Profile of {profile.run_id}",
            f"Written by `{command}`.",
            *drawn,
            *_body(profile, markdown_table, "## "),
        )
        + "\n"
    )


def _body(profile: Profile, table: Table, mark: str) -> list[str]:
    return [
        f"{mark}Wall seconds by phase",
        _wall(profile, table),
        f"{mark}CPU seconds by process",
        _cpu(profile, table),
        f"{mark}A training step against its floor",
        _step(profile, table),
        _notes(profile),
    ]


def _wall(profile: Profile, table: Table) -> str:
    rows = [
        [str(row["phase"]), number(row["wall_s"], "s"), _percent(row["wall_s"], profile.total_s)]
        for row in profile.wall.to_dict("records")
    ]
    rows.append(["whole attempt", number(profile.total_s, "s"), "100 %"])
    return table(["phase", "wall [s]", "share"], rows)


def _cpu(profile: Profile, table: Table) -> str:
    sums = profile.cpu_by("process")
    whole = float(sums.sum())
    rows = [[str(n), number(v, "s"), _percent(v, whole)] for n, v in sums[:SHOWN].items()]
    rest = float(sums[SHOWN:].sum())
    rows.append([f"{len(sums[SHOWN:])} others", number(rest, "s"), _percent(rest, whole)])
    rows.append(["all processes", number(whole, "s"), "100 %"])
    return table(["process", "CPU [s]", "share"], rows)


def _step(profile: Profile, table: Table) -> str:
    parts, floor = profile.parts_s, profile.floor_s
    rows = [_step_row(name, parts[name], floor.get(name)) for name in parts]
    rows.append(_step_row("whole step", sum(parts.values()), sum(floor.values())))
    return table(["part of a step", "measured [s]", "floor [s]", "measured / floor"], rows)


def _step_row(name: str, measured: float, least: float | None) -> list[str]:
    if not least:
        return [name, number(measured), "-", "-"]
    return [name, number(measured), number(least), f"{measured / least:.1f}"]


def _notes(profile: Profile) -> str:
    batch, speed = profile.batch, profile.speed
    return (
        f"Start-up to the first training step: {number(profile.startup_s, 's')} s. Peak resident"
        f" memory, shared pages counted in each process: {profile.peak_mib:,.0f} MiB. A step:"
        f" {batch.prompts} prompts, {batch.sequences} sequences of"
        f" {batch.prompt_tokens + batch.response_tokens:.1f} tokens, {profile.flops / 1e9:.1f}"
        f" GFLOP. The floor takes this machine's measured matrix product"
        f" ({speed.flops / 1e9:.0f} GFLOP/s, single precision, all cores) and copy speed"
        f" ({speed.bytes / 1e9:.1f} GB/s); padding, softmax, norms, the optimizer and all"
        " bookkeeping are no part of it."
    )


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole > 0 else "-"
