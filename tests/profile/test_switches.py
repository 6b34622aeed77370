"""The switches of the fast cell: each is accepted by the harness, and changes what is run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException

from harness.profile.switches import declared, read_switches, variants
from harness.spec import config as configs
from harness.spec.study import make_study

WARM = {"final": "1", "without kept_warm": "attempt", "without warm_start": 0, "naive": 0}
VARIANTS = {**variants(), **declared("peers")}


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_one_cell(variant: str, tmp_path: Path) -> None:
    overrides = [*VARIANTS[variant], "seeds=[1]", "steps=2", f"results_dir={tmp_path}"]
    assert len(make_study(overrides).cells) == 1


@pytest.mark.parametrize("name", read_switches())
def test_every_switch_changes_what_is_run(name: str, tmp_path: Path) -> None:
    rest = ["seeds=[1]", "steps=2", f"results_dir={tmp_path}"]
    (final,) = make_study([*VARIANTS["final"], *rest]).cells
    (without,) = make_study([*VARIANTS[f"without {name}"], *rest]).cells
    assert without.config != final.config


def test_the_naive_cell_takes_back_what_the_first_stored_study_did_not_have() -> None:
    new = [switch for switch in read_switches().values() if switch.since == "v2"]
    assert {word for switch in new for word in switch.back} <= set(VARIANTS["naive"])
    old = [switch for switch in read_switches().values() if switch.since == "v1"]
    assert not {word for switch in old for word in switch.back} & set(VARIANTS["naive"])


def test_the_naive_cell_has_no_warm_start_of_either_kind(tmp_path: Path) -> None:
    rest = ["seeds=[1]", "steps=2", f"results_dir={tmp_path}"]
    found = {name: make_study([*VARIANTS[name], *rest]).cells[0] for name in WARM}
    assert {n: cell.config["environment"]["HARNESS_WARM"] for n, cell in found.items()} == WARM


def test_a_switch_of_a_key_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    overrides = [*VARIANTS["final"], "environment.HARNESS_WARN=0", f"results_dir={tmp_path}"]
    with pytest.raises(ConfigCompositionException, match="HARNESS_WARN"):
        make_study(overrides)
