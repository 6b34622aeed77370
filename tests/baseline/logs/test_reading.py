"""Foreign logs: what is read is what the log says, and what cannot be trusted is refused."""

import json
import struct
import time
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.baseline.logs import reading, tensorboard
from harness.baseline.logs.log import Log
from harness.baseline.logs.mapping import Mapping, read_mapping
from harness.baseline.logs.reading import read_log, read_logs
from harness.baseline.logs.study import Origin, bundle_of_logs
from harness.baseline.logs.table import _text, numbers, read_table
from harness.baseline.logs.tfrecord import masked_crcs, read_records
from harness.baseline.logs.verl_jsonl import _by_columns, _by_lines
from harness.baseline.sources import load_logs
from harness.baseline.writing import write_version
from harness.schema import DamagedError, HarnessError, UsageError
from harness.store.bundle import read_bundle

RECORDED = Path(__file__).parent / "recorded"
JSONL, EVENTS = RECORDED / "metrics.jsonl", RECORDED / "events.out.tfevents.1"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def mapping_of(tmp_path: Path, text: str) -> Mapping:
    return read_mapping(write(tmp_path / "mapping.yaml", text))


def values(log: Log, metric: str) -> dict[int, float]:
    rows = log.rows[log.rows["metric"] == metric]
    return dict(zip(rows["step"], rows["value"], strict=True))


def test_a_log_of_verl_is_read_whole() -> None:
    log = read_log(JSONL, Mapping())

    lines = [json.loads(line) for line in JSONL.read_text().splitlines()]
    told = {r["step"]: r["data"]["critic/score/mean"] for r in lines if r["step"] > 0}
    assert values(log, "reward") == told
    assert set(log.rows["metric"]) == {"reward", "response_length", "entropy"}
    # a mean reward is no accuracy until a mapping file says that it is one
    assert log.unmapped == ("val-core/micro_easy/reward/mean@4", "training/epoch")
    assert any("seed is not stated" in note for note in log.notes)


def test_a_mapping_file_names_a_reward_an_accuracy_and_scales_it(tmp_path: Path) -> None:
    mapping = mapping_of(
        tmp_path,
        "fixed: {arm: 'kl=none', seed: 4}\n"
        "metrics:\n"
        "  'val-core/micro_easy/reward/mean@4': {name: accuracy_easy, scale: 0.5}\n",
    )
    log = read_log(JSONL, mapping)

    assert values(log, "accuracy_easy")[0] == 0.265625 * 0.5
    assert set(log.rows["arm"]) == {"kl=none"}
    assert set(log.rows["seed"]) == {4}


def test_an_event_file_holds_what_the_jsonl_holds_in_single_precision() -> None:
    events, lines = read_log(EVENTS, Mapping()), read_log(JSONL, Mapping())

    for metric in ("reward", "response_length", "entropy"):
        single = {step: float(np.float32(v)) for step, v in values(lines, metric).items()}
        assert values(events, metric) == single
    assert "val-core/micro_easy/reward/mean_4" in events.unmapped


