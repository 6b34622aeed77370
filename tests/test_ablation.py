from typing import Any

import pytest

from harness.ablation import read_ablation
from harness.schema import UsageError


def document(**changes: Any) -> dict[str, Any]:
    base = {
        "title": "t",
        "question": "q",
        "source": "s",
        "control": {"kl": "none"},
        "seeds": 3,
        "steps": 60,
        "factors": {"kl": {"none": {"set": {"verl.a": 0}}, "loss": {"set": {"verl.a": 1}}}},
    }
    return {**base, **changes}


def test_a_good_file_is_read() -> None:
    ablation = read_ablation("x", document())
    assert ablation.factor_keys == {"verl.a"}
    assert ablation.design == "product"
    assert list(ablation.factors["kl"]) == ["none", "loss"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"desing": "product"}, "unknown key `desing`: did you mean design"),
        ({"design": "grid"}, "unknown design 'grid'"),
        ({"control": {"kl": "nonne"}}, "unknown level 'nonne' in the control"),
        ({"control": {}}, "name one level of each factor"),
        ({"seeds": 0}, "seeds=0 in ablations/x.yaml"),
        ({"steps": "60"}, "steps='60' in ablations/x.yaml"),
        ({"factors": {"kl": {"none": {}}}}, "1 level"),
        ({"factors": {"kl": {"none": {"sett": {}}, "loss": {}}}}, "unknown key 'sett'"),
    ],
)
def test_a_bad_file_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_ablation("x", document(**changes))
    assert message in str(error.value)
    assert "ablations/x.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named() -> None:
    given = document()
    del given["question"]
    with pytest.raises(UsageError, match="has no `question`"):
        read_ablation("x", given)


def test_two_factors_cannot_set_one_key() -> None:
    factor = {"a": {"set": {"verl.a": 0}}, "b": {"set": {"verl.a": 1}}}
    given = document(factors={"one": factor, "two": factor}, control={"one": "a", "two": "a"})
    with pytest.raises(UsageError, match="changed by two factors"):
        read_ablation("x", given)
