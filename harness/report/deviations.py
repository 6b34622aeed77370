"""Where the recipes differ from the paper, and why.

Every training setting of the paper: its text, its authors' code, their later word, what veRL can
do, what the recipes set, and what that may change. The first four and the last come from
baselines/papers/open_reasoner_zero/deviations.yaml, what we set from the composed recipes.
`scale=` shows the values of one scale; without it those of orz_7b, with the others where they
differ. A report of runs at a scale of the paper has the same table, with what its runs had set.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import model_validator

from harness.paths import PAPER, ROOT
from harness.report.sections import Block, Paragraph
from harness.spec import config as configs
from harness.spec.choices import group_choices
from harness.spec.shadow import SCALE_PREFIX, read_list
from harness.text import Table
from harness.typed import Form, Many, Text, keyed, read_form

FILE = PAPER / "deviations.yaml"
PAGE = Path("docs", "deviations.md")
FIRST = "orz_7b"
"""The scale whose values stand first; the paper's ablations were run at it."""

Status = Literal["same", "differs", "unknown"]
STATUSES: tuple[Status, ...] = get_args(Status)

_NOT_SET = "(veRL's default)"
_NO_CRITIC = "(no critic)"
_REPLACED = " [shadow]"
_HEADS = ("setting", "paper", "code", "later", "veRL", "what we set", "status", "effect")
_OF_A_REQUEST = {"recipe.steps": "verl.trainer.total_training_steps"}
"""Key of a recipe that no cell has -> the key of its cells that holds what was asked for."""

_SAYS_NOTHING = "-"

_HEAD = """\
# Where the recipes differ from Open-Reasoner-Zero

Made by `python -m harness.docs deviations` of
baselines/papers/open_reasoner_zero/deviations.yaml and of the composed recipes `scale=orz_*`; a
test compares. Paper is v1 (arXiv:2503.24290v1), v2 where it says so; code is the authors'
repository at 3fdd9a0; later is what they said in issues and the README. A dash: says nothing. What
we set are veRL's keys without `verl.`, at scale {first}, and at the others where they differ; or
the file that does it.
"""


class Setting(Form):
    """One setting of the paper's runs.

    Attributes:
        name: short and stable.
        title: as shown.
        paper, code, later, verl, effect: one line each; None says nothing.
        keys: dotted keys of the composed config that hold what we set.
        by: repository path that does what no key does, "verl" if verl does it unasked, or "".
        status: ours against the authors' code or later word.
    """

    name: str
    title: str
    paper: Text | None
    code: Text | None
    later: Text | None
    verl: Text
    keys: Many[str]
    by: str = ""
    status: Status
    effect: Text

    @model_validator(mode="after")
    def _check_ours(self) -> Setting:
        if not (self.keys or self.by):
            raise ValueError("has neither keys nor `by`: say what we do")
        return self


class Deviations(Form):
    """The file: name -> setting."""

    settings: Annotated[Mapping[str, Setting], keyed("name")]


def read_settings(path: Path = FILE) -> list[Setting]:
    """Read the file; `DamagedError` if an entry is not of the form."""
    return [*read_form(Deviations, path, place=path.name).settings.values()]


def recipe_scales() -> list[str]:
    """Return the scales of the paper, `FIRST` first."""
    names = [name for name in group_choices()["scale"] if name.startswith("orz_")]
    return sorted(names, key=lambda name: (name != FIRST, name))


