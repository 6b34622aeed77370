"""docs/evaluation.md states the protocols and suites that the files have."""

import re
from pathlib import Path

from harness.evaluate.definitions import Protocol, benchmark_of, protocol_of, suite_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"
BLOCK = re.compile(r"<!-- protocols: [^>]*-->\n(.*?)\n<!-- end -->", re.DOTALL)


def stated(page: str) -> list[list[str]]:
    """The columns of the table of protocols, without its head."""
    found = BLOCK.search(page)
    assert found is not None
    rows = [line.strip("| ").split(" | ") for line in found[1].splitlines()[2:]]
    return [[row[column] for row in rows] for column in (1, 2)]


def expected(protocol: Protocol) -> list[str]:
    stop = [f"`{text}`" if "<" in text else text for text in protocol.stop]
    return [
        protocol.what,
        str(protocol.samples),
        protocol.grader,
        "is not correct" if protocol.stop_rule else "may be right",
        ", ".join(stop),
        f"{protocol.temperature}, {protocol.top_p}, {protocol.top_k}",
        f"{protocol.prompt_tokens}, {protocol.response_tokens}",
    ]


def test_the_page_states_the_protocols() -> None:
    protocols = [expected(protocol_of(name)) for name in ("reporting", "training")]
    page = PAGE.read_text()
    assert stated(page) == protocols
    assert stated(page.replace("2048, 8192", "2048, 8193")) != protocols


def test_the_page_states_the_numbers_of_questions() -> None:
    page = PAGE.read_text()
    for name in suite_of("orz").benchmarks:
        benchmark = benchmark_of(name)
        assert f"{benchmark.title} ({benchmark.questions})" in page
    micro = suite_of("micro")
    for name in micro.benchmarks:
        benchmark = benchmark_of(name)
        assert f"{benchmark.title.removeprefix('micro, ')} ({benchmark.questions})" in page
    assert f"{micro.prompt_tokens} and {micro.response_tokens} tokens" in page
