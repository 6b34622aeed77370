"""YAML of strangers: plain values alone, with every alias counted as what it stands for."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import yaml

from harness.untrusted.files import MIB, Refused, text_of
from harness.untrusted.json_text import MOST_DEPTH, check_values

MOST_YAML_BYTES = MIB // 2
"""Of a YAML file: its parser takes seconds for a mebibyte."""

MOST_NODES = 100_000
"""Of a file with every alias written out; a few hundred bytes can stand for billions of them."""

_MOST_DIGITS = 40
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def parse_yaml(data: bytes) -> Any:
    """Return the value of a YAML text.

    Raises:
        Refused: it is not YAML, larger than `MOST_YAML_BYTES` or `MOST_NODES`, nested too deeply,
            says a key twice, holds itself, or a number or text that cannot be kept.
    """
    if len(data) > MOST_YAML_BYTES:
        raise Refused(f"has more than {MOST_YAML_BYTES:,} bytes, which is the most that is read")
    text = text_of(data)
    try:
        value = _parsed(text)
    except RecursionError as error:
        raise Refused(f"is nested more than {MOST_DEPTH} levels deep") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" (line {mark.line + 1})" if mark else ""
        raise Refused(f"is not YAML that is read here{line}: {error.problem}") from error
    except Refused:
        raise
    except (ValueError, LookupError, TypeError, OverflowError, yaml.YAMLError) as error:
        # the 30th of February, a byte that no text has, a colon that is no number
        reason = " ".join(str(error).split())
        raise Refused(f"is not YAML that is read here: {reason}") from error
    check_values(value)
    return value


def _parsed(text: str) -> Any:
    # not the loader in C: a deep file would overflow its stack and end the process
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _nodes(node, {}) > MOST_NODES:
            raise Refused(f"has more than {MOST_NODES:,} values, its aliases written out")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the nodes that a node stands for; `known` are counts of the nodes seen, 0 if open."""
    if id(node) in known:
        if not known[id(node)]:
            raise yaml.MarkedYAMLError(problem="an alias of itself", problem_mark=node.start_mark)
        return known[id(node)]
    known[id(node)] = 0
    below: Sequence[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _refuse_twice(node)
        below = [item for pair in node.value for item in pair]
    elif isinstance(node, yaml.SequenceNode):
        below = node.value
    elif node.tag in _NUMBERS and len(node.value) > _MOST_DIGITS:
        # before it is made: the digits of a number take time that grows with their square
        said = f"a number of {len(node.value):,} characters"
        raise yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark)
    known[id(node)] = 1 + sum(_nodes(item, known) for item in below)
    return known[id(node)]


def _refuse_twice(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        # with the tag: 1 and "1" are two keys
        name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
        if name in seen:
            said = f"the key {reprlib.repr(key.value)} a second time"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=key.start_mark)
        seen.add(name)
