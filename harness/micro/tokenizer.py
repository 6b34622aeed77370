r"""The tokenizer: bytes, plus numbers, words, the template's sentences and tags as single tokens.

A byte-level BPE without merges: every text can be written and ``decode(encode(x)) == x``. A number
of 0..99 with the space before it is one token, and so is each word of `WORDS`: a trial of five
tokens instead of twelve. All are added tokens but not *special* ones, because rewards and dumps
decode with ``skip_special_tokens=True``. No chat template is set.
"""

from typing import Any

from harness.micro.template import FIXED_SENTENCES, THINK_TAG

END_OF_TEXT = "<|endoftext|>"
TAGS = (THINK_TAG, "</think>", "<answer>", "</answer>", "\\boxed{")
QUESTIONS = ("find x:", " x", " (x", ")", "count steps:", "meet at x:", "compute:")
REFLECTION = (" wait,", " recheck,", " retry,", " alternatively,", " however,")
"""The five patterns that the paper counts as reflection, each as a word between two attempts."""
WORDS = (" no", " yes", " +", " -", " *", " =", " to", " mod", *REFLECTION)
NUMBERS = tuple(f" {number}" for number in range(100))
MAX_POSITIONS = 512


def build_tokenizer() -> Any:
    """Build the tokenizer as a transformers ``PreTrainedTokenizerFast``.

    Ids 0..255 are the bytes in the order of their GPT-2 symbols, then numbers, words, questions,
    tags, the sentences and the end-of-text token, which also pads (as in Qwen2.5 base).
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={s: i for i, s in enumerate(symbols)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    added = (*NUMBERS, *WORDS, *QUESTIONS, *TAGS, *FIXED_SENTENCES)
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in added])
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False, special=True)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
        model_max_length=MAX_POSITIONS,
        padding_side="left",
    )
