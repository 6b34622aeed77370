"""Identity: a cell's id is a promise. If it changes here, all stored work is orphaned."""

from harness.schema import CellSpec
from tests.cells import CONFIG, INPUTS, make_spec

GOLDEN = "3bcdc227b11912d67d4483c83449fbd3148534cd0cfd2febbc082bf2fed00097"


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