def rotated(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crc(data: bytes) -> int:
    return int(masked_crcs(data, np.array([0]), np.array([len(data)]))[0])


def test_checksums_are_those_of_the_standard() -> None:
    # RFC 3720, B.4, and as a record holds them
    expected = [rotated(0x8A9136AA), rotated(0xE3069283), rotated(0)]
    data = bytes(32) + b"123456789"
    found = masked_crcs(data, np.array([0, 32, 5]), np.array([32, 9, 0]))
    assert found.tolist() == expected
    # many at a time, of many lengths
    data = np.random.default_rng(1).integers(256, size=500, dtype=np.uint8).tobytes()
    first, length = np.arange(40), np.arange(40) ** 2 % 97
    singly = [masked_crc(data[f : f + n]) for f, n in zip(first, length, strict=True)]
    assert masked_crcs(data, first, length).tolist() == singly


def test_usual_events_say_what_any_event_says(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = read_log(EVENTS, Mapping())
    seen = []
    monkeypatch.setattr(tensorboard, "_usual", lambda event: seen.append(event))
    assert in_order(read_log(EVENTS, Mapping())) == in_order(usual)
    assert seen


@pytest.mark.parametrize("place", [0, 9, 30, 4000])
def test_a_changed_byte_of_an_event_file_is_found(tmp_path: Path, place: int) -> None:
    data = bytearray(EVENTS.read_bytes())
    data[place] ^= 4
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedError, match="checksum"):
        read_log(path, Mapping())


def test_a_torn_event_file_gives_the_whole_records_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(EVENTS.read_bytes()[:-5])
    log = read_log(path, Mapping())

    assert any("torn" in note for note in log.notes)
    assert len(read_records(path).payloads) == len(read_records(EVENTS).payloads) - 1


def test_a_record_that_is_no_event_is_refused(tmp_path: Path) -> None:
    head = struct.pack("<Q", 3)
    payload = b"\xff\xff\xff"
    record = head + struct.pack("<I", masked_crc(head))
    record += payload + struct.pack("<I", masked_crc(payload))
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(record)
    with pytest.raises(DamagedError, match="not an event"):
        read_log(path, Mapping())


def line(step: object, **data: object) -> str:
    return json.dumps({"step": step, "data": {"critic/score/mean": 0.5, **data}}) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (line(1) + line(3) + line(2), "step 2 of reward comes after step 3"),
        (line(1) + line(1), "appears twice"),
        (line(1) + "{broken\n" + line(2), "not a JSON object"),
        (line("one"), "whole"),
        (line(-1), "negative"),
        ('{"step": 1, "data": {"critic/score/mean": "high"}}\n', "expected a number"),
        ('{"step": 1, "data": {"my/metric": 1.0}}\n', "my/metric"),
        ("", "empty"),
    ],
)
def test_a_log_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        read_log(write(tmp_path / "log.jsonl", text), Mapping())


def test_nan_and_infinity_stay_undefined_and_are_noted(tmp_path: Path) -> None:
    text = line(1) + '{"step": 2, "data": {"critic/score/mean": NaN}}\n'
    text += '{"step": 3, "data": {"critic/score/mean": Infinity}}\n'
    log = read_log(write(tmp_path / "log.jsonl", text), Mapping())

    assert [np.isnan(value) for value in values(log, "reward").values()] == [False, True, True]
    assert any("infinite" in note for note in log.notes)
    assert any("NaN" in note for note in log.notes)


def test_a_torn_last_line_is_left_out_and_noted(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "log.jsonl", line(1) + line(2)[:-9]), Mapping())
    assert list(values(log, "reward")) == [1]
    assert any("torn" in note for note in log.notes)


CSV_MAPPING = """
step: global_step
arm: variant
seed: seed
metrics:
  acc_percent: {name: accuracy_math500, scale: 0.01}
  reward: reward
"""


def test_a_plain_csv_is_read_by_its_mapping(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.csv",
        "global_step,variant,seed,acc_percent,reward,other\n"
        "0,ppo,1,25,,x\n0,ppo,2,50,,x\n10.0,ppo,1,75,0.5,x\n10,ppo,2,nan,0.25,x\n",
    )
    log = read_log(path, mapping_of(tmp_path, CSV_MAPPING))

    rows = log.rows[log.rows["metric"] == "accuracy_math500"]
    assert list(rows["value"][:3]) == [0.25, 0.5, 0.75]
    assert np.isnan(rows["value"].iloc[3])
    # an empty cell is no row, and never 0
    assert len(log.rows[log.rows["metric"] == "reward"]) == 2
    assert log.unmapped == ("other",)


