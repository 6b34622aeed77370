"""Our own figures: their numbers against numbers computed by another way."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from harness.claims.deciding import Word
from harness.claims.quantities import Quantity
from harness.claims.reading import Claim
from harness.claims.registration import Kind, Standing
from harness.claims.rules import Part
from harness.references.entries import Curve
from harness.references.paper import Paper
from harness.schema import DamagedError
from harness.stats.intervals import Interval
from paper.findings import _read, largest_fall, quantities
from paper.inputs import Inputs, read_inputs
from paper.layout import read_figures
from paper.own.agreement import agreement, rows_of
from paper.own.cost import cost
from paper.own.forest import forest
from paper.own.growth import growth
from paper.own.health import health
from paper.own.moments import step_moments
from paper.own.noise import variance, widths
from paper.own.repetition import repetition
from paper.parts import NONE_OURS, region_of, unit_of
from paper.product import Product
from paper.style import VERDICT_WORDS, VERDICTS

EFFECTS = Path(__file__).resolve().parents[2] / "results" / "micro" / "kl_penalty" / "effects.csv"


def test_the_forest_has_every_claim_and_the_verdicts_of_the_sheet(judged: Inputs) -> None:
    product = forest(judged)
    rows = product.numbers
    assert set(rows["claim"]) == {claim.id for claim in judged.claims}
    lines = {line.claim.id: line for line in judged.sheets["micro"]}
    for row in rows.to_dict("records"):
        verdict = lines[row["claim"]].verdict
        assert row["verdict"] == str(verdict.word)
        points = [item.interval.point for item in verdict.estimates]
        assert row["point"] in points or (np.isnan(row["point"]) and not points)
    assert product.figure is not None
    measured = rows[rows["unit"] != ""].to_dict("records")
    assert {row["claim"] for row in measured} >= {"f01a", "f01c", "f07a", "f15"}
    assert {f"interval:{row['claim']}:{row['quantity']}" for row in measured} <= set(marks(product))


@pytest.mark.parametrize("draw", [forest, agreement])
def test_runs_that_no_rule_judges_leave_a_figure_without_ours_that_says_so(
    draw: Any, first_world: Inputs, judged: Inputs
) -> None:
    product, other = draw(first_world), draw(judged)
    assert product.gaps[0] == NONE_OURS and NONE_OURS in product.caption + words(product)
    assert product.runs == {} and set(product.claims) == set(other.claims)
    assert not {name for name in marks(product) if name.startswith(("ours:", "point:"))}
    # where something is measured it is not said
    assert NONE_OURS not in [*other.gaps, other.caption, words(other)] and other.runs


def test_without_ours_the_paper_and_the_rules_are_drawn(first_world: Inputs) -> None:
    product = agreement(first_world)
    rows = product.numbers
    assert set(rows["side"]) == {"paper"}
    assert "paper:f07a:7B" in marks(product) and "dot" not in product.caption.lower()
    limits = rows.loc[rows["claim"] == "f07b", "true_above"]
    (line,) = (x for x in first_world.sheets["micro"] if x.claim.id == "f07b")
    assert limits.tolist() == [region_of(part)[0] for part in line.claim.rules["micro"].parts]


def words(product: Product) -> str:
    """Everything that is written in a figure, without its breaks of lines."""
    assert product.figure is not None
    texts = [*product.figure.texts, *(text for axes in product.figure.axes for text in axes.texts)]
    return " ".join(" ".join(text.get_text().split()) for text in texts)


def marks(product: Product) -> dict[str, Any]:
    """Name -> artist of the marks of a figure."""
    assert product.figure is not None
    return {str(x.get_gid()): x for axes in product.figure.axes for x in axes.lines}


def confirmed(inputs: Inputs) -> Inputs:
    """The same with every verdict confirmatory."""
    standing = Standing(Kind.TIMESTAMPED)
    lines = [
        replace(line, verdict=replace(line.verdict, standing=standing))
        if line.verdict.standing
        else line
        for line in inputs.sheets["micro"]
    ]
    changed = replace(inputs)
    # the sheets are made once, on first use
    changed.__dict__["sheets"] = {"micro": lines}
    return changed


@pytest.mark.parametrize(("draw", "side"), [(forest, "point"), (agreement, "ours")])
def test_what_is_not_confirmatory_is_hollow(draw: Any, side: str, judged: Inputs) -> None:
    for inputs, is_hollow in ((judged, True), (confirmed(judged), False)):
        faces = {
            mark.get_markerfacecolor() == "white"
            for name, mark in marks(draw(inputs)).items()
            if name.startswith(f"{side}:")
        }
        assert faces == {is_hollow}


def test_the_shaded_region_is_where_the_sentence_is_true(judged: Inputs) -> None:
    numbers = forest(judged).numbers.to_dict("records")
    rows = {(row["claim"], row["quantity"]): row for row in numbers}
    assert any(line.verdict.estimates for line in judged.sheets["micro"])
    for line in judged.sheets["micro"]:
        for item in line.verdict.estimates:
            part = item.measured.part
            row = rows[line.claim.id, part.quantity.name()]
            low, high = row["true_above"], row["true_below"]
            edges = {"above": low, "below": high}
            assert edges[part.bound] == pytest.approx(part.threshold)
            assert region_of(part) == (low, high)
            if str(line.verdict.word) == "reproduced":
                assert low < row["low"] <= row["high"] < high
    quantity = Quantity(measure="level", metric="reward", arm="a=1", minus="a=2", ratio=True)
    for bound, region in {
        "above": (1.2, np.inf),
        "below": (0, 1.2),
        "within": (1 / 1.2, 1.2),
    }.items():
        part = Part(quantity=quantity, bound=bound, threshold=1.2)
        assert region_of(part) == pytest.approx(region)


def test_an_interval_that_is_not_known_yet_ends_at_the_edge_and_is_dashed(judged: Inputs) -> None:
    (line, *_) = (x for x in judged.sheets["micro"] if x.claim.id == "f15")
    (item,) = line.verdict.estimates
    endless = replace(item, interval=Interval(0.5, -np.inf, np.inf), kind="anytime")
    changed = replace(judged)
    verdict = replace(line.verdict, estimates=(endless,))
    changed.__dict__["sheets"] = {"micro": [replace(line, verdict=verdict)]}
    product = forest(changed)
    assert product.figure is not None
    name = f"interval:f15:{item.measured.part.quantity.name()}"
    mark = marks(product)[name]
    assert np.isfinite(mark.get_xdata()).all() and mark.get_linestyle() == "--"
    (before,) = [mark for other, mark in marks(forest(judged)).items() if other == name]
    assert before.get_linestyle() == "-"


def test_verdict_colours_are_told_apart_with_any_colour_vision() -> None:
    assert set(VERDICTS) == set(VERDICT_WORDS) == {str(word) for word in Word}
    marked = {word: colour for word, colour in VERDICTS.items() if word != "not run"}
    assert alike(marked) == []
    # the purple of the same palette turns into the grey of what was not run
    assert alike({"untestable here": "#CC79A7", "not run": VERDICTS["not run"]}) != []
    assert alike({word: VERDICTS[word] for word in ("untestable here", "not run")}) == []


def alike(colours: dict[str, str]) -> list[str]:
    """Pairs of colours that are near each other in normal or in dichromatic vision.

    Source:
        Machado, Oliveira and Fernandes 2009, IEEE TVCG 15(6), severity 1; the distance is that of
        CIE 1976 L*a*b*, in which 2 is just noticeable.
    """
    rows = {
        "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }
    seen = {name: np.array(matrix, dtype=float) for name, matrix in rows.items()}
    return [
        f"{a} and {b} with {vision} vision"
        for vision, matrix in seen.items()
        for a, b in combinations(colours, 2)
        if np.linalg.norm(lab(matrix, colours[a]) - lab(matrix, colours[b])) < 15
    ]


def lab(vision: np.ndarray, colour: str) -> np.ndarray:
    """L*a*b* of a colour as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(vision @ linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_published_quantities_are_those_of_the_claims(published: Inputs) -> None:
    paper = published.paper

    def values(claim: str, scale: str = "orz_7b") -> list[float]:
        return [round(quantity.value, 3) for quantity in quantities(claim, paper, scale)]

    # the numbers that the claims state in words
    assert values("f04a") == [round(0.587 - 0.244, 3)]
    assert values("f07a") == pytest.approx([0.356 - 0.283, 0.356 - 0.308], abs=1e-3)
    assert values("f04b") == [pytest.approx(848 / 23, rel=0.02)]
    assert values("f05") == pytest.approx([3035 / 941, 3506 / 1762], rel=0.01)
    assert values("f07c") == [
        pytest.approx(962 / 671, abs=3e-3),
        pytest.approx(962 / 746, abs=3e-3),
    ]
    assert values("f08") == pytest.approx([0.078, 0.078 + 0.006], abs=0.03)
    assert values("f12")[:2] == [pytest.approx(x, abs=0.05) for x in (1.0, 1.0)]
    assert values("f16") == [0.481, 0.922, 0.555]
    assert values("f18") == pytest.approx([0.31, 0.58], abs=0.005)
    # the rules at micro scale are about rises
    assert values("f12", "micro") == values("f12")[2:]
    assert values("f18", "micro") == pytest.approx([0.31 - 0.028], abs=0.005)
    assert values("f22") == [0.055, 0.017, 0.013]
    assert all(value <= 0.15 for value in values("f01b"))
    assert values("f01c") == pytest.approx([1.6, 2.5, 4.4, 16], rel=0.1)
    assert values("f09")[0] > 0.3 > values("f09")[1]
    assert values("f20") == []


KINDS = {
    ("level", False): {"level", "table"},
    # the paper has no arm without annealing: what it gains by it is a change (f17)
    ("level", True): {"difference", "quotient", "table", "change"},
    ("change", False): {"change", "growth", "table"},
    ("change", True): {"difference"},
    ("largest_fall", False): {"fall"},
    ("largest_fall", True): {"fall"},
}
"""Measure of a rule's part, and whether it compares two arms -> kinds of published quantities."""


def misplaced(claims: Sequence[Claim], paper: Paper) -> list[str]:
    """Published numbers that are not what the part of the rule beside them measures."""
    found = []
    for claim in claims:
        for scale, rule in claim.rules.items():
            for quantity in quantities(claim.id, paper, scale):
                if quantity.part < len(rule.parts):
                    part = rule.parts[quantity.part]
                    kinds = KINDS[part.quantity.measure, bool(part.quantity.minus)]
                    if quantity.kind not in kinds or unit_of(part) != quantity.unit:
                        found.append(f"{claim.id}: {quantity.label}")
    return found


def test_published_numbers_are_what_the_rule_s_part_beside_them_measures(
    both: Inputs, monkeypatch: Any
) -> None:
    entries = _read()
    assert misplaced(both.claims, both.paper) == []
    turned = [{**raw, "part": 1 - raw.get("part", 0)} for raw in entries["f12"]]
    everywhere = [raw for raw in entries["f18"] if "scale" not in raw]
    broken = {**entries, "f12": turned, "f07c": entries["f07a"], "f18": everywhere}
    monkeypatch.setattr("paper.findings._read", lambda: broken)
    found = misplaced(both.claims, both.paper)
    assert len(found) > 5
    assert {text[:4] for text in found} == {"f12:", "f07c", "f18:"}


def test_ours_in_another_unit_than_the_paper_s_is_not_on_its_axis(judged: Inputs) -> None:
    (line,) = (x for x in judged.sheets["micro"] if x.claim.id == "f01c")
    (row,) = rows_of(line, "micro", judged)
    assert row.estimate is not None and row.unit == "ratio"
    rule = line.claim.rules["micro"]
    (part,) = rule.parts
    tokens = replace(part, quantity=replace(part.quantity, ratio=False))
    claim = replace(line.claim, rules={"micro": replace(rule, parts=(tokens,))})
    (row,) = rows_of(replace(line, claim=claim), "micro", judged)
    assert row.estimate is None and row.part is None and row.unit == "ratio"


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
        quantities("f01a", published.paper, "micro")


def test_agreement_puts_ours_beside_the_paper(judged: Inputs) -> None:
    rows = agreement(judged).numbers
    mine = rows[(rows["claim"] == "f07a") & (rows["side"] == "ours")]
    line = next(line for line in judged.sheets["micro"] if line.claim.id == "f07a")
    estimates = line.verdict.estimates
    assert mine["value"].tolist() == [item.interval.point for item in estimates]
    assert mine["low"].tolist() == [item.interval.low for item in estimates]
    assert mine["level"].tolist() == [item.level for item in estimates]
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


def test_noise_that_arms_share_is_in_no_component_of_an_aligned_difference(
    first_world: Inputs,
) -> None:
    product = variance(first_world)
    study = next(s for s in first_world.studies if s.name == "micro/kl_penalty")
    samples = study.tables.samples
    last = samples[(samples["step"] == 40) & (samples["split"].astype(str).str.endswith("easy"))]
    keys = ["seed", "question_id", "sample"]
    plain = last.astype({"arm": str, "question_id": str})
    table = plain.pivot(index=keys, columns="arm", values="correct")
    gain = (table["kl=loss"] - table["kl=none"]).groupby(keys[:2])
    rows = product.numbers.set_index(["study", "split", "subject"])
    row = rows.loc[(study.name, "easy", "kl=loss - kl=none")]
    assert row["sampling"] == pytest.approx(gain.var().mean())
    assert "samples are aligned" in row["note"]
    assert "sample by sample, without what the arms share: micro/kl_penalty" in product.caption

    counted = variance(read_inputs("micro/kl_penalty@v3"))
    notes = counted.numbers.set_index("subject")["note"]
    assert notes["kl=loss - kl=none"].str.contains("samples are not aligned").all()
    assert "most it can be: micro/kl_penalty@v3." in counted.caption
    assert "sample by sample" not in counted.caption


def test_the_width_of_all_seeds_is_that_of_the_report(both: Inputs) -> None:
    rows = widths(both).numbers
    stored = pd.read_csv(EFFECTS)
    stored = stored[stored["metric"] == "accuracy_easy"]
    assert len(stored) > 1
    for effect in stored.to_dict("records"):
        name, low, high = f"{effect['arm']} - kl=none", effect["low"], effect["high"]
        own = rows[(rows["difference"] == name) & (rows["split"] == "easy") & (rows["seeds"] == 5)]
        assert own["half_width"].to_numpy() == pytest.approx([(high - low) / 2] * 2, abs=1e-3)


def test_a_width_names_the_seeds_that_both_arms_have(both: Inputs) -> None:
    study = next(s for s in both.studies if s.name == "micro/kl_penalty")
    runs = study.tables.runs
    first = runs["seed"].min()
    is_lost = (runs["arm"].astype(str) == "kl=loss") & (runs["seed"] == first)
    tables = replace(study.tables, runs=runs.assign(is_included=runs["is_included"] & ~is_lost))
    rows = widths(replace(both, studies=(replace(study, tables=tables),))).numbers
    is_its = rows["difference"].str.startswith("kl=loss - ") & (rows["role"] == "observed")
    named = rows.loc[is_its, "of_seeds"].str.split()
    assert len(named) and not any(str(first) in seeds for seeds in named)


def test_cost_compares_with_the_control_and_names_who_has_none(both: Inputs) -> None:
    product = cost(both)
    rows = product.numbers.set_index(["metric", "arm"])
    stored = pd.read_csv(EFFECTS).set_index(["metric", "arm"])
    for key in (("accuracy_easy", "kl=loss"), ("accuracy_hard", "kl=reward")):
        assert rows.loc[key, "effect"] == pytest.approx(stored.loc[key, "estimate"])
        assert 0.5 < float(str(rows.loc[key, "cost"])) < 2.0
    assert any("maxrl" in gap and "one arm" in gap for gap in product.gaps)


def test_growth_shows_responses_that_a_rule_chose(first_world: Inputs) -> None:
    product = growth(first_world)
    shown = product.numbers[product.numbers["role"] == "response"]
    study = first_world.studies[0]
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


def test_what_no_record_has_is_a_named_gap(first_world: Inputs) -> None:
    product = repetition(first_world)
    assert product.gaps and len(product.numbers) == 0 and product.claims == ["f21"]
    moments = step_moments(first_world)
    assert moments.gaps and not moments.runs and moments.claims == ["f14"]


def test_repetition_is_drawn_of_the_control_of_the_study_that_its_claim_is_judged_on(
    both: Inputs,
) -> None:
    product = repetition(both)
    assert not product.gaps and list(product.runs) == ["micro/algorithm"]
    assert set(product.numbers["arm"]) == {"algorithm=ppo"}


def test_step_moments_are_looked_for_in_the_paper_and_in_every_run(both: Inputs) -> None:
    numbers = step_moments(both).numbers
    found = numbers[numbers["role"] == "p"].set_index("source")["y"].astype(float)
    assert 0.05 < found["fig6"] <= 1
    study = next(s for s in both.studies if s.name == "micro/kl_penalty")
    looked = [run for run in study.runs if run in found.index]
    assert len(looked) > len(study.runs) / 2
    assert found[looked].between(0, 1).all()


def test_a_figure_of_words_alone_is_drawn_with_its_gaps(published: Inputs) -> None:
    from paper.published import make_figure

    product = make_figure(read_figures()["v2fig7"], published)
    assert product.figure is not None and len(product.figure.axes) == 3
    assert len(product.gaps) >= 3