def composed(scales: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return scale -> composed config. Needs a session of `harness.spec.config`."""
    return {
        name: configs.composed_tree(["ablation=kl_penalty", f"scale={name}"]) for name in scales
    }


def what_we_set(
    setting: Setting, recipes: Mapping[str, Mapping[str, Any]], replaced: Collection[str] = ()
) -> str:
    """Return the values of a setting in the recipes, and the file that does the rest.

    Args:
        setting: the setting.
        recipes: scale or arm -> config, the first one shown whole.
        replaced: keys that a shadow replaces, with all below them; what it replaces is marked.
    """
    parts = [
        _values(key, recipes) + (_REPLACED if _is_below(key, replaced) else "")
        for key in setting.keys
    ]
    if setting.by:
        parts.append("done by veRL" if setting.by == "verl" else f"by {setting.by}")
    return "; ".join(parts)


def page(settings: Sequence[Setting], recipes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page as Markdown."""
    first = next(iter(recipes))
    different = [item for item in settings if item.status != "same"]
    short = [[item.title, what_we_set(item, recipes), item.effect] for item in different]
    return "\n".join(
        [
            _HEAD.format(first=first),
            _summary(settings),
            "",
            "## What differs, or is unknown",
            "",
            Table(("setting", "what we set", "expected effect"), short, "<<<").markdown(),
            "",
            "## All settings",
            "",
            table(settings, recipes).markdown(),
            "",
        ]
    )


def table(
    settings: Sequence[Setting],
    recipes: Mapping[str, Mapping[str, Any]],
    replaced: Collection[str] = (),
) -> Table:
    """Return every setting; the arguments are those of `what_we_set`."""
    rows = [
        [
            item.title,
            *(text or _SAYS_NOTHING for text in (item.paper, item.code, item.later, item.verl)),
            what_we_set(item, recipes, replaced),
            item.status,
            item.effect,
        ]
        for item in settings
    ]
    return Table(_HEADS, rows, "<" * len(_HEADS))


def of_runs(scale: str, arms: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return the blocks of a report on the deviations of its runs.

    Args:
        scale: of the runs; that of a shadow begins with `harness.spec.shadow.SCALE_PREFIX`.
        arms: name -> config of its cells, the control first.

    Returns:
        Nothing at a scale that is none of the paper's.
    """
    recipe = scale.removeprefix(SCALE_PREFIX)
    if recipe not in recipe_scales():
        return []
    listed = read_list(configs.SHADOW_LIST)
    replaced = (*listed.micro, *listed.divided, *listed.fixed) if recipe != scale else ()
    settings = [
        item.model_copy(update={"keys": tuple(_OF_A_REQUEST.get(k, k) for k in item.keys)})
        for item in read_settings()
    ]
    of_a_shadow = (
        f"These runs are a shadow of {recipe}, and no result of it: what is marked{_REPLACED} has a"
        " value that harness/conf/shadow.yaml put in place of the recipe's; status and effect are"
        " the recipe's."
    )
    return [
        Paragraph(
            f"{_summary(settings)} What we set is read from the runs, veRL's keys without `verl.`:"
            " the values of the control, and of other arms where they differ. A dash: says nothing."
        ),
        *([Paragraph(of_a_shadow)] if replaced else []),
        table(settings, arms, replaced),
        Paragraph(
            f"Source: the configs of the runs and {FILE.relative_to(ROOT)}; the recipes of all"
            f" scales: {PAGE}."
        ),
    ]


def of_recipe(scale: str) -> list[Block]:
    """Return the deviations of one recipe without runs; nothing at a scale that has none."""
    if scale not in recipe_scales():
        return []
    settings = read_settings()
    with configs.session():
        recipes = composed([scale])
    return [
        Paragraph(
            f"{_summary(settings)} What we set is read from the recipe, veRL's keys without"
            " `verl.`. A dash: says nothing."
        ),
        table(settings, recipes),
        Paragraph(f"Source: `scale={scale}` and {FILE.relative_to(ROOT)}; all scales: {PAGE}."),
    ]


def _summary(settings: Sequence[Setting]) -> str:
    counts = {word: sum(item.status == word for item in settings) for word in STATUSES}
    return (
        f"{len(settings)} settings: {counts['same']} as the authors' code or later word has them,"
        f" {counts['differs']} that differ, {counts['unknown']} that nobody stated."
    )


def _is_below(key: str, places: Collection[str]) -> bool:
    return any(key == place or key.startswith(f"{place}.") for place in places)


def _values(key: str, recipes: Mapping[str, Mapping[str, Any]]) -> str:
    values = {scale: _text(_value(key, tree)) for scale, tree in recipes.items()}
    (_, first), *others = values.items()
    groups: dict[str, list[str]] = {}
    for scale, value in others:
        if value != first:
            groups.setdefault(value, []).append(scale)
    different = [f"{', '.join(scales)}: {value}" for value, scales in groups.items()]
    more = f" ({'; '.join(different)})" if different else ""
    return f"`{key.removeprefix('verl.')}` = {first}{more}"


def _value(key: str, tree: Mapping[str, Any]) -> Any:
    value: Any = tree
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _absent(value)
        value = value[part]
    return value


def _absent(parent: Any) -> str:
    # a cell without a critic keeps nothing else of its settings
    return _NO_CRITIC if parent == {"enable": False} else _NOT_SET


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, str) and "{" in value:
        return f"`{value}`"
    return str(value).lower() if isinstance(value, bool) else str(value)
