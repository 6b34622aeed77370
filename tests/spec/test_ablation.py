from typing import Any

import pytest

from harness.schema import UsageError
from harness.spec.ablation import read_ablation


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
        ({"design": "grid"}, "`design` of ablations/x.yaml is 'grid': choose one of product"),
        ({"control": {"kl": "nonne"}}, "unknown level 'nonne' in its control: did you mean none"),
        ({"control": {}}, "name one level of each factor"),
        ({"seeds": 0}, "`seeds` of ablations/x.yaml is 0: expected 1 or more"),
        ({"seeds": [4, "5"]}, "`seeds[1]` of ablations/x.yaml is '5': expected a whole number"),
        ({"steps": "60"}, "`steps` of ablations/x.yaml is '60': expected a whole number"),
        ({"factors": {"kl": {"none": {}}}}, "1 level"),
        (
            {"factors": {"kl": {"none": {"sett": {}}, "loss": {}}}},
            "`factors.kl.none` of ablations/x.yaml has an unknown key `sett`: did you mean set",
        ),
    ],
)
def test_a_bad_file_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_ablation("x", document(**changes))
    assert message in str(error.value)
    assert "ablations/x.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_seeds_of_a_study_can_be_named() -> None:
    assert read_ablation("x", document(seeds=[4, 5])).seeds == (4, 5)


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


AT = {"orz_*": {"seeds": 1, "steps": 200}, "orz_32b": {"seeds": 9}}


@pytest.mark.parametrize(
    ("scale", "seeds", "steps", "has_own_steps"),
    [
        (None, 3, 60, False),
        ("micro", 3, 60, False),
        ("orz_7b", 1, 200, True),
        # the first that fits
        ("orz_32b", 1, 200, True),
    ],
)
def test_what_is_other_at_a_scale(
    scale: str | None, seeds: int, steps: int, has_own_steps: bool
) -> None:
    ablation = read_ablation("x", document(at=AT), scale)
    assert (ablation.seeds, ablation.steps) == (seeds, steps)
    assert ablation.has_own_steps is has_own_steps
    assert ablation.document["steps"] == steps


def test_the_levels_of_another_scale_are_checked_like_those_of_the_file() -> None:
    given = document(at={"orz_*": {"control": {"kl": "nonne"}}})
    read_ablation("x", given, "micro")
    with pytest.raises(UsageError, match="unknown level 'nonne' in its control"):
        read_ablation("x", given, "orz_7b")


ONLY = {"only": ["orz_*"], "because": "there is one base model"}


def test_a_scale_at_which_a_question_makes_no_sense_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError) as error:
        read_ablation("x", document(scales=ONLY), "micro")
    assert str(error.value) == (
        "ablations/x.yaml is not for scale=micro: there is one base model; give a scale of orz_*"
    )
    assert read_ablation("x", document(scales=ONLY), "orz_7b").has_own_steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"at": {"orz_*": {"rule": {}}}},
            "`at.orz_*` of ablations/x.yaml has an unknown key `rule`",
        ),
        ({"scales": {"only": ["orz_*"]}}, "`scales` of ablations/x.yaml has no `because`: add it"),
    ],
)
def test_a_scale_part_of_another_form_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_ablation("x", document(**changes))
    assert message in str(error.value)