HEAD = "global_step,variant,seed,acc_percent,reward\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "5,a,1,1,1\n4,a,1,1,1\n", "comes after step 5"),
        (HEAD + "5,a,1,1,1\n5,a,1,1,1\n", "twice"),
        (HEAD + "5,a,1,1,1\n6,a,1,high,1\n", "line 3 .*high"),
        (HEAD + "5,a,1,1,1\n6.5,a,1,1,1\n", "line 3 .*whole"),
        (HEAD + "5,a,1,1,1\n,a,1,1,1\n", "line 3"),
        (HEAD + "5,a,1,1,1,7,8\n", "CSV"),
        (HEAD, "no row"),
        ("global_step,variant,seed,acc_percent\n1,a,1,1\n", "no column 'reward'"),
        (HEAD.replace("variant", "seed") + "5,a,1,1,1\n", "two columns seed"),
    ],
)
def test_a_csv_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str, said: str) -> None:
    mapping = mapping_of(tmp_path, CSV_MAPPING)
    with pytest.raises(HarnessError, match=said):
        read_log(write(tmp_path / "log.csv", text), mapping)


@pytest.mark.filterwarnings("default")
def test_a_csv_whose_rows_are_all_too_long_is_refused_outside_of_tests_too(tmp_path: Path) -> None:
    """Here warnings are errors; where they are not, pandas cuts such rows and goes on."""
    path = write(tmp_path / "log.csv", "step,reward\n1,0.5,9\n2,0.6,9\n")
    with pytest.raises(DamagedError, match="CSV"):
        read_log(path, Mapping())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics: {x: no_such_metric}\n", "unknown metric"),
        ("metrics: {x: reward, y: reward}\n", "become reward"),
        ("metrics: {x: {name: reward, scale: 0}}\n", "scale"),
        ("fixed: {seed: first}\n", "whole number"),
        ("colums: {}\n", "unknown key `colums`"),
        ("metrics: [reward]\n", "expected a mapping"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_a_wrong_mapping_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mapping_of(tmp_path, text)


CHART = (
    '"Step","ppo-a - critic/score/mean","ppo-a - critic/score/mean__MIN",'
    '"ppo-a - critic/score/mean__MAX","ppo-b - critic/score/mean",'
    '"ppo-b - critic/score/mean__MIN","ppo-b - critic/score/mean__MAX"\n'
)


def test_a_chart_of_wandb_is_read_with_its_runs(tmp_path: Path) -> None:
    chart = (
        CHART + '"1","0.5","0.5","0.5","","",""\n"2","0.75","0.75","0.75","0.25","0.25","0.25"\n'
    )
    path = write(tmp_path / "chart.csv", chart)
    runs = "runs:\n  ppo-a: {arm: ppo, seed: 1}\n  ppo-b: {arm: ppo, seed: 2}\n"
    log = read_log(path, mapping_of(tmp_path, runs))

    told = {(r["seed"], r["step"]): r["value"] for r in log.rows.to_dict("records")}
    assert told == {(1, 1): 0.5, (1, 2): 0.75, (2, 2): 0.25}
    assert log.format == "wandb"
    assert set(read_log(path, Mapping()).rows["arm"]) == {"ppo-a", "ppo-b"}
    with pytest.raises(DamagedError, match="no run 'ppo-c'"):
        read_log(path, mapping_of(tmp_path, "runs: {ppo-c: {seed: 1}}\n"))


def test_a_chart_that_was_thinned_out_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "chart.csv", CHART + '"1","0.5","0.4","0.6","","",""\n')
    with pytest.raises(DamagedError, match="means of several steps"):
        read_log(path, Mapping())


def test_a_bundle_of_logs_says_null_where_they_say_nothing(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, "fixed: {seed: 7}\n")
    bundle = bundle_of_logs([read_log(JSONL, mapping)], mapping, "foreign/orz")
    path = write_version(
        tmp_path / "foreign" / "orz", bundle.manifest, bundle.curves, bundle.scores
    )
    stored = read_bundle(path)

    protocol = stored.manifest["protocol"]
    assert (protocol["data"], protocol["model"], protocol["evaluation"]["samples"]) == (None,) * 3
    assert stored.manifest["licence"] is None
    assert stored.scores.empty
    assert stored.manifest["imported"]["files"][0]["name"] == "metrics.jsonl"
    tail = [v for step, v in values(read_log(JSONL, mapping), "reward").items() if step > 30]
    assert stored.finals(["reward"])["value"].iloc[0] == pytest.approx(np.mean(tail))


