"""Inputs of strangers, made at random: each is read by the suite's own reader, or refused cleanly.

A family makes an input from a random generator, has it read, and says what came of it. Anything
else than a value or one sentence is a defect, and raises.
"""

import csv
import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.baseline.checks import verify_bundle
from harness.baseline.diffing import diff_text
from harness.baseline.listing import list_text, show_text
from harness.baseline.logs.mapping import read_mapping
from harness.baseline.logs.reading import read_log
from harness.data.files import read_records
from harness.metrics.tables import read_study_table, write_parquet
from harness.report.study import read_study
from harness.schema import HarnessError
from harness.store.bundle import CURVES
from harness.store.records import read_record, read_spec
from harness.untrusted.files import Refused
from harness.untrusted.json_text import parse_json
from harness.untrusted.packed import members, unpacking
from harness.untrusted.tables import MOST_ROWS, parse_csv, read_frame
from harness.untrusted.yaml_text import parse_yaml
from tests.untrusted.invented import store, study, tables

READ, REFUSED = "read", "refused"

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 1.5, 1e308, 10**9, 2**63, 2**70),
    *("", "x", "\x1b[2J", "\ud800", "a" * 300, "|\n|", "../../x", "100%", "2020-02-30"),
    *([], {}, [1], {"a": 1}, [[[[]]]], {"a": {"b": {}}}),
)
"""What stands where something else was expected."""

