"""A run that can be steered and that shows tables, and a base model as it lies in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import own_texts

Start = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def steerable_run(recording_run: type[Any]) -> type[Any]:
    class SteerableRun(recording_run):  # type: ignore[misc]
        """Keeps all that was logged at a step, and calls `on_log` at each; what it can be asked for stays known."""

        def __init__(self, folder: Path, checkpoint: Path | None = None) -> None:
            super().__init__(folder, checkpoint)
            self.on_log: Callable[[int], None] = lambda step: None
            self.settled = False

        def log(self, values: dict[str, float], step: int | None = None) -> None:
            assert step is not None
            self.metrics.setdefault(step, {}).update(values)
            self.on_log(step)

        def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
            assert all(len(row) == len(columns) for row in rows)
            super().table(name, list(columns), [list(row) for row in rows])

        def settle(self, *names: str) -> None:
            self.settled = True

    return SteerableRun


@pytest.fixture
def start(tmp_path: Path, steerable_run: type[Any]) -> Start:
    """Makes runs: `start("name", checkpoint=None)`."""
    return lambda name="run", checkpoint=None: steerable_run(tmp_path / name, checkpoint)


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Our own data sets as JSON lines: `intents`, `pairs`, `instructions`."""
    folder = tmp_path_factory.mktemp("texts")
    makers: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "intents": own_texts.intents,
        "pairs": own_texts.pairs,
        "instructions": own_texts.instructions,
    }
    return {name: own_texts.jsonl(folder / f"{name}.jsonl", make()) for name, make in makers.items()}


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Llama and its tokenizer, as a download would lie there. It has learnt nothing."""
    from pulsetrain.trainers.finetune import tiny

    folder = tmp_path_factory.mktemp("llama")
    tokenizer = tiny.tokenizer_of(row["text"] for row in own_texts.intents(seed=9))
    tokenizer.save_pretrained(folder)
    tiny.body_of(tokenizer, 0, writes=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny BERT: it sees both sides, knows pairs, and cannot write."""
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from pulsetrain.trainers.finetune import tiny

    folder = tmp_path_factory.mktemp("bert")
    words = tiny.tokenizer_of(row["text_a"] + row["text_b"] for row in own_texts.pairs(seed=9)).backend_tokenizer
    words.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[(token, words.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)
    plan = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(plan).save_pretrained(folder)
    return folder
