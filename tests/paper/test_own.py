"""Our own figures: their numbers against numbers computed by another way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.references.entries import Curve
from harness.schema import DamagedError
from paper.findings import largest_fall, quantities
from paper.inputs import Inputs
from paper.layout import read_figures
from paper.own.agreement import agreement
from paper.own.cost import cost
from paper.own.forest import forest
from paper.own.growth import growth
from paper.own.health import health
from paper.own.noise import variance, widths
from paper.own.repetition import repetition

EFFECTS = Path(__file__).resolve().parents[2] / "results" / "micro" / "kl_penalty" / "effects.csv"


def test_the_forest_has_every_claim_and_the_verdicts_of_the_sheet(both: Inputs) -> None:
    product = forest(both)
    rows = product.numbers
    assert set(rows["claim"]) == {claim.id for claim in both.claims}
    lines = {line.claim.id: line for line in both.sheets["micro"]}
    for row in rows.to_dict("records"):
        verdict = lines[row["claim"]].verdict
        assert row["verdict"] == str(verdict.word)
        points = [part.interval.point for part in verdict.estimates]
        assert row["point"] in points or (np.isnan(row["point"]) and not points)
    assert product.figure is not None
    gids = {str(x.get_gid()) for axes in product.figure.axes for x in axes.lines}
    measured = rows[rows["unit"] != ""].to_dict("records")
    expected = {f"interval:{row['claim']}:{row['quantity']}" for row in measured}
    assert expected <= gids


def test_published_quantities_are_those_of_the_claims(published: Inputs) -> None:
    paper = published.paper

    def values(claim: str) -> list[float]:
        return [round(quantity.value, 3) for quantity in quantities(claim, paper)]

    # the numbers that the claims state in words
    assert values("f04a") == [round(0.587 - 0.244, 3)]
    assert values("f07a") == pytest.approx([0.356 - 0.283, 0.356 - 0.308], abs=1e-3)
    assert values("f04b") == [pytest.approx(23 / 848, abs=1e-3)]
    assert values("f07c") == [
        pytest.approx(671 / 962, abs=2e-3),
        pytest.approx(746 / 962, abs=2e-3),
    ]
    assert values("f22") == [0.055, 0.013]
    assert all(value <= 0.15 for value in values("f01b"))
    assert values("f01c") == pytest.approx([1.6, 2.5, 4.4, 16], rel=0.1)
    assert values("f09")[0] > 0.3 > values("f09")[1]
    assert quantities("f20", paper) == []


def test_a_fall_is_that_of_the_moving_mean(published: Inputs) -> None:
    curve: Curve = published.paper.curves["fig12_reward_1024x64_US8"]
    by_hand = replace(curve, steps=(0, 1, 2, 3, 4), values=(0.0, 0.8, 0.8, 0.2, 0.2))
    assert largest_fall(by_hand, 2) == pytest.approx(0.6)
    assert largest_fall(by_hand, 1) == pytest.approx(0.6)
    assert np.isnan(largest_fall(by_hand, 9))


def test_a_quantity_of_no_curve_is_an_error(published: Inputs, monkeypatch: Any) -> None:
    entry = {"f01a": [{"kind": "change", "of": "fig99", "label": "x"}]}
    monkeypatch.setattr("paper.findings._read", lambda: entry)
    with pytest.raises(DamagedError, match="fig99"):
        quantities("f01a", published.paper)


def test_agreement_puts_ours_beside_the_paper(both: Inputs) -> None:
    rows = agreement(both).numbers
    mine = rows[(rows["claim"] == "f07a") & (rows["side"] == "ours")]
    line = next(line for line in both.sheets["micro"] if line.claim.id == "f07a")
    wide = mine[mine["label"].str.startswith("95")]
    assert wide["value"].tolist() == [part.interval.point for part in line.verdict.estimates]
    narrow = mine[mine["label"].str.startswith("90")]
    assert (narrow["low"].to_numpy() > wide["low"].to_numpy()).all()
    lengths = rows[(rows["claim"] == "f07c") & (rows["side"] == "ours")]
    assert lengths["unit"].unique().tolist() == ["ratio"]
    assert lengths["value"].between(0.97, 1.03).all()


def test_variance_components_are_of_the_stored_scores(both: Inputs) -> None:
    rows = variance(both).numbers
    study = next(s for s in both.studies if s.name == "micro/kl_penalty")
    samples = study.tables.samples
    last = samples[(samples["step"] == 40) & (samples["split"].astype(str).str.endswith("easy"))]
    cells = last[last["arm"] == "kl=none"].groupby(["seed", "question_id"], observed=True)
    expected = cells["correct"].var().mean()
    row = rows[(rows["study"] == study.name) & (rows["split"] == "easy")]
    found = row.loc[row["subject"] == "kl=none", "sampling"].item()
    assert found == pytest.approx(expected)


def test_the_width_of_all_seeds_is_that_of_the_report(both: Inputs) -> None:
    rows = widths(both).numbers
    stored = pd.read_csv(EFFECTS)
    stored = stored[stored["metric"] == "accuracy_easy"]
    assert len(stored) == 2
    for effect in stored.to_dict("records"):
        name, low, high = f"{effect['arm']} - kl=none", effect["low"], effect["high"]
        own = rows[(rows["difference"] == name) & (rows["split"] == "easy") & (rows["seeds"] == 5)]
        assert own["half_width"].to_numpy() == pytest.approx([(high - low) / 2] * 2, abs=1e-3)


def test_cost_compares_with_the_control_and_names_who_has_none(both: Inputs) -> None:
    product = cost(both)
    rows = product.numbers.set_index(["metric", "arm"])
    stored = pd.read_csv(EFFECTS).set_index(["metric", "arm"])
    for key in (("accuracy_easy", "kl=loss"), ("accuracy_hard", "kl=reward")):
        assert rows.loc[key, "effect"] == pytest.approx(stored.loc[key, "estimate"])
        assert 0.5 < float(str(rows.loc[key, "cost"])) < 2.0
    assert any("maxrl" in gap and "one arm" in gap for gap in product.gaps)


def test_growth_shows_responses_that_a_rule_chose(both: Inputs) -> None:
    product = growth(both)
    shown = product.numbers[product.numbers["role"] == "response"]
    study = both.studies[0]
    texts = study.tables.samples.dropna(subset=["response"])
    assert set(shown["x"]) <= set(texts["step"]) and {0, 40} <= set(shown["x"])
    known = study.tables.samples.set_index("row_id")["response_tokens"]
    assert known[shown["source"]].tolist() == shown["y"].tolist()


def test_health_names_what_is_wrong(both: Inputs) -> None:
    study = next(s for s in both.studies if s.name == "micro/kl_penalty")
    runs = study.tables.runs.copy()
    runs.loc[0, "status"], runs.loc[0, "steps_missing"] = "failed", 3
    broken = replace(study, tables=replace(study.tables, runs=runs))
    product = health(replace(both, studies=(broken,)))
    rows = product.numbers
    assert rows[["status", "steps_missing"]].to_numpy()[0].tolist() == ["failed", 3]
    assert (rows["status"] == "done").sum() == len(rows) - 1
    assert product.figure is not None
    words = [text.get_text() for text in product.figure.axes[0].texts]
    assert words.count("failed") == 1 and words.count("done") == len(rows) - 1


def test_what_no_record_has_is_a_named_gap(both: Inputs) -> None:
    product = repetition(both)
    assert product.gaps and len(product.numbers) == 0 and product.claims == ["f21"]


def test_a_figure_of_words_alone_is_drawn_with_its_gaps(published: Inputs) -> None:
    from paper.published import make_figure

    product = make_figure(read_figures()["v2fig7"], published)
    assert product.figure is not None and len(product.figure.axes) == 3
    assert len(product.gaps) >= 3
