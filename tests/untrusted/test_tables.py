"""Tables of strangers: what packs well is not unpacked, a row is a row."""

import io
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.untrusted import tables
from harness.untrusted.files import Refused, bounded_memory
from harness.untrusted.tables import parse_csv, read_frame, read_parquet_rows


def parquet(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", **options)
    return out.getvalue()


def test_a_table_is_read_from_its_path_and_from_its_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[5, 7])
    frame.to_parquet(tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    for source in (tmp_path / "t.parquet", data):
        assert read_parquet_rows(source) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
        assert list(read_frame(source)["a"]) == [1, 2]


def test_many_equal_rows_in_a_small_file_are_not_unpacked() -> None:
    data = parquet(pa.table({"a": pa.array(np.zeros(tables.MOST_ROWS_UNPACKED + 1, dtype="int8"))}))
    assert len(data) < 10_000
    with pytest.raises(Refused, match="has 1,048,577 rows, at most 1,048,576 are read"):
        read_frame(data)


def test_a_table_has_no_more_rows_than_its_reader_allows() -> None:
    data = parquet(pa.table({"a": [1, 2, 3]}))
    assert len(read_frame(data, most=3)) == 3
    with pytest.raises(Refused, match="has 3 rows, at most 2 are read"):
        read_frame(data, most=2)


def test_a_table_of_too_many_columns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_COLUMNS", 9)
    data = parquet(pa.table({f"c{n}": [1] for n in range(10)}))
    with pytest.raises(Refused, match="has 10 columns, at most 9 are read"):
        read_frame(data)


def test_one_long_text_in_every_row_does_not_take_the_memory() -> None:
    """Rows and bytes are few, and unpacked they are half a gigabyte."""
    rows = pa.array(np.zeros(500_000, dtype="int32"))
    texts = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * 1000]))
    data = parquet(pa.table({"a": texts}), store_schema=False)
    assert len(data) < 100_000
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(Refused, match="unpacks to more memory than a file of its size may"):
        read_frame(data)
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_memory_within_the_bound_is_given() -> None:
    with bounded_memory(0):
        assert np.ones(1 << 20).sum() == 1 << 20
    with pytest.raises(Refused, match="more memory"), bounded_memory(0):
        np.empty(1 << 29)


@pytest.mark.parametrize("place", [4, 20, -30, -8, -1])
def test_a_broken_table_is_refused(place: int) -> None:
    data = bytearray(parquet(pa.table({"a": ["b"] * 50})))
    data[place] ^= 0xFF
    try:
        assert len(read_frame(bytes(data))) == 50
    except Refused as error:
        assert "cannot be read, it is not Parquet" in str(error)


def test_rows_of_csv_are_read() -> None:
    assert parse_csv('a,b\n1,"x\n,"\n\n2,\n') == [{"a": "1", "b": "x\n,"}, {"a": "2", "b": ""}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n1,2,3\n", "has 3 cells in line 3, 2 in its first"),
        ("a,b\n1\n", "has 1 cells in line 2, 2 in its first"),
        ("a,b,a\n1,2,3\n", "has two columns named 'a'"),
        ('a\n"b\n', "is not CSV: unexpected end of data"),
        ("a\n" + "x" * (1 << 21), "is not CSV: field larger than field limit"),
        ("a," * 5000, "has 5,001 columns, at most 4,096 are read"),
    ],
)
def test_what_is_no_table_of_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_csv(text)
    assert said in str(caught.value)
