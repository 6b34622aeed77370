"""The tokenizer that is shipped with the base model."""

from typing import Any

import pytest

from harness.micro.corpus import FINAL_MIX, draw_document
from harness.micro.dataset import rows_of
from harness.micro.models import model_dir
from harness.micro.tokenizer import NUMBERS, TAGS, WORDS, build_tokenizer

PROMPT_LIMIT_TOKENS = 32

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model_dir())


def test_shipped_tokenizer_is_the_one_that_is_built(tokenizer: Any) -> None:
    assert tokenizer.get_vocab() == build_tokenizer().get_vocab()


def test_every_text_survives(tokenizer: Any) -> None:
    texts = [
        "\n",
        "  two  spaces , a .b n't\t",
        " \n</think>  \nwait,  wait ,<answer>",
        "héllo 中 \U0001f600",
        "".join(map(chr, range(1, 256))),
        *(row["prompt"][0]["content"] for row in rows_of("eval_hard", 20)),
        *(draw_document(FINAL_MIX, "survive", i).response for i in range(200)),
    ]
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        assert ids
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_numbers_words_and_tags_are_single_tokens_and_not_special(tokenizer: Any) -> None:
    for text in (*NUMBERS, *WORDS, *TAGS, *"0123456789"):
        assert len(tokenizer(text)["input_ids"]) == 1
    assert len(tokenizer(" 12 no wait, 3")["input_ids"]) == 4
    assert tokenizer.all_special_tokens == ["<|endoftext|>"]
    assert tokenizer.eos_token == tokenizer.pad_token == "<|endoftext|>"
    assert tokenizer.chat_template is None


def test_prompts_are_short(tokenizer: Any) -> None:
    rows = [*rows_of("train", 50), *rows_of("eval_hard", 50), *rows_of("eval_transfer", 50)]
    for row in rows:
        assert len(tokenizer(row["prompt"][0]["content"])["input_ids"]) <= PROMPT_LIMIT_TOKENS


def test_model_vocabulary_equals_the_tokenizer_s(tokenizer: Any) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model_dir())
    assert config.vocab_size == len(tokenizer)
    assert config.eos_token_id == tokenizer.eos_token_id
