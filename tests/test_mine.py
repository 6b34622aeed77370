import json
from pathlib import Path

import pandas as pd
import pytest

from harness.mine import Visit, hard_prompts, last_visits, main
from harness.schema import DamagedError, ExitCode

QUESTIONS = ("easy", "hard", "never", "cafe\u0301")


def rollouts(path: Path, rows: list[tuple[str, float]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"input": text, "output": "", "score": score}) for text, score in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def make_run(root: Path, reward: str = "orz") -> Path:
    run = root / "run"
    steps = {
        "1": [("easy", 1.0)] * 4 + [("hard", 1.0)] * 2 + [("hard", 0.0)] * 2,
        # verl's tokenizer wrote the accent back in one character
        "2": [("caf\u00e9", 0.0)] * 4,
        "10": [("hard", 1.0)] * 1 + [("hard", 0.0)] * 3,
    }
    for step, rows in steps.items():
        rollouts(run / "attempt-0" / "rollouts" / f"{step}.jsonl", rows)
    (run / "spec.yaml").write_text(f"config: {{reward: {{name: {reward}}}}}\n")
    return run


def make_data(root: Path) -> Path:
    rows = [
        {"prompt": [{"role": "user", "content": text}], "extra_info": {"question_id": f"q-{text}"}}
        for text in QUESTIONS
    ]
    path = root / "train.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


def words(tmp_path: Path, **others: str) -> list[str]:
    given = {
        "runs": str(make_run(tmp_path)),
        "data": str(make_data(tmp_path)),
        "out": str(tmp_path / "out"),
        "fewer_than": "2",
        "of": "4",
        **others,
    }
    return [f"{key}={value}" for key, value in given.items()]


def test_hard_rows_are_those_of_the_last_visit(tmp_path: Path, capsys) -> None:
    assert main(words(tmp_path)) == ExitCode.OK
    hard = pd.read_parquet(tmp_path / "out" / "train.parquet")
    assert [row[0]["content"] for row in hard["prompt"]] == ["hard", "cafe\u0301"]
    counts = pd.read_csv(tmp_path / "out" / "counts.csv").set_index("question_id")
    assert list(counts.loc["q-hard"]) == [3, 4, 1, True]
    assert list(counts.loc["q-easy"]) == [1, 4, 4, False]
    assert "q-never" not in counts.index
    assert "2 hard rows" in capsys.readouterr().out


def test_the_threshold_is_strict_and_needs_all_responses() -> None:
    visits = {"a": Visit(1, 64, 3), "b": Visit(1, 64, 4), "c": Visit(1, 63, 0)}
    assert hard_prompts(visits, 4, 64) == {"a"}


def test_a_reward_that_is_not_right_or_wrong_is_refused(tmp_path: Path, capsys) -> None:
    make_run(tmp_path, reward="format")
    given = [w for w in words(tmp_path) if not w.startswith("runs=")]
    make_run(tmp_path, reward="format")
    assert main([*given, f"runs={tmp_path / 'run'}"]) == ExitCode.USAGE
    assert "does not say what was right" in capsys.readouterr().err


def test_a_score_between_is_damage(tmp_path: Path) -> None:
    path = rollouts(tmp_path / "1.jsonl", [("a", 0.5)])
    with pytest.raises(DamagedError, match=r"score 0\.5"):
        last_visits([path])


def test_another_training_set_is_refused(tmp_path: Path, capsys) -> None:
    given = words(tmp_path)
    pd.DataFrame(
        [{"prompt": [{"content": "other"}], "extra_info": {"question_id": "q"}}]
    ).to_parquet(tmp_path / "train.parquet")
    assert main(given) == ExitCode.USAGE
    assert "no prompt of the runs is in" in capsys.readouterr().err
