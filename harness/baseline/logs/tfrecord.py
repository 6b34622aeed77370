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

from harness.schema import DamagedError

_HEAD = 12
_FOOT = 4
_MOST_RECORD = 256 << 20
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


class Field(NamedTuple):
    """A field of a message: its number, its wire type, and an integer or its bytes."""

    number: int
    wire: int
    value: int | bytes


class Records(NamedTuple):
    """The payloads of a file, and whether it ends in the middle of a record."""

    payloads: list[bytes]
    is_torn: bool


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def masked_crc(data: bytes) -> int:
    """Return the checksum as it stands in a file: rotated by 15 bits, plus a constant."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(path: Path) -> Records:
    """Read every record of a file and check its sums.

    Raises:
        DamagedError: a checksum does not fit, which a torn end does not explain.
    """
    data = path.read_bytes()
    payloads: list[bytes] = []
    place = 0
    while place < len(data):
        head = data[place : place + _HEAD]
        if len(head) < _HEAD:
            return Records(payloads, is_torn=True)
        length, check = struct.unpack("<QI", head)
        if masked_crc(head[:8]) != check or length > _MOST_RECORD:
            raise _damaged(path, place)
        payload = data[place + _HEAD : place + _HEAD + length]
        foot = data[place + _HEAD + length : place + _HEAD + length + _FOOT]
        if len(payload) < length or len(foot) < _FOOT:
            return Records(payloads, is_torn=True)
        if masked_crc(payload) != struct.unpack("<I", foot)[0]:
            raise _damaged(path, place)
        payloads.append(payload)
        place += _HEAD + length + _FOOT
    return Records(payloads, is_torn=False)


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
