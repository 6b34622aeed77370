"""Suites, benchmarks and protocols: every file loads, and what is wrong in one is said."""

from pathlib import Path

import pytest
import yaml

from harness.evaluate import definitions
from harness.evaluate.definitions import HERE, benchmark_of, names_of, protocol_of, suite_of
from harness.graders.registry import GRADERS
from harness.schema import UsageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", names_of("suite"))
def test_a_suite_names_benchmarks_or_tasks_that_there_are(name: str) -> None:
    suite = suite_of(name)
    assert bool(suite.benchmarks) != bool(suite.tasks)
    assert set(suite.benchmarks) <= set(names_of("benchmark"))
    assert all((HERE / "tasks" / f"{task}.yaml").is_file() for task in suite.tasks)


@pytest.mark.parametrize("name", names_of("benchmark"))
def test_a_benchmark_says_where_its_questions_are(name: str) -> None:
    benchmark = benchmark_of(name)
    assert bool(benchmark.files) != bool(benchmark.micro_split)
    assert benchmark.questions > 0


@pytest.mark.parametrize("name", names_of("protocol"))
def test_a_protocol_has_a_grader_that_there_is(name: str) -> None:
    protocol = protocol_of(name)
    assert protocol.grader in GRADERS
    assert all(isinstance(text, str) for text in protocol.assumed.values())


def test_the_protocols_are_those_of_the_stored_source() -> None:
    path = ROOT / "baselines" / "papers" / "open_reasoner_zero" / "protocols.yaml"
    stated = yaml.safe_load(path.read_text())["protocols"]
    reporting, training = protocol_of("reporting"), protocol_of("training")
    assert reporting.samples == stated["reporting"]["samples_per_question"] == 16
    assert training.samples == stated["in-training"]["samples_per_question"] == 1
    assert list(training.stop) == stated["in-training"]["stop_strings"]
    assert (training.grader, training.stop_rule) == ("orz", True)
    assert (reporting.grader, reporting.stop_rule) == ("math_verify", False)
    # what the source leaves open is said to be assumed
    assert stated["reporting"]["stop_strings"] is None
    assert "stop" in reporting.assumed


def test_an_unknown_name_and_an_unknown_key_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="did you mean micro"):
        suite_of("mikro")
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "odd.yaml").write_text("what: it\nbenchmark: [a]\n")
    (tmp_path / "suites" / "short.yaml").write_text("tasks: [a]\n")
    monkeypatch.setattr(definitions, "HERE", tmp_path)
    with pytest.raises(UsageError, match="unknown key `benchmark`: did you mean benchmarks"):
        suite_of("odd")
    with pytest.raises(UsageError, match="has no `what`"):
        suite_of("short")
