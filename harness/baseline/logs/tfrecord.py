"""The container of TensorBoard's event files, with its checksums, and the messages in it.

A record is: length (8 bytes, little endian), masked CRC-32C of these 8 bytes (4), the payload,
masked CRC-32C of the payload (4). The payload is a protocol buffer.

Source: TensorFlow's TFRecord format (tensorflow.org/tutorials/load_data/tfrecord) and the wire
format of protocol buffers (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.schema import DamagedError

_HEAD = 12
_FOOT = 4
_MOST_RECORD = 64 << 20
_POLYNOMIAL = 0x82F63B78


def _table() -> tuple[int, ...]:
    entries = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


_TABLE = _table()
_ARRAY = np.array(_TABLE, dtype=np.uint32)
_FEW = 8


class Field(NamedTuple):
    """A field of a message: its number, its wire type, and an integer or its bytes."""

    number: int
    wire: int
    value: int | bytes


class Records(NamedTuple):
    """The payloads of a file, and whether it ends in the middle of a record."""

    payloads: list[bytes]
    is_torn: bool


def masked_crcs(data: bytes, first_P: np.ndarray, length_P: np.ndarray) -> np.ndarray:
    """Return the checksums of parts of some bytes as they stand in a file, shape (parts,).

    That is CRC-32C (Castagnoli), rotated by 15 bits, plus a constant. A byte of all parts at a
    time, since each byte needs the sum before it.

    Args:
        data: the bytes.
        first_P: where each part begins, shape (parts,).
        length_P: how many bytes it has.
    """
    byte_N = np.frombuffer(data, dtype=np.uint8)
    value_P = np.full(len(first_P), 0xFFFFFFFF, dtype=np.uint32)
    # the longest first, so that those that still have a byte stand together
    order_P = np.argsort(-length_P, kind="stable")
    first_P, length_P = first_P[order_P], length_P[order_P]
    # where a few long ones are left, numpy takes longer than a loop
    together = int(length_P[_FEW]) if len(length_P) > _FEW else 0
    for place in range(together):
        count = int(np.searchsorted(-length_P, -place, side="left"))
        value = value_P[:count]
        value_P[:count] = _ARRAY[(value ^ byte_N[first_P[:count] + place]) & 0xFF] ^ value >> 8
    for part in range(min(_FEW, len(length_P))):
        begin, end = int(first_P[part]), int(first_P[part] + length_P[part])
        value_P[part] = _continued(int(value_P[part]), data[begin + together : end])
    value_P ^= np.uint32(0xFFFFFFFF)
    masked_P = (value_P >> 15 | value_P << 17) + np.uint32(0xA282EAD8)
    return np.asarray(masked_P[np.argsort(order_P)])


def _continued(value: int, data: bytes) -> int:
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value


def read_records(path: Path) -> Records:
    """Read every record of a file and check its sums.

    Raises:
        DamagedError: a checksum does not fit, which a torn end does not explain.
    """
    data = path.read_bytes()
    places, lengths = _walk(data)
    head_P, length_P = np.array(places, dtype=np.int64), np.array(lengths, dtype=np.int64)
    is_whole_P = head_P + _HEAD + length_P + _FOOT <= len(data)
    is_wrong_P = masked_crcs(data, head_P, np.full(len(places), 8)) != _stored(data, head_P + 8)
    is_wrong_P |= length_P > _MOST_RECORD
    # only the last one can be no whole record
    begin_P, size_P = head_P[is_whole_P] + _HEAD, length_P[is_whole_P]
    sums_P = masked_crcs(data, begin_P, np.where(is_wrong_P[is_whole_P], 0, size_P))
    is_wrong_P[is_whole_P] |= sums_P != _stored(data, begin_P + size_P)
    if is_wrong_P.any():
        raise _damaged(path, places[int(np.flatnonzero(is_wrong_P)[0])])
    ends = zip(begin_P.tolist(), (begin_P + size_P).tolist(), strict=True)
    whole = int((begin_P + size_P)[-1]) + _FOOT if len(begin_P) else 0
    return Records([data[begin:end] for begin, end in ends], is_torn=whole < len(data))


def _walk(data: bytes) -> tuple[list[int], list[int]]:
    """Return where each record begins whose head is there, and how long it says it is."""
    places: list[int] = []
    lengths: list[int] = []
    place = 0
    while place + _HEAD <= len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        places.append(place)
        # so long a record is an error, wherever it would end
        lengths.append(min(length, _MOST_RECORD + 1))
        place += _HEAD + length + _FOOT
    return places, lengths


def _stored(data: bytes, place_P: np.ndarray) -> np.ndarray:
    """Return the whole numbers of 32 bits at some places."""
    byte_P4 = np.frombuffer(data, dtype=np.uint8)[place_P[:, None] + np.arange(4)]
    return np.ascontiguousarray(byte_P4).view("<u4")[:, 0]


def fields(message: bytes) -> Iterator[Field]:
    """Yield the fields of a message in their order.

    Raises:
        ValueError: it is not a message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield Field(number, wire, value)
            continue
        if wire == 2:
            length, place = _varint(message, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + length > len(message):
            raise ValueError("a field ends after its message")
        yield Field(number, wire, message[place : place + length])
        place += length


def whole_number(text: bytes) -> int:
    """Return the number that some bytes are, seven bits each, the lowest first.

    Raises:
        ValueError: it has more than 64 bits, or no end.
    """
    value, _ = _varint(text, 0)
    return value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError("a number without an end")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _damaged(path: Path, place: int) -> DamagedError:
    return DamagedError(
        f"the checksum at byte {place} of {path} does not fit: it is no event file of TensorBoard,"
        " or was damaged; copy it again"
    )
