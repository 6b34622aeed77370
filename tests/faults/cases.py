"""Commands that write, on small inputs, with what it replaces beside it.

Each case gets a folder for inputs and an empty sandbox; it lays out what is there before, and
returns the command. The figures are stand-ins: drawing takes most of the time and no fault.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pandas as pd
from matplotlib.figure import Figure

from harness import deviations, mine
from harness.baseline import __main__ as baseline
from harness.claims import __main__ as claims
from harness.cli import guarded
from harness.compare import __main__ as compare
from harness.data import __main__ as data
from harness.docs import __main__ as docs
from harness.grade import __main__ as grade
from harness.micro import pretrain
from harness.micro.dataset import write_datasets
from harness.plan import __main__ as plan
from harness.report import __main__ as report
from harness.schema import Attempt, Status
from harness.spec import inputs as spec_inputs
from harness.spec.seeds import derived_seeds
from harness.store.ledger import RunStore
from harness.store.resuming import join_streams
from tests.cells import CONFIG, make_spec
from tests.data.invented import authors_directory
from tests.synthetic_runs import PROVENANCE, Shape, make_cells, write_study

SHAPE = Shape(steps=40, every=20, questions=2, samples=2)
Command = Callable[[], int]


class Case(NamedTuple):
    """A command: its name, what lays it out, and which of its files are never the same twice."""

    name: str
    begin: Callable[[Path, Path], Command]
    varies: Callable[[str], bool] = lambda name: False


def _main(module: Any, *words: object) -> Command:
    def command() -> int:
        with mock.patch.object(Figure, "savefig", _draw):
            return int(module.main([str(word) for word in words]))

    return command


def _draw(figure: Figure, path: Path, **_: Any) -> None:
    with path.open("w") as file:
        file.write(f"a picture called {path.name}\n")


def _old(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"the old {name}\n")


def _study(results: Path, seeds: Sequence[int] = (1, 2)) -> list[str]:
    write_study(results / "micro" / "kl_penalty", make_cells(seeds, SHAPE), SHAPE)
    return ["ablation=kl_penalty", f"results_dir={results}"]


def _log(path: Path, gain: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"step": s, "data": {"critic/score/mean": 0.2 + gain + s / 20}} for s in range(1, 9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _report(base: Path, root: Path) -> Command:
    command = _main(report, *_study(root / "results", (1,)))
    # what takes long between two writes, and is no fault
    quick: Mapping[str, Any] = {
        "harness.report.stored.claims_of": lambda *_: [],
        "harness.report.page.writing.render": lambda page: f"{page.title}\n" * 100,
        "harness.report.figures.overview_figure": lambda *_: Figure(),
        "harness.report.figures.curve_figure": lambda *_: Figure(),
    }

    def quickly() -> int:
        with ExitStack() as held:
            for target, stand_in in quick.items():
                held.enter_context(mock.patch(target, stand_in))
            return command()

    quickly()
    _study(root / "results", (1, 2))
    return quickly


def _save(base: Path, root: Path) -> Command:
    words = _study(base / "results")
    (root / "b").mkdir()
    return _main(baseline, "save", *words, f"baselines_dir={root / 'b'}", "because=a test")


def _stored(base: Path) -> Path:
    place = base / "b"
    for study, seed in (("one", 1), ("two", 2)):
        log = _log(base / f"{study}.jsonl", seed / 100)
        words = [f"from={log}", f"name=micro/{study}", "licence=unknown", "citation=x"]
        baseline.main(["import", *words, f"seed={seed}", f"baselines_dir={place}"])
    return place


def _import(base: Path, root: Path) -> Command:
    log = _log(base / "a.jsonl")
    words = [f"from={log}", "name=micro/own", "licence=unknown", "citation=x"]
    return _main(baseline, "import", *words, f"baselines_dir={root / 'b'}")


def _export(base: Path, root: Path) -> Command:
    return _main(
        baseline,
        "export",
        "name=micro/one",
        f"out={root / 'one.zip'}",
        f"baselines_dir={_stored(base)}",
    )


def _import_archive(base: Path, root: Path) -> Command:
    archive = base / "one.zip"
    baseline.main(["export", "name=micro/one", f"out={archive}", f"baselines_dir={_stored(base)}"])
    return _main(baseline, "import", f"from={archive}", f"baselines_dir={root / 'b'}")


def _compare(base: Path, root: Path) -> Command:
    _old(root, "out/COMPARISON.md", "out/comparison.json", "out/figures/reward.svg")
    sides = [f"candidate={_log(base / 'a.jsonl', 0.1)}", f"baseline={_log(base / 'b.jsonl')}"]
    return _main(compare, *sides, f"out={root / 'out'}", "--force", "--anyway")


def _claims(base: Path, root: Path) -> Command:
    _old(root, "out/CLAIMS.md", "out/claims.csv", "out/claims.json")
    (base / "none").mkdir()
    places = [f"results_dir={base / 'none'}", f"baselines_dir={base / 'none'}"]
    return _main(claims, *places, f"out={root / 'out'}", "--force")


def _file(module: Any, *words: str) -> Callable[[Path, Path], Command]:
    def begin(base: Path, root: Path) -> Command:
        _old(root, "page.md")
        return _main(module, *words, f"out={root / 'page.md'}", "--force")

    return begin


def _prepare(base: Path, root: Path) -> Command:
    source = authors_directory(base)
    words = ["dataset=orz_57k", f"from={source}", "partial=true", "size=2"]
    return _main(data, "prepare", *words, f"out={root / 'set'}")


def _grade(base: Path, root: Path) -> Command:
    _old(root, "out/GRADERS.md", "out/graders.json", "out/verdicts.csv")
    stream = base / "r.jsonl"
    row = {"response": "<answer>\\boxed{2}</answer>", "reference": "2", "finish_reason": "stop"}
    stream.write_text(json.dumps(row) + "\n")
    return _main(grade, f"responses={stream}", "graders=orz", f"out={root / 'out'}", "--force")


def _mine(base: Path, root: Path) -> Command:
    _old(root, "out/train.parquet", "out/counts.csv")
    rollouts = base / "run" / "attempt-0" / "rollouts"
    rollouts.mkdir(parents=True)
    (base / "run" / "spec.yaml").write_text("config: {reward: {name: orz}}\n")
    (rollouts / "1.jsonl").write_text(json.dumps({"input": "q", "score": 0.0}) + "\n")
    row = {"prompt": [{"role": "user", "content": "q"}], "extra_info": {"question_id": "q"}}
    pd.DataFrame([row]).to_parquet(base / "train.parquet")
    words = [f"runs={base / 'run'}", f"data={base / 'train.parquet'}", "of=1", "fewer_than=1"]
    return _main(mine, *words, f"out={root / 'out'}", "--force")


def _plan(base: Path, root: Path) -> Command:
    _old(root, "out/PLAN.md", "out/plan.svg", "out/plan.png")
    words = ["ablation=kl_penalty", "scale=orz_7b", "gpu=h800"]
    return _main(plan, *words, f"out={root / 'out'}", "--force")


def _docs(base: Path, root: Path) -> Command:
    _old(root, "metrics.md")
    docs.DOCS = root
    return _main(docs, "metrics")


def _datasets(base: Path, root: Path) -> Command:
    write_datasets(root, train_size=3, eval_size=2, seed=1)

    def command() -> int:
        write_datasets(root, train_size=4, eval_size=2)
        return 0

    return lambda: guarded(command)


class _Saved:
    """A tokenizer or model as far as the writing of it goes."""

    eos_token_id = 0

    def __len__(self) -> int:
        return 1

    def parameters(self) -> list[Any]:
        return []

    def save_pretrained(self, folder: Path) -> None:
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            (folder / name).write_text("{}\n" * 100)


def _pretrain(base: Path, root: Path) -> Command:
    _old(root, "m/config.json", "m/model.safetensors", "m/tokenizer.json", "m/manifest.json")
    stands: Mapping[str, Any] = {
        "build_tokenizer": _Saved,
        "build_model": lambda *_: _Saved(),
        "train": lambda *_, **__: [1.0] * 20,
        "_versions": dict,
    }

    def command() -> int:
        with mock.patch.multiple(pretrain, **stands):
            return pretrain.main([f"out={root / 'm'}", "steps=1", "n=0", "--force"])

    return command


def _cell(base: Path, root: Path) -> Command:
    """A cell from its claim to its end, an attempt that was cut off before it."""
    store, spec = RunStore(root), make_spec()
    _attempt(store, spec, rows=1, status=Status.FAILED)

    def command() -> int:
        spec_inputs.write_data(CONFIG["dataset"], root / ".data")
        _attempt(store, spec, rows=2, status=Status.DONE, resumed_from=1)
        return 0

    return lambda: guarded(command)


def _attempt(
    store: RunStore, spec: Any, *, rows: int, status: Status, resumed_from: int | None = None
) -> None:
    with store.claim(spec) as record:
        seeds = derived_seeds(spec.seed)
        path = store.begin_attempt(
            spec, record, seeds=seeds, provenance=PROVENANCE, resumed_from=resumed_from
        )
        store.write_command(path, ["python"], {})
        steps = range(1 if resumed_from is None else resumed_from + 1, rows + 1)
        text = "".join(json.dumps({"step": step, "data": {}}) + "\n" for step in steps)
        _stream(path / "metrics.jsonl", text)
        join_streams(store.run_dir(spec), record.attempts)
        end = Attempt(number=0, status=status, last_step=rows, exit_code=0)
        store.end_attempt(spec, record, end, {})


def _stream(path: Path, text: str) -> None:
    """Write as veRL does, whose stream it is: no fault of ours, and longer once it is joined."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(handle, text.encode())
    os.close(handle)


def _of_time(name: str) -> bool:
    return name.endswith(("record.json", "manifest.json", "metrics.jsonl"))


CASES = (
    Case("harness.report", _report),
    Case("harness.baseline save", _save, _of_time),
    Case("harness.baseline import, a log", _import, _of_time),
    Case("harness.baseline import, an archive", _import_archive),
    Case("harness.baseline export", _export),
    Case("harness.compare", _compare),
    Case("harness.claims", _claims),
    Case("harness.deviations", _file(deviations, "scale=orz_7b")),
    Case("harness.data card", _file(data, "card")),
    Case("harness.data prepare", _prepare),
    Case("harness.grade", _grade, lambda name: name.endswith(("graders.json", "GRADERS.md"))),
    Case("harness.mine", _mine),
    Case("harness.plan", _plan),
    Case("harness.docs", _docs),
    Case("micro-world's data", _datasets),
    Case("harness.micro.pretrain", _pretrain, _of_time),
    Case("a cell of harness.run", _cell, _of_time),
)
