"""A bundle whose hashes fit and whose contents cannot be is refused in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.metrics.tables import read_parquet, write_parquet
from harness.paths import BASELINES
from harness.schema import DamagedError, content_hash
from harness.store.bundle import CURVES, MANIFEST, SCORES, manifest_text, read_bundle, sha256
from harness.store.forms import ANY, form_objection

STORED = BASELINES / "micro" / "kl_penalty" / "v1"
Tables = dict[str, pd.DataFrame]
Change = Callable[[dict[str, Any], Tables], Any]


def forged(base: Path, change: Change) -> Path:
    """Change a stored bundle and make its hashes again."""
    manifest = json.loads((STORED / MANIFEST).read_text())
    del manifest["digest"]
    tables = {name: read_parquet(STORED / name) for name in (CURVES, SCORES)}
    change(manifest, tables)
    for name, table in tables.items():
        write_parquet(table, base / name, prefixed=())
        if name in manifest["files"]:
            manifest["files"][name] = {
                "sha256": sha256(base / name),
                "bytes": (base / name).stat().st_size,
            }
    manifest["digest"] = content_hash(manifest)
    (base / MANIFEST).write_text(manifest_text(manifest))
    return base


def put(*keys: Any, value: Any) -> Change:
    def change(manifest: dict[str, Any], _: Tables) -> None:
        place: Any = manifest
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def column(table: str, name: str, make: Callable[[pd.Series], Any]) -> Change:
    def change(_: dict[str, Any], tables: Tables) -> None:
        tables[table] = tables[table].assign(**{name: make(tables[table].get(name))})

    return change


def rows(table: str, keep: Callable[[pd.DataFrame], Any]) -> Change:
    def change(_: dict[str, Any], tables: Tables) -> None:
        tables[table] = tables[table][keep(tables[table])].reset_index(drop=True)

    return change


def twice(_: dict[str, Any], tables: Tables) -> None:
    again = tables[CURVES].iloc[[0]].assign(row_id="again")
    tables[CURVES] = pd.concat([tables[CURVES], again], ignore_index=True)


def one_sample_less(_: dict[str, Any], tables: Tables) -> None:
    """A question that was never right stays so: the accuracy does not tell."""
    scores = tables[SCORES]
    scores.loc[(scores["correct"] == 0).idxmax(), "samples"] -= 1


def same_question(_: dict[str, Any], tables: Tables) -> None:
    names = tables[SCORES]["question_id"].astype(str)
    tables[SCORES] = tables[SCORES].assign(question_id=names.where(names.index != 1, names[0]))


def single_samples(text: Any = "1100") -> Change:
    """Samples one by one that fit their counts, but for a question with two of four correct."""

    def change(_: dict[str, Any], tables: Tables) -> None:
        scores = tables[SCORES]
        counts = zip(scores["correct"], scores["samples"], strict=True)
        right: list[Any] = ["1" * found + "0" * (n - found) for found, n in counts]
        right[list(scores["correct"]).index(2)] = text
        tables[SCORES] = scores.assign(right=right)

    return change


def first_set(value: Any) -> Callable[[pd.Series], pd.Series]:
    return lambda own: own.astype(object).where(own.index != 0, value)


def test_a_bundle_with_nothing_wrong_is_read_as_it_was_written(tmp_path: Path) -> None:
    bundle = read_bundle(forged(tmp_path, lambda *_: None))
    assert bundle.doubts == ()
    for name, table in ((CURVES, bundle.curves), (SCORES, bundle.scores)):
        pd.testing.assert_frame_equal(table, read_parquet(STORED / name), check_categorical=False)


def test_samples_that_fit_their_counts_are_read(tmp_path: Path) -> None:
    bundle = read_bundle(forged(tmp_path, single_samples()))
    assert bundle.is_aligned and set(bundle.scores["right"].str.len()) == {4}
    assert not read_bundle(STORED).is_aligned


def without_evaluation(_: dict[str, Any], tables: Tables) -> None:
    """Every accuracy and every question is gone, so that nothing contradicts anything."""
    rows(CURVES, lambda t: ~t["metric"].astype(str).str.startswith("accuracy_"))({}, tables)
    rows(SCORES, lambda t: t["split"] == "")({}, tables)


def times(metric: str, factor: float) -> Change:
    def change(_: dict[str, Any], tables: Tables) -> None:
        curves = tables[CURVES]
        curves.loc[curves["metric"].astype(str) == metric, "value"] *= factor

    return change


def undefined(metric: str) -> Change:
    return times(metric, float("nan"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("title", value="a\x1b[2Jb"), "title holds a control character"),
        (put("title", value="\ud800"), "half a surrogate pair"),
        (put("protocol", "a\nb", value=1), "a key of protocol holds a control character"),
        (put("commits", value=1), "commits is 1, expected a list"),
        (put("control", value=1.5), "control is 1.5, expected a text or null"),
        (put("seeds", 0, value=True), "seeds[0] is True, expected a whole number"),
        (put("cells", 0, value=1e308), "cells[0] is 1e+308, expected a mapping"),
        (put("cells", 0, "seed", value=[1]), "cells[0].seed is [1], expected a whole number"),
        (put("cells", 0, "status", value="fine"), "has the status 'fine'"),
        (put("cells", 0, "arm", value="kl=x"), "an arm or a seed that the manifest does not list"),
        (put("seeds", value=[1, 2, 3, 3]), "lists one of its seeds twice"),
        (put("protocol", "steps", value=-1), "a negative number of steps"),
        (put("protocol", "arms", "kl=loss", "config", value="x"), "expected a mapping"),
        (put("protocol", "arms", value={}), "does not say what the arm kl=none is"),
        (put("protocol", "evaluation", "samples", value=0), "fewer than one question or sample"),
        (
            put("protocol", "evaluation", "samples", value=3),
            "96 were asked for",
        ),
        (put("protocol", "evaluation", "steps", value=[0, 5]), "no accuracy_easy at step 5"),
        (put("protocol", "steps", value=39), "which has 39 steps"),
        (put("files", "more", value={"sha256": "", "bytes": 1}), "a bundle holds"),
        (lambda m, _: m.pop("cells"), "the manifest lacks cells"),
        (lambda m, _: m["cells"][0].pop("run_id"), "cells[0] lacks run_id"),
        (column(CURVES, "step", lambda s: s + 0.5), "step as 'double', expected whole numbers"),
        (column(CURVES, "seed", lambda s: s + 0.4), "seed as 'double', expected whole numbers"),
        (column(SCORES, "correct", lambda s: s + 0.9), "correct as 'double', expected whole"),
        (column(SCORES, "samples", lambda s: s.map(lambda v: [v])), "expected whole numbers"),
        (column(CURVES, "value", lambda s: s.astype(str)), "value as 'large_string', expected"),
        (column(CURVES, "metric", first_set(None)), "a row without metric"),
        (column(CURVES, "metric", first_set("fame")), "a metric 'fame' that the suite does not"),
        (column(CURVES, "arm", first_set("kl=loss2")), "which is no finished cell"),
        (column(CURVES, "step", lambda s: -s), "which has 40 steps"),
        (lambda _, t: t[CURVES].insert(0, "more", 1), "has the columns"),
        (twice, "twice"),
        (same_question, "a question of a run twice"),
        (column(SCORES, "correct", lambda s: s + 4), "more correct samples than samples"),
        (column(SCORES, "samples", lambda s: s * 0), "more correct samples than samples"),
        (rows(SCORES, lambda t: t["split"] != "eval_easy"), "no question of it"),
        (one_sample_less, "127 samples of eval_"),
        (rows(CURVES, lambda t: t["step"] > 0), "no accuracy_easy at step 0"),
        (rows(CURVES, lambda t: (t["step"] > 0) | (t["seed"] != 2)), "no accuracy_easy at step 0"),
        (rows(CURVES, lambda t: ~t["metric"].astype(str).str.startswith("acc")), "no accuracy_ea"),
        (without_evaluation, "no accuracy_easy at step 0"),
        (rows(CURVES, lambda t: (t["step"] != 7) | (t["seed"] != 3)), "no reward at step 7"),
        (column(CURVES, "value", lambda s: s * float("nan")), "no value that is defined"),
        (undefined("reward"), "no reward at step 1"),
        (undefined("accuracy_hard"), "no accuracy_hard at step 0"),
        (times("accuracy_easy", 100.0), "accuracy_easy = 94.53, outside 0 to 1, which is a fract"),
        (times("entropy", -1.0), "which is never negative"),
        (times("samples_easy", 0.99), "a part of a sample of eval_easy"),
        (put("seeds", 0, value=-1), "a negative seed"),
        (put("protocol", "evaluation", "steps", value=[-1]), "a negative number of steps"),
        (put("protocol", "steps", value=10**10), "more than 1,000,000,000 steps"),
        (put("protocol", "steps", value=10**9), "no reward at step 41"),
        (put("cells", 0, "seed", value=2**70), "holds the number '1180591620717411303424', bey"),
        (rows(CURVES, lambda t: t["run_id"] != t["run_id"].iloc[0]), "has no row of"),
        (column(SCORES, "row_id", lambda s: s.str.replace("/40/", "/30/")), "is of step '30'"),
        (single_samples("11x0"), "a sample in right that is none of 1, 0 and -"),
        (single_samples("1100\n"), "a sample in right that is none of 1, 0 and -"),
        (single_samples("1100-"), "right is not of the 4 samples asked for"),
        (single_samples("1000"), "other correct samples of a question in right than in correct"),
        (single_samples("110-"), "other samples of a question in right than in samples"),
        (single_samples(None), "a row without right"),
        (column(SCORES, "right", lambda _: 1100), "right as 'int64', expected text"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    with pytest.raises(DamagedError) as caught:
        read_bundle(forged(tmp_path, change))
    error = str(caught.value)
    assert said in error
    assert "\n" not in error and "\x1b" not in error and error.isascii()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("rows", 5, "has 11316 rows, 5 are stated"), ("bytes", 5, "bytes, its manifest says 5 bytes")],
)
def test_rows_and_bytes_are_those_that_the_manifest_states(
    tmp_path: Path, key: str, value: int, said: str
) -> None:
    place = forged(tmp_path, lambda *_: None)
    manifest = json.loads((place / MANIFEST).read_text())
    del manifest["digest"]
    manifest["files"][CURVES][key] = value
    (place / MANIFEST).write_text(manifest_text({**manifest, "digest": content_hash(manifest)}))
    with pytest.raises(DamagedError, match=said):
        read_bundle(place)


def test_a_table_of_more_rows_than_its_runs_can_have_is_not_read(tmp_path: Path) -> None:
    def many(manifest: dict[str, Any], tables: Tables) -> None:
        size = 9 * 41 * 1000 + 1
        first = tables[CURVES].iloc[0].to_dict()
        tables[CURVES] = pd.DataFrame({key: [value] * size for key, value in first.items()})

    with pytest.raises(DamagedError, match="has 369,001 rows, at most 369,000 are read here"):
        read_bundle(forged(tmp_path, many))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"schema_version": ' + "9" * 5000 + "}",
        '{"a": "' + "x" * (1 << 23) + '"}',
        '{"schema_version": 1, "schema_version": 1, "digest": ""}',
        '{"schema_version": NaN, "digest": ""}',
        "[1]",
        "\x00",
    ],
)
def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DamagedError, match="is not the manifest of a baseline"):
        read_bundle(tmp_path)


def test_curves_below_the_scores_are_a_doubt_of_a_candidate_alone(tmp_path: Path) -> None:
    def lower(_: dict[str, Any], tables: Tables) -> None:
        curves = tables[CURVES]
        is_end = (curves["metric"].astype(str) == "accuracy_easy") & (curves["step"] == 40)
        curves.loc[is_end, "value"] -= 0.01

    place = forged(tmp_path, lower)
    (doubt,) = read_bundle(place, is_judged=True).doubts
    assert "accuracy_easy" in doubt and "8 more like it" in doubt
    with pytest.raises(DamagedError, match="and 8 more"):
        read_bundle(place)


def test_forms_say_what_was_expected_where() -> None:
    form = {"a": [{"b": (int, None)}], "c?": {str: float}, "d?": ANY}
    one = {"a": [{"b": 1}, {"b": None}], "c": {"x": 0.5}, "d": object()}
    from harness.store.forms import _fault

    assert _fault(one, form, "") == ""
    assert _fault({"a": [{"b": 1}, {"b": "2"}]}, form, "") == (
        "a[1].b is '2', expected a whole number or null"
    )
    assert _fault({"a": {}}, form, "") == "a is {}, expected a list"
    assert _fault({}, form, "") == "the manifest lacks a"
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert form_objection({"a": deep}, {"a": ANY}) == "the manifest is nested too deeply"
