"""Identity: a cell's id is a promise. If it changes here, all stored work is orphaned."""

import json

import pytest

from harness.schema import CellSpec
from harness.spec import config as configs
from tests.cells import CONFIG, INPUTS, make_spec
from tests.golden_ids import FILE, identity, requests

STORED = json.loads(FILE.read_text())

GOLDEN = "4189de8c5a8dc8fa84a0625e6298b248e10c0418414052c2c519950e3a68e1b1"


def test_the_id_of_a_fixed_spec_does_not_change() -> None:
    assert make_spec().cell_id == GOLDEN
    assert make_spec().run_name == f"kl=none-s1-{GOLDEN[:8]}"


def test_the_id_changes_with_what_is_computed() -> None:
    other = {**CONFIG, "reward": {"name": "format"}}
    assert make_spec(config=other).cell_id != GOLDEN
    assert make_spec(seed=2).cell_id != GOLDEN


def test_the_id_does_not_change_with_names_or_logging() -> None:
    assert make_spec(level="loss").cell_id == GOLDEN
    verl = {**CONFIG["verl"], "trainer": {**CONFIG["verl"]["trainer"], "logger": ["console"]}}
    assert make_spec(config={**CONFIG, "verl": verl}).cell_id == GOLDEN


def test_the_id_does_not_depend_on_the_order_of_keys() -> None:
    turned = dict(reversed(CONFIG.items()))
    spec = CellSpec(scale="x", ablation="y", levels={}, seed=1, config=turned, inputs=INPUTS)
    assert spec.cell_id == GOLDEN


def test_every_request_is_stored() -> None:
    assert list(STORED) == list(requests())


@pytest.mark.parametrize(
    "request_",
    [
        *(request for request in STORED if "scale=micro" in request),
        "ablation=kl_penalty scale=orz_7b",
        "ablation=algorithm_family scale=orz_7b",
        "ablation=kl_penalty scale=orz_32b shadow=true",
    ],
)
def test_the_ids_and_protocols_of_a_request_are_the_stored_ones(request_: str) -> None:
    with configs.session():
        assert identity(request_) == STORED[request_]


@pytest.mark.slow
def test_the_ids_and_protocols_of_every_request_are_the_stored_ones() -> None:
    with configs.session():
        assert {request: identity(request) for request in STORED} == STORED


def test_another_setting_has_other_ids_and_another_protocol() -> None:
    request = "ablation=kl_penalty scale=micro"
    with configs.session():
        found = identity(f"{request} verl.critic.optim.lr=0.0123")
    assert found["cells"] == STORED[request]["cells"]
    assert found["ids"] != STORED[request]["ids"]
    assert found["protocols"] != STORED[request]["protocols"]
