"""veRL's own reader takes the prepared files: one alone, and the evaluation sets joined."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from harness.data.__main__ import main
from harness.micro.models import model_dir
from harness.micro.template import PROMPT_TEMPLATE
from harness.paths import CONF
from harness.spec import prepared
from tests.data.invented import authors_directory

pytestmark = pytest.mark.engine


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path / "data"))
    authors = authors_directory(tmp_path / "authors")
    main(["prepare", "dataset=orz_57k", f"from={authors}", "partial=true"])
    return tmp_path / "data" / "orz_57k"


def read(data: Path, *names: str) -> Any:
    """Read files as a recipe's run does."""
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    tokenizer = AutoTokenizer.from_pretrained(model_dir())
    hub = yaml.safe_load((CONF / "model" / "base" / "hub.yaml").read_text())
    # the recipes' own, which leaves a prompt as it is written
    tokenizer.chat_template = hub["verl"]["critic"]["model"]["custom_chat_template"]
    settings = {"max_prompt_length": 2048, "return_raw_chat": True, "filter_overlong_prompts": True}
    config = OmegaConf.create({**settings, "cache_dir": str(data / "cache")})
    files = [str(data / f"{name}.parquet") for name in names]
    return RLHFDataset(data_files=files, tokenizer=tokenizer, config=config)


def test_prepared_files_pass_through_verl_s_dataset(data: Path) -> None:
    train = read(data, "train")
    joined = read(data, "math500", "aime2024", "gpqa_diamond")
    assert (len(train), len(joined)) == (6, 7)
    row = train[0]
    before, after = PROMPT_TEMPLATE.split("{problem}")
    asked = row["raw_prompt"][0]["content"].removeprefix(before).removesuffix(after)
    assert asked == row["extra_info"]["problem"].rstrip("\n")
    assert row["reward_model"]["ground_truth"] and row["data_source"] == "orz_57k"
    assert joined[6]["extra_info"]["choices"] == ["neon", "iron", "chlorine", "oxygen"]


def test_files_with_other_fields_do_not_join(data: Path) -> None:
    """Why all prepared files have one schema."""
    frame = pd.read_parquet(data / "math500.parquet")
    infos: Any = [{"index": n, "split": "math500"} for n in range(len(frame))]
    frame["extra_info"] = infos
    frame.to_parquet(data / "math500.parquet", index=False)
    with pytest.raises(ValueError, match="features can't be aligned"):
        read(data, "math500", "aime2024")
