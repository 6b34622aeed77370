"""veRL's own reader takes the prepared files: one alone, and the evaluation sets joined."""

from pathlib import Path

import pytest

from harness import prepared
from harness.data import main
from harness.micro.base_model import base_model_dir
from harness.micro.template import PROMPT_TEMPLATE
from tests.datasets.invented import authors_directory

pytestmark = pytest.mark.engine


def test_prepared_files_pass_through_verl_s_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path / "data"))
    authors = authors_directory(tmp_path / "authors")
    main(["prepare", "dataset=orz_57k", f"from={authors}", "partial=true"])
    tokenizer = AutoTokenizer.from_pretrained(base_model_dir())
    settings = {"max_prompt_length": 2048, "return_raw_chat": True, "filter_overlong_prompts": True}
    config = OmegaConf.create({**settings, "cache_dir": str(tmp_path / "cache")})

    def read(*names: str) -> RLHFDataset:
        files = [str(tmp_path / "data" / "orz_57k" / f"{name}.parquet") for name in names]
        return RLHFDataset(data_files=files, tokenizer=tokenizer, config=config)

    train, joined = read("train"), read("math500", "aime2024", "gpqa_diamond")
    assert (len(train), len(joined)) == (6, 7)
    row = train[0]
    before, after = PROMPT_TEMPLATE.split("{problem}")
    asked = row["raw_prompt"][0]["content"].removeprefix(before).removesuffix(after)
    assert asked == row["extra_info"]["problem"].rstrip("\n")
    assert row["reward_model"]["ground_truth"] and row["data_source"] == "orz_57k"
    assert joined[6]["extra_info"]["choices"] == ["neon", "iron", "chlorine", "oxygen"]