TOKENS = (
    *(b"1e999", b"9" * 400, b"9" * 20, b"-", b"NaN", b"Infinity", b"null", b"0x1F", b"1_000"),
    *(b"[" * 200, b"{" * 70, b"]", b"}", b'"', b"'", b",", b":", b";", b"\t", b"\n", b"\r", b" "),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\x1b[2J", b"\\ud800", b"\\", b"\xe2\x80\xa8"),
    *(b"&a [*a]", b"&a ", b"*a", b"<<: *a", b"!!binary aGk=", b"!!set {a}", b"2020-02-30", b"? "),
    *(b"1:2:3", b"- - - -", b"--- ", b"%YAML 9.9\n", b"1,2,3,4,5,6", b"\xd9\xa1"),
)
"""What gets into a text that should not be in it."""


def garbled(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with one to four things done to them."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((1, 1, 2, 8, 100)))
        data = rng.choice(
            (
                data[:at] + rng.choice(TOKENS) + data[end:],
                data[:at] + rng.choice(TOKENS) + data[at:],
                data[:at] + rng.randbytes(end - at) + data[end:],
                data[:at] + data[end:],
                data[:at] + data[at:end] * rng.choice((2, 3, 50)) + data[end:],
                data[:at] if rng.random() < 0.3 else data,
            )
        )
    return data


def changed(rng: random.Random, document: Any) -> Any:
    """Return a copy of a document with one value somewhere in it replaced, removed or added."""
    if rng.random() < 0.15 or not document or not isinstance(document, dict | list):
        return rng.choice(VALUES)
    if isinstance(document, list):
        at = rng.randrange(len(document))
        item = [] if rng.random() < 0.1 else [changed(rng, document[at])]
        return [*document[:at], *item, *document[at + 1 :]]
    key = rng.choice(list(document))
    roll = rng.random()
    if roll < 0.1:
        return {name: value for name, value in document.items() if name != key}
    if roll < 0.2:
        return {**document, rng.choice(("\n", "\x1b", "x", "")): rng.choice(VALUES)}
    return {**document, key: changed(rng, document[key])}


def attempted(task: Callable[[], Any]) -> str:
    """Read something; what is refused is refused in one line."""
    try:
        task()
    except (HarnessError, Refused) as error:
        # what else a terminal would obey is made visible where it is printed
        said = str(error).strip()
        assert "\n" not in said and "\r" not in said, ascii(said)
        assert 0 < len(said) < 2000, ascii(said[:100])
        return REFUSED
    return READ


DOCUMENT: Mapping[str, Any] = {
    "name": "a",
    "numbers": [0, -1, 1.5, 1e-300, 10**18],
    "deep": {"b": [{"c": None}, True, "ü"]},
    "text": "x\u2028y\U0001f600",
}
YAML = (
    b"step: step\narm: &x variant\nfixed: {seed: 3}\nmetrics:\n  a: reward\n  b: {name: entropy}\n"
)
TABLE = b'a,b,c\n1,2.5,"x, y"\n3,,z\n'


def json_case(rng: random.Random, _: Path) -> str:
    text = garbled(rng, json.dumps(DOCUMENT, ensure_ascii=rng.random() < 0.5).encode())

    def task() -> None:
        value = parse_json(text, as_python=True)
        assert json.dumps(value) == json.dumps(json.loads(text.decode()))

    return attempted(task)


def yaml_case(rng: random.Random, _: Path) -> str:
    text = garbled(rng, YAML)

    def task() -> None:
        assert repr(parse_yaml(text)) == repr(yaml.safe_load(text.decode()))

    return attempted(task)


def csv_case(rng: random.Random, _: Path) -> str:
    text = garbled(rng, TABLE).decode(errors="replace")

    def task() -> None:
        rows = [list(row.values()) for row in parse_csv(text)]
        known = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        assert rows == known[1:]

    return attempted(task)


@cache
def parquet_files() -> tuple[bytes, ...]:
    """Return small files of every kind of column and packing that there is."""
    size = 40
    table = pa.table(
        {
            "text": [f"run/{n}/reward" for n in range(size)],
            "word": pa.array([f"w{n % 3}" for n in range(size)]).dictionary_encode(),
            "whole": pa.array(range(size), pa.int16()),
            "value": np.linspace(0, 1, size),
            "flag": [n % 2 == 0 for n in range(size)],
            "time": pa.array(range(size), pa.timestamp("ns")),
            "list": [[n, None] for n in range(size)],
            "map": [{"a": n, "b": "x"} for n in range(size)],
        }
    )
    options: tuple[dict[str, Any], ...] = (
        {"compression": "zstd"},
        {"compression": "none", "use_dictionary": False},
        {"compression": "snappy", "data_page_version": "2.0", "row_group_size": 7},
        {
            "compression": "zstd",
            "use_dictionary": False,
            "column_encoding": {"text": "DELTA_BYTE_ARRAY", "whole": "DELTA_BINARY_PACKED"},
        },
    )
    files = []
    for given in options:
        out = io.BytesIO()
        pq.write_table(table, out, **given)
        files.append(out.getvalue())
    return tuple(files)


def parquet_case(rng: random.Random, _: Path) -> str:
    data = garbled(rng, rng.choice(parquet_files()))

    def task() -> None:
        assert len(read_frame(data)) <= MOST_ROWS

    return attempted(task)


def archive_case(rng: random.Random, place: Path) -> str:
    raw = io.BytesIO()
    files = {"a/manifest.json": b"{}", "a/curves.parquet": rng.randbytes(600)}
    is_zip = rng.random() < 0.5
    if is_zip:
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in files.items():
                packed.writestr(name, content)
        data = garbled(rng, raw.getvalue())
    else:
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.type = len(content), rng.choice((b"0", b"0", b"x", b"L", b"S"))
                archive.addfile(entry, io.BytesIO(content))
        data = gzip.compress(garbled(rng, raw.getvalue()), compresslevel=1)
        data = garbled(rng, data) if rng.random() < 0.2 else data
    path = place / ("a.zip" if is_zip else "a.tar.gz")
    path.write_bytes(data)

    def task() -> None:
        with unpacking(path):
            for _, stream in members(path):
                assert len(stream.read(1 << 20)) < 1 << 20

    return attempted(task)


def look(directory: Path) -> None:
    """Do with a bundle what the verbs do, and hold what it says against what can be."""
    bundle = verify_bundle(directory)
    curves, scores = bundle.curves, bundle.scores
    assert curves["step"].between(0, bundle.steps).all()
    assert curves["seed"].isin(bundle.manifest["seeds"]).all()
    shares = curves.loc[curves["metric"].astype(str).str.startswith("accuracy"), "value"]
    assert shares.between(0, 1).all()
    assert (scores["correct"] <= scores["samples"]).all()
    show_text(directory, directory)
    list_text(directory.parents[2])
    diff_text(bundle, bundle)
    bundle.finals(["reward", "accuracy_easy"])


def manifest_case(rng: random.Random, place: Path) -> str:
    whole = study()
    manifest = changed(rng, {**whole, "name": "micro/invented@v1"})
    if rng.random() < 0.2:
        manifest = changed(rng, manifest)
    try:
        directory = store(place, manifest, tables(whole))
    except (UnicodeEncodeError, ValueError):
        # half a surrogate pair cannot even be hashed
        return REFUSED
    return attempted(lambda: look(directory))


def _column(rng: random.Random, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with something done to one of its columns, or to its rows."""
    name = rng.choice(list(table))
    column = table[name].astype(object)
    at = rng.randrange(len(table))
    worse = (-1, 1e9, 0.5, float("nan"), float("inf"), -0.0, 1e308, 2**62, None)
    odd = column.copy()
    odd.iloc[at] = rng.choice((*worse, rng.choice(list(column))))
    return rng.choice(
        (
            lambda: table.assign(**{name: odd.infer_objects()}),
            lambda: table.drop(index=at).reset_index(drop=True),
            lambda: pd.concat([table, table.iloc[[at]]], ignore_index=True),
            lambda: table.drop(columns=name),
            lambda: table.assign(more=1),
            lambda: table.assign(**{name: rng.choice(worse)}),
            lambda: table.assign(**{name: column.astype(str)}),
            lambda: table.assign(**{name: column.map(lambda value: [value])}),
            lambda: table.sample(frac=1, random_state=at).reset_index(drop=True),
            lambda: table.iloc[:at].reset_index(drop=True),
        )
    )()


def bundle_case(rng: random.Random, place: Path) -> str:
    whole = study()
    content = tables(whole)
    name = rng.choice(list(content))
    try:
        content[name] = _column(rng, content[name])
        directory = store(place, whole, content)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        # nobody can write such a table
        return REFUSED
    return attempted(lambda: look(directory))


RECORD: Mapping[str, Any] = {
    "cell_id": "c" * 64,
    "arm": "kl=none",
    "seed": 1,
    "ablation": "kl_penalty",
    "scale": "micro",
    "status": "done",
    "reason": "",
    "attempts": [{"number": 0, "status": "done", "started": "2026-01-01T00:00:00+00:00"}],
    "seeds": {"training": 5},
    "provenance": {"code": {"commit": "a"}},
    "evaluation_rows": {},
    "schema_version": 1,
}


def record_case(rng: random.Random, place: Path) -> str:
    text = json.dumps(changed(rng, dict(RECORD)), indent=2).encode()
    is_record = rng.random() < 0.5
    path = place / ("record.json" if is_record else "spec.yaml")
    path.write_bytes(garbled(rng, text) if rng.random() < 0.5 else text)
    return attempted(lambda: read_record(path) if is_record else read_spec(path))


def study_case(rng: random.Random, place: Path) -> str:
    content = tables(study())[CURVES]
    name = rng.choice(("runs", "steps", "samples"))
    try:
        write_parquet(_column(rng, content), place / f"{name}.parquet", prefixed=())
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return REFUSED
    document = {"ablation": "a", "scale": "micro", "label": "", "command": "", "machines": []}
    protocol = study()["protocol"]
    text = json.dumps(changed(rng, {**document, "protocol": protocol, "schema_version": 1}))
    (place / "study.json").write_text(text)
    found = {attempted(lambda: read_study_table(place, name)), attempted(lambda: read_study(place))}
    return REFUSED if REFUSED in found else READ


def mapping_case(rng: random.Random, place: Path) -> str:
    path = place / "mapping.yaml"
    path.write_bytes(garbled(rng, YAML))
    return attempted(lambda: read_mapping(path))


def data_case(rng: random.Random, place: Path) -> str:
    ending = rng.choice((".json", ".jsonl", ".csv", ".parquet"))
    line = json.dumps({"problem": "1 + 1", "answer": "2"}).encode()
    whole = {
        ".json": b"[" + line + b"," + line + b"]",
        ".jsonl": line + b"\n" + line + b"\n",
        ".csv": TABLE,
        ".parquet": rng.choice(parquet_files()),
    }
    path = place / f"a{ending}"
    path.write_bytes(garbled(rng, whole[ending]))
    return attempted(lambda: read_records(path))


LOGS = {
    "a.jsonl": b'{"step": 1, "data": {"critic/score/mean": 0.5}}\n'
    b'{"step": 2, "data": {"critic/score/mean": 0.75, "val-core/math/acc/mean@4": 0.5}}\n',
    "a.csv": b"step,reward,seed\n1,0.5,1\n2,0.75,1\n",
}


def log_case(rng: random.Random, place: Path) -> str:
    name = rng.choice(list(LOGS))
    path = place / name
    path.write_bytes(garbled(rng, LOGS[name]))
    return attempted(lambda: read_log(path, read_mapping(None)))


FAMILIES: dict[str, Callable[[random.Random, Path], str]] = {
    "JSON": json_case,
    "YAML": yaml_case,
    "CSV": csv_case,
    "Parquet": parquet_case,
    "archives": archive_case,
    "manifests": manifest_case,
    "tables of bundles": bundle_case,
    "records and specs": record_case,
    "results": study_case,
    "mapping files": mapping_case,
    "data sets": data_case,
    "logs": log_case,
}
"""Name -> what makes one input of the family and reads it."""
