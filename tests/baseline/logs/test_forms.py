"""The forms of logs that people have: read as they say, joined where they were resumed."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.reading import read_log
from harness.baseline.logs.study import Origin, bundle_of_logs
from harness.baseline.logs.tfrecord import masked_crcs
from harness.baseline.sources import load_logs, load_source
from harness.schema import DamagedError, ExitCode, HarnessError, UsageError
from harness.store.bundle import Bundle


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def values(path: Path, metric: str, mapping: Mapping | None = None) -> dict[int, float]:
    rows = read_log(path, mapping or Mapping()).rows
    rows = rows[rows["metric"] == metric]
    return dict(zip(rows["step"], rows["value"], strict=True))


def verl(path: Path, steps: range, offset: float = 0.0) -> Path:
    lines = [{"step": s, "data": {"critic/score/mean": s / 100 + offset}} for s in steps]
    return write(path, "".join(json.dumps(line) + "\n" for line in lines))


def event(step: int, tag: str, value: float) -> bytes:
    """A record of an event file with one scalar, its steps below 128."""
    number = tag.encode()
    entry = b"\x0a" + bytes([len(number)]) + number + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(entry)]) + entry
    payload = b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    head = struct.pack("<Q", len(payload))
    sums = [
        int(masked_crcs(part, np.array([0]), np.array([len(part)]))[0]) for part in (head, payload)
    ]
    return head + struct.pack("<I", sums[0]) + payload + struct.pack("<I", sums[1])


def imported(source: str, **said: str) -> Bundle:
    given = dict.fromkeys(("format", "mapping", "arm", "seed", "step"), "")
    return load_logs({**given, "from": source, "name": "a/b", **said}, Origin())


def curve(bundle: Bundle, metric: str = "reward") -> dict[int, float]:
    rows = bundle.curves[bundle.curves["metric"] == metric]
    return dict(zip(rows["step"].astype(int), rows["value"].astype(float), strict=True))


CONSOLE = (
    "INFO start\n"
    "\x1b[36m(TaskRunner pid=7)\x1b[0m step:0 - val-core/a/b/acc/mean@4:0.5 - ready:True\n"
    "Progress: 3%|# | step 1\n"
    "step:1 - critic/score/mean:np.float64(0.25) - training/global_step:1"
    " - actor/lr:1e-06 [repeated 2x across cluster]\n"
)


def test_the_console_of_verl_is_read_between_all_else(tmp_path: Path) -> None:
    path = write(tmp_path / "run.log", CONSOLE)
    assert values(path, "accuracy_a.b@4") == {0: 0.5}
    assert values(path, "reward") == {1: 0.25}
    assert values(path, "policy_learning_rate") == {1: 1e-06}
    log = read_log(path, Mapping())
    assert log.format == "console" and log.unmapped == ("ready", "training/global_step")
    assert not any("three decimals" in note for note in log.notes)


def test_a_console_that_rounds_says_so_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    text = "step:1 - critic/score/mean:0.250 - actor/lr:0.000\nstep:2 - critic/score/mean:0.5"
    log = read_log(write(tmp_path / "run.log", text), Mapping())
    assert set(log.rows["step"]) == {1}
    assert any("three decimals" in note for note in log.notes)
    assert any("torn" in note for note in log.notes)


def test_a_console_line_of_two_processes_is_refused_with_its_line(tmp_path: Path) -> None:
    text = CONSOLE + "step:2 - critic/score/mean:0.5step:2 - critic/score/mean:0.5\n"
    with pytest.raises(DamagedError, match=r"line 5 of .*two processes"):
        read_log(write(tmp_path / "run.log", text), Mapping())


def test_a_file_that_is_no_log_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.log", "nothing here\n")
    with pytest.raises(UsageError, match="no log of a known form: give format="):
        load_source(str(path), baselines=tmp_path)


def test_of_two_names_of_trl_the_newer_counts(tmp_path: Path) -> None:
    entry = {"step": 3, "reward": 0.5, "completion_length": 30.0, "completions/mean_length": 30.5}
    document = {"log_history": [entry], "logging_steps": 5, "global_step": 3, "max_steps": 8}
    path = write(tmp_path / "trainer_state.json", json.dumps(document))
    assert values(path, "response_length") == {3: 30.5}
    log = read_log(path, Mapping())
    assert "completion_length" in log.unmapped
    assert any("mean over 5 steps" in note for note in log.notes)
    assert any("step 3 of 8" in note for note in log.notes)
    other = Mapping.model_validate({"metrics": {"completion_length": "response_length"}})
    assert values(path, "response_length", other) == {3: 30.0}


def test_results_name_what_makes_them_another_measurement(tmp_path: Path) -> None:
    results = {
        "mmlu": {"acc,none": 0.5, "acc_stderr,none": 0.01, "alias": "mmlu"},
        "gsm8k": {"exact_match,strict-match": 0.25, "exact_match,flexible-extract": 0.375},
        "math/500": {"pass@8": 0.75, "acc_norm,none": 0.125},
    }
    document = {"results": results, "n-shot": {"mmlu": 0, "gsm8k": 5}}
    log = read_log(write(tmp_path / "results_1.json", json.dumps(document)), Mapping())
    found = dict(zip(log.rows["metric"], log.rows["value"], strict=True))
    assert found == {
        "accuracy_mmlu": 0.5,
        "accuracy_gsm8k.5shot.strict-match": 0.25,
        "accuracy_gsm8k.5shot.flexible-extract": 0.375,
        "accuracy_math.500.acc_norm": 0.125,
    }
    assert set(log.rows["step"]) == {0}
    assert any("0 stands for it, see step=" in note for note in log.notes)


@pytest.mark.parametrize(
    ("metric", "ours"),
    [
        ("extractive_match", "accuracy_aime24"),
        ("math_pass@1:16_samples", "accuracy_aime24@16"),
        ("avg@n:n=32", "accuracy_aime24@32"),
        ("pass@k:k=1&n=4", "accuracy_aime24@4"),
    ],
)
def test_lighteval_says_its_samples_in_several_ways(tmp_path: Path, metric: str, ours: str) -> None:
    results = {"lighteval|aime24|0": {metric: 0.5, "pass@k:k=8&n=16": 0.75}, "all": {metric: 0.5}}
    document = {"config_general": {}, "results": results}
    path = write(tmp_path / "results_1.json", json.dumps(document))
    assert set(read_log(path, Mapping()).rows["metric"]) == {ours}


def test_a_step_beside_a_log_that_says_its_own_is_refused(tmp_path: Path) -> None:
    path = verl(tmp_path / "a.jsonl", range(1, 3))
    with pytest.raises(UsageError, match="says its steps itself"):
        imported(str(path), step="3")


def test_runs_of_mlflow_that_share_a_name_are_named_by_id(tmp_path: Path) -> None:
    head = "Run,Run ID,metric,step,timestamp,value\n"
    text = head + "a,x1,critic/score/mean,1,9,0.5\na,x2,critic/score/mean,1,9,0.25\n"
    path = write(tmp_path / "chart.csv", text)
    with pytest.raises(DamagedError, match="several runs named a"):
        read_log(path, Mapping())
    runs = {"x1": {"arm": "a", "seed": "1"}, "x2": {"arm": "a", "seed": "2"}}
    rows = read_log(path, Mapping.model_validate({"runs": runs})).rows
    assert dict(zip(rows["seed"], rows["value"], strict=True)) == {1: 0.5, 2: 0.25}
    grouped = write(tmp_path / "groups.csv", text.replace("Run,", "Group,", 1))
    with pytest.raises(UsageError, match="groups of runs"):
        read_log(grouped, Mapping())


def test_a_download_of_tensorboard_is_named_by_its_file_or_the_mapping(tmp_path: Path) -> None:
    text = "Wall time,Step,Value\n1.5,1,0.25\n2.5,2,0.5\n"
    named = write(tmp_path / "run-a-tag-critic_score_mean.csv", text)
    assert values(named, "reward") == {1: 0.25, 2: 0.5}
    assert set(read_log(named, Mapping()).rows["arm"]) == {"a"}
    bare = write(tmp_path / "download.csv", text)
    with pytest.raises(UsageError, match="metric: reward"):
        read_log(bare, Mapping())
    assert values(bare, "entropy", Mapping.model_validate({"metrics": {"Value": "entropy"}}))


def test_a_chart_of_wandb_without_extremes_is_read_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "chart.csv", '"Step","a - s1 - critic/score/mean"\n0,0.3\n1,0.4\n')
    log = read_log(path, Mapping())
    assert (log.format, set(log.rows["arm"])) == ("wandb", {"a - s1"})
    assert any("no MIN and MAX" in note for note in log.notes)


def test_our_own_names_are_known_and_names_of_reward_functions_are_not(tmp_path: Path) -> None:
    head = "step,reward,response_length,accuracy_math500,accuracy_reward,samples_per_second\n"
    log = read_log(write(tmp_path / "a.csv", head + "0,0.3,30,0.3,0.9,4\n"), Mapping())
    assert set(log.rows["metric"]) == {"reward", "response_length", "accuracy_math500"}


def test_two_names_of_one_metric_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "step,reward,critic/score/mean\n1,0.5,0.25\n")
    with pytest.raises(UsageError, match="two names of reward"):
        read_log(path, Mapping())
    chosen = Mapping.model_validate({"metrics": {"critic/score/mean": "reward"}})
    assert values(path, "reward", chosen) == {1: 0.25}


@pytest.mark.parametrize("sign", ["@", "_"])
def test_accuracies_of_sources_with_a_slash_are_read_with_their_k(
    tmp_path: Path, sign: str
) -> None:
    name = f"val-core/openai/gsm8k/acc/mean{sign}1"
    text = json.dumps({"step": 0, "data": {name: 0.5}}) + "\n"
    log = read_log(write(tmp_path / "a.jsonl", text), Mapping())
    assert set(log.rows["metric"]) == {"accuracy_openai.gsm8k@1"}
    assert log.samples == {"accuracy_openai.gsm8k@1": 1}


def test_a_mapped_name_and_our_own_keep_their_number_of_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "step,val/mean@8,accuracy_b@16,reward\n0,0.5,0.25,1\n")
    mapping = Mapping.model_validate({"metrics": {"val/mean@8": "accuracy_a"}})
    assert read_log(path, mapping).samples == {"accuracy_a": 8, "accuracy_b@16": 16}


def test_means_of_other_numbers_of_samples_are_no_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["val-core/aime24/acc/mean@4"] * 2 + ["val-core/aime24/acc/mean@32"] * 2
    lines = [{"step": 10 * n, "data": {name: n / 8}} for n, name in enumerate(names)]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    words = ["import", f"from={path}", "name=a/b", "licence=x", "citation=x", "seed=1"]
    assert baseline.main([*words, f"baselines_dir={tmp_path}"]) == ExitCode.OK
    assert "accuracy_aime24 is the mean of 4 and of 32 samples" in capsys.readouterr().out
    assert values(path, "accuracy_aime24@4") == {0: 0.0, 10: 0.125}
    assert values(path, "accuracy_aime24@32") == {20: 0.25, 30: 0.375}


def test_a_resumed_run_of_two_event_files_is_one_run(tmp_path: Path) -> None:
    first = [event(s, "critic/score/mean", s / 128) for s in range(1, 21)]
    later = [event(s, "critic/score/mean", 0.5 + s / 128) for s in range(16, 31)]
    (tmp_path / "events.out.tfevents.1").write_bytes(b"".join(first))
    (tmp_path / "events.out.tfevents.2").write_bytes(b"".join(later))
    bundle = imported(str(tmp_path), seed="1")
    assert [(cell["seed"], cell["last_step"]) for cell in bundle.manifest["cells"]] == [(1, 30)]
    expected = {s: s / 128 + (0.5 if s >= 16 else 0.0) for s in range(1, 31)}
    assert curve(bundle) == expected
    notes = bundle.manifest["imported"]["notes"]
    assert any("of steps 16 to 20, which are stated twice" in note for note in notes)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_resumed_run_the_log_that_begins_later_counts(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    paths = [verl(tmp_path / "a.jsonl", range(21)), verl(tmp_path / "b.jsonl", range(16, 31), 0.5)]
    source = ",".join(str(paths[place]) for place in order)
    found = curve(imported(source, arm="a", seed="1"))
    assert found == {s: s / 100 + (0.5 if s >= 16 else 0.0) for s in range(31)}


def test_a_log_that_was_appended_to_is_joined_too(tmp_path: Path) -> None:
    first, later = verl(tmp_path / "a", range(21)), verl(tmp_path / "b", range(16, 31), 0.5)
    path = write(tmp_path / "run.jsonl", first.read_text() + later.read_text())
    assert values(path, "reward")[18] == 18 / 100 + 0.5
    assert any("was resumed" in note for note in read_log(path, Mapping()).notes)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (range(21), range(21)),  # two runs that nobody gave a seed
        (range(21), range(10, 16)),  # it ends before the other, which one counts?
        (range(0, 40, 2), range(5, 41, 2)),  # two runs that log other steps
    ],
)
def test_what_no_resuming_explains_is_refused(tmp_path: Path, first: range, later: range) -> None:
    paths = [verl(tmp_path / "a.jsonl", first), verl(tmp_path / "b.jsonl", later, 0.5)]
    with pytest.raises(DamagedError, match="Give each its seed"):
        imported(",".join(map(str, paths)), arm="a", seed="1")
    text = "".join(path.read_text() for path in paths)
    with pytest.raises(HarnessError, match="does not continue the earlier one"):
        read_log(write(tmp_path / "run.jsonl", text), Mapping())


def test_two_logs_that_state_another_k_of_a_metric_are_refused(tmp_path: Path) -> None:
    logs = []
    for count in (4, 32):
        name = f"val-core/easy/acc/mean@{count}"
        text = json.dumps({"step": count, "data": {name: 0.5}}) + "\n"
        mapping = Mapping.model_validate({"metrics": {name: "accuracy_easy"}})
        logs.append(read_log(write(tmp_path / f"{count}.jsonl", text), mapping))
    with pytest.raises(DamagedError, match="give them two names"):
        bundle_of_logs(logs, Mapping(), "a/b")
