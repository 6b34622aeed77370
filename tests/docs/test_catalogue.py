"""The two pages are made from the files, and the files say what the pages need."""

from pathlib import Path

import pytest

from harness.docs import catalogue
from harness.paths import DOCS
from harness.run.__main__ import run
from harness.schema import UsageError
from harness.spec.application import refuse_unsupported, run_application, unsupported
from harness.spec.choices import ablation_files, group_choices

OLD = ("ppo", "grpo", "maxrl")
"""Older than the labels; their comments say the same in other words."""

ALGORITHMS = group_choices()["algorithm"]


PAGES = {"algorithms": catalogue.algorithms_page, "ablations": catalogue.ablations_page}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_made_from_the_files(name: str) -> None:
    assert (DOCS / f"{name}.md").read_text() == PAGES[name](), f"python -m harness.docs {name}"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_says_formula_source_and_what_differs(name: str) -> None:
    items = catalogue.read_algorithm(ALGORITHMS[name]).items
    labels = {label for label in catalogue.LABELS for item in items if item.startswith(label)}
    needed = {"Advantage", "Source"} | (set() if name in OLD else {"Loss", "Differs", "Degenerate"})
    assert needed <= labels
    if name != "ppo":
        assert "arXiv:" in items[-1]


def test_a_comment_is_cut_into_its_items(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "# @package _global_\n# X: a thing\n#\n# Advantage: a_i * 2,\n# halved.\n# Source: y.\n"
        "defaults:\n  - ppo\n  - _self_\nverl: {algorithm: {lam: 1.0}}\n"
    )
    found = catalogue.read_algorithm(path)
    assert found.items == ("Advantage: a\\_i \\* 2, halved.", "Source: y.")
    assert (found.title, found.base, found.keys) == ("X: a thing", "ppo", {"algorithm.lam": 1.0})


@pytest.mark.parametrize("name", unsupported()["algorithm"])
def test_what_cannot_be_had_is_answered_in_one_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert name not in ALGORITHMS
    assert unsupported()["algorithm"][name]["nearest"] in ALGORITHMS
    assert run_application(run, ["ablation=kl_penalty", f"algorithm={name}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: algorithm={name} (") and err.count("\n") == 1
    assert "is not supported: " in err and "arXiv:" in err


def test_a_name_that_nobody_listed_is_no_unsupported_one() -> None:
    refuse_unsupported("algorithm", "nothing")
    refuse_unsupported("launcher", "remax")
    with pytest.raises(UsageError, match="greedy response"):
        refuse_unsupported("algorithm", "remax")


def test_every_ablation_is_on_its_page() -> None:
    page = catalogue.ablations_page()
    for name in ablation_files():
        assert f"\n## {name}\n" in page