def test_the_same_seed_in_two_logs_is_refused() -> None:
    log = read_log(JSONL, Mapping())
    with pytest.raises(DamagedError, match="more than once"):
        bundle_of_logs([log, log], Mapping(), "foreign/orz")


@pytest.mark.slow
def test_a_million_rows_are_imported_in_reasonable_time(tmp_path: Path) -> None:
    steps = 100_000
    frame = pd.DataFrame(
        {
            "step": np.tile(np.arange(steps), 10),
            "seed": np.repeat(np.arange(1, 11), steps),
            "loss": np.random.default_rng(1).normal(size=10 * steps),
        }
    )
    path = tmp_path / "log.csv"
    frame.to_csv(path, index=False)
    mapping = mapping_of(tmp_path, "step: step\nseed: seed\nmetrics: {loss: policy_loss}\n")
    start = time.process_time()
    bundle = bundle_of_logs([read_log(path, mapping)], mapping, "foreign/large")

    assert len(bundle.curves) == 1_000_000
    assert time.process_time() - start < 60
    assert bundle.curves["value"].sum() == pytest.approx(frame["loss"].sum())
    told = bundle.curves[bundle.curves["seed"] == 3]["value"].to_numpy()
    assert np.array_equal(told, frame.loc[frame["seed"] == 3, "loss"].to_numpy())


@pytest.mark.parametrize(("value", "is_taken"), [(45.0, False), (-0.1, False), (1.0000001, True)])
def test_a_fraction_beyond_its_range_is_refused_with_the_scale(
    tmp_path: Path, value: float, is_taken: bool
) -> None:
    mapping = mapping_of(tmp_path, "metrics: {acc: accuracy_easy, reward: reward}\n")
    path = write(tmp_path / "log.csv", f"step,acc,reward\n10,0.5,45\n20,{value},46\n")
    if is_taken:
        assert len(read_log(path, mapping).rows) == 4
        return
    with pytest.raises(UsageError, match=r"accuracy_easy = .* at step 20.*scale: 0\.01"):
        read_log(path, mapping)


def in_order(log: Log) -> list[dict[Hashable, object]]:
    """Return the rows of a log by metric and step; a NaN as text, since it equals none."""
    rows = log.rows.astype({"arm": str, "metric": str})
    rows = rows.sort_values(["arm", "seed", "metric", "step"])
    return rows.fillna("nan").to_dict("records")


WHOLE = [
    line(1) + line(3),
    # ints and floats in one column, a name that comes later, one that is not ours, its text
    line(1, **{"actor/entropy": 1}) + line(2, **{"actor/entropy": 0.1, "my/list": [1, 2]}),
    line(0, **{"val-core/easy/acc/mean@4": 1}) + "\n  \n" + line(7, **{"my/text": "2020-01-01"}),
    '{"step": 1, "data": {"critic/score/mean": 123456789012345678901}}\n',
    '{"step": 1, "data": {"critic/score/mean": -0.0, "actor/lr": 5e-324}}\r\n' + line(2),
    '{"data": {"critic/score/mean": 0.1}, "other": true, "step": 4}\n',
    line(5, **{"critic/sc\u00f6re": 1.0}),
    # means over 4 and over 8 samples are two metrics
    line(1, **{"val-core/easy/acc/mean@4": 1, "val-core/easy/acc/mean@8": 0}),
]
"""Logs that are read as columns."""

