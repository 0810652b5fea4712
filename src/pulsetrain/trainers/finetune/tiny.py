"""`tiny:new`: a small language model from scratch, made on the spot, for where there is no other.

It knows nothing. What it learns comes from the data set alone, its vocabulary too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

VOCABULARY = 2000
POSITIONS = 2048
PADDING, BEGIN, END = "<pad>", "<s>", "</s>"


def tokenizer_of(texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """A tokenizer by byte pairs, learnt from `texts`; it can write any text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[PADDING, BEGIN, END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer_from(made.to_str())


def tokenizer_from(text: str) -> PreTrainedTokenizerBase:
    """The tokenizer that its JSON describes."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(text),
        pad_token=PADDING,
        bos_token=BEGIN,
        eos_token=END,
        model_max_length=POSITIONS,
    )


def body_of(tokenizer: Any, seed: int, *, writes: bool) -> PreTrainedModel:
    """A Llama of about a million weights, at random; with a layer that writes tokens if it `writes`."""
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config) if writes else LlamaModel(config)
