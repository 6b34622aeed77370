"""TensorBoard's event files: the scalars in them, without TensorFlow.

Event: wall_time = 1, step = 2, file_version = 3, summary = 5. Summary: value = 1. Value: tag = 1,
simple_value = 2, tensor = 8. Tensor: dtype = 1, shape = 2, content = 4, float_val = 5,
double_val = 6.

Not tensorboard's own reader: what follows a changed byte it drops and does not say so.

Source: tensorboard 2.21, compat/proto event.proto, summary.proto, tensor.proto.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from harness.baseline.logs.limits import step_number
from harness.baseline.logs.log import UNSTATED_SEED, Log, frame_of
from harness.baseline.logs.mapping import Mapping, seed_number, targets_of
from harness.baseline.logs.tfrecord import fields, read_records, whole_number
from harness.schema import DamagedError

FORMAT = "tensorboard"
_FLOAT, _DOUBLE = 1, 2

_NUMBER = rb"([\x80-\xff]*[\x00-\x7f])"
_USUAL = re.compile(
    rb"\x09.{8}\x10"
    + _NUMBER
    + rb"\x2a"
    + _NUMBER
    + rb"\x0a"
    + _NUMBER
    + rb"\x0a"
    + _NUMBER
    # the tag, and its value in single precision
    + rb"(.*)\x15(.{4})",
    re.DOTALL,
)
"""An event with one scalar, as nearly all are; whether its lengths fit is to be checked."""


def read_tensorboard(path: Path, mapping: Mapping) -> Log:
    """Read the scalars of an event file; a torn last record is left out and noted.

    Raises:
        UsageError: two tags become one metric.
        DamagedError: a checksum does not fit, a record is not an event, or a step cannot be.
    """
    records = read_records(path)
    found: list[tuple[int, str, float]] = []
    for number, payload in enumerate(records.payloads):
        try:
            found += _scalars(payload)
        except (ValueError, struct.error, UnicodeDecodeError, TypeError) as error:
            raise DamagedError(f"record {number} of {path} is not an event: {error}") from error
    arm = str(mapping.fixed.get("arm", "tensorboard"))
    seed = seed_number(mapping.fixed.get("seed", UNSTATED_SEED), str(path))
    tags = dict.fromkeys(tag for _, tag, _ in found)
    targets = targets_of(path, tags, mapping)
    rows = [
        (arm, seed, step_number(step, f"an event of {path}"), target.name, value * target.scale)
        for step, tag, value in found
        if (target := targets.get(tag))
    ]
    notes = ["values are of single precision, as the event file holds them"]
    notes += ["the last record is torn and was left out"] if records.is_torn else []
    return Log(
        path=path,
        format=FORMAT,
        rows=frame_of(rows),
        unmapped=tuple(tag for tag in tags if tag not in targets),
        notes=tuple(notes),
        samples=mapping.samples(targets),
    )


def _scalars(event: bytes) -> Iterator[tuple[int, str, float]]:
    """Yield (step, tag, value) of an event; the step may stand after the summary."""
    usual = _usual(event)
    if usual is not None:
        yield usual
        return
    step, summaries = 0, []
    for field in fields(event):
        if field.number == 2 and isinstance(field.value, int):
            # negative numbers are written as two's complement of 64 bits
            step = field.value - (1 << 64) if field.value >> 63 else field.value
        elif field.number == 5 and isinstance(field.value, bytes):
            summaries.append(field.value)
    for summary in summaries:
        for entry in fields(summary):
            if entry.number == 1 and isinstance(entry.value, bytes):
                tag, value = _tagged(entry.value)
                if value is not None:
                    yield step, tag, value


def _usual(event: bytes) -> tuple[int, str, float] | None:
    """Return what `_scalars` yields of an event with one scalar; None if it is not written so."""
    found = _USUAL.fullmatch(event)
    if found is None:
        return None
    *numbers, tag, value = found.groups()
    step, summary, entry, length = map(whole_number, numbers)
    is_so = length == len(tag) and entry == 1 + len(numbers[3]) + length + 5
    if not is_so or summary != 1 + len(numbers[2]) + entry or step >> 63:
        return None
    return step, tag.decode(), float(struct.unpack("<f", value)[0])


def _tagged(entry: bytes) -> tuple[str, float | None]:
    tag, value = "", None
    for field in fields(entry):
        if field.number == 1 and isinstance(field.value, bytes):
            tag = field.value.decode()
        elif field.number == 2 and field.wire == 5 and isinstance(field.value, bytes):
            value = float(struct.unpack("<f", field.value)[0])
        elif field.number == 8 and isinstance(field.value, bytes):
            value = _tensor(field.value)
    return tag, value


def _tensor(message: bytes) -> float | None:
    """Return the number in a tensor of one; None if it holds another type or more of them."""
    kind, content = 0, b""
    for field in fields(message):
        if field.number == 1 and isinstance(field.value, int):
            kind = field.value
        elif field.number in (4, 5, 6) and isinstance(field.value, bytes):
            content = field.value
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(kind, "")
    if not form or len(content) != struct.calcsize(form):
        return None
    return float(struct.unpack(form, content)[0])