ODD = [
    line(1) + '{"step": 2, "data": {"critic/score/mean": NaN}}\n',
    line(1) + '{"step": 2, "data": {"critic/score/mean": null}}\n',
    line(1) + '{"step": 2, "data": {"critic/score/mean": 1e400}}\n',
    line(1) + line(2).rstrip("\n") + line(3),
    line(1) + line(2)[:-9],
    line(2) + line(1),
    line(1) + line(1),
    line(1.0),
    line(True),
    line(1) + '{"step": 2}\n',
    line(1, **{"actor/lr": "0.5"}),
    line(1, **{"actor/lr": True}),
    '{"step": 1, "data": {"critic/score/mean": 1, "critic/score/mean": 2}}\n',
    "[1]\n",
]
"""Logs that are read line by line."""


@pytest.mark.parametrize("text", WHOLE)
def test_columns_say_what_lines_say(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "log.jsonl", text)
    columns, lines = _by_columns(path, Mapping()), _by_lines(path, Mapping())

    assert columns is not None
    assert in_order(columns) == in_order(lines)
    assert (columns.unmapped, columns.notes) == (lines.unmapped, lines.notes)


@pytest.mark.parametrize("text", ODD)
def test_an_odd_log_is_read_line_by_line(tmp_path: Path, text: str) -> None:
    assert _by_columns(write(tmp_path / "log.jsonl", text), Mapping()) is None


def test_bytes_that_are_no_text_are_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line(1, **{"my/metric": 1.0}).encode().replace(b"my/", b"m\xff/"))
    assert _by_columns(path, Mapping()) is None


CELLS = ["1", "0.1", " 0.25 ", "1e-3", "-0", "+2", "", "nan", "NaN", "None", "null", "inf"]
CELLS += ["-Infinity", "1e400", "123456789012345678", "0.30000000000000004", "12345678901234567890"]
CELLS += ["NA", "high", "True", "0x10", "1_000", "1,5", "--", "5e-324", "2.2250738585072011e-308"]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("beside", ["0.5", "7", "", "nan"])
def test_a_cell_that_is_read_as_a_number_says_what_its_text_says(
    tmp_path: Path, cell: str, beside: str
) -> None:
    text = f'step,x\n1,"{cell}"\n2,{beside}\n3,0.125\n'
    path = write(tmp_path / "log.csv", text)

    def read(column: pd.Series) -> object:
        try:
            values, is_there = numbers(path, column)
        except DamagedError as error:
            return str(error)
        return np.where(is_there, values, 0.0).view(np.int64).tolist(), is_there.tolist()

    assert read(read_table(path)["x"]) == read(_text(path)["x"])


def test_more_numbers_than_a_bundle_holds_are_refused_while_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / f"{n}.jsonl", line(1) + line(2)) for n in range(6)]
    monkeypatch.setattr(reading, "MOST_ROWS", 6)
    assert len(read_logs([(path, Mapping()) for path in paths[:3]])) == 3
    with pytest.raises(UsageError, match="4 of 6 logs have 8 numbers, a baseline holds at most 6"):
        read_logs([(path, Mapping()) for path in paths])


def test_a_folder_stands_for_its_logs(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "README.md"):
        write(tmp_path / name, line(1))
    given = dict.fromkeys(("mapping", "arm", "format"), "")
    given |= {"from": str(tmp_path), "seed": "1,2", "name": "foreign/folder"}
    cells = load_logs(given, Origin()).manifest["cells"]
    assert [(cell["arm"], cell["seed"]) for cell in cells] == [("a", 1), ("b", 2)]
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="holds no log"):
        load_logs({**given, "from": str(tmp_path / "none")}, Origin())


def test_two_logs_of_one_run_with_other_metrics_become_one(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", line(2) + line(3))
    other = write(tmp_path / "b.jsonl", '{"step": 1, "data": {"critic/score/mean": 0.25}}\n')
    mapping = mapping_of(tmp_path, "fixed: {arm: a, seed: 3}\n")
    logs = [read_log(path, mapping) for path in (first, other)]
    bundle = bundle_of_logs(logs, mapping, "foreign/two")
    assert [cell["last_step"] for cell in bundle.manifest["cells"]] == [3]
    assert list(bundle.curves["step"]) == [1, 2, 3]
    assert list(bundle.curves["value"]) == [0.25, 0.5, 0.5]
