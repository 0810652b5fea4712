from __future__ import annotations

from typing import Any

import pytest
import torch

from pulsetrain.trainers.finetune import tiny
from pulsetrain.trainers.finetune.codec import IGNORED, Codec, collate
from pulsetrain.trainers.finetune.examples import Dialogue, Labelled, Turn

TALK = (Turn("system", "Be kind."), Turn("user", "Hi"), Turn("assistant", "Hello"), Turn("user", "Bye"))
DIALOGUE = Dialogue(1, (*TALK, Turn("assistant", "See you")))
CHAT = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
FORGETFUL = (
    "{% for message in messages %}{% if loop.last or message.role != 'assistant' %}"
    "<|{{ message.role }}|>{{ message.content }}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture
def tokenizer() -> Any:
    return tiny.tokenizer_of(["User: Hi there", "Assistant: Hello, see you", "Bye", "Ünï 東京"])


def _learnt(codec: Codec, example: Dialogue) -> str:
    found = codec.dialogue(example)
    assert len(found.ids) == len(found.targets)
    assert all(target in (IGNORED, token) for token, target in zip(found.ids, found.targets, strict=True))
    return str(codec.tokenizer.decode([token for token in found.targets if token != IGNORED]))


def test_what_the_assistant_says_is_learnt_and_nothing_else(tokenizer: Any) -> None:
    codec = Codec(tokenizer, 256)
    assert not codec.chat
    assert _learnt(codec, DIALOGUE) == " Hello</s> See you</s>"
    whole = tokenizer.decode(codec.dialogue(DIALOGUE).ids)
    assert whole == "<s>System: Be kind.\nUser: Hi\nAssistant: Hello</s>\nUser: Bye\nAssistant: See you</s>\n"


def test_the_template_of_the_tokenizer_is_taken(tokenizer: Any) -> None:
    tokenizer.chat_template = CHAT
    codec = Codec(tokenizer, 256)
    assert codec.chat
    assert _learnt(codec, DIALOGUE) == "Hello</s>See you</s>"
    whole = tokenizer.decode(codec.dialogue(DIALOGUE).ids)
    assert whole == tokenizer.apply_chat_template(
        [{"role": one.role, "content": one.content} for one in DIALOGUE.turns], tokenize=False
    )
    assert codec.ends([codec.dialogue(DIALOGUE)]) == [tokenizer.eos_token_id]


def test_of_a_template_that_rewrites_earlier_turns_the_last_answer_is_learnt(tokenizer: Any) -> None:
    tokenizer.chat_template = FORGETFUL
    assert _learnt(Codec(tokenizer, 256), DIALOGUE) == "See you</s>"


@pytest.mark.parametrize("template", [None, CHAT])
def test_a_prompt_is_what_stands_before_the_answer_that_is_learnt(tokenizer: Any, template: str | None) -> None:
    """Else the model would be asked otherwise than it was taught."""
    tokenizer.chat_template = template
    codec = Codec(tokenizer, 256)
    prompt, whole = codec.prompt(DIALOGUE.prompt, 10), codec.dialogue(DIALOGUE)
    assert whole.ids[: len(prompt)] == prompt
    assert whole.targets[len(prompt)] != IGNORED
    assert whole.targets[len(prompt) - 1] == IGNORED


def test_what_is_too_long_is_cut(tokenizer: Any) -> None:
    codec = Codec(tokenizer, 12)
    assert len(codec.dialogue(DIALOGUE).ids) == 12
    assert codec.dialogue(DIALOGUE).learnt_tokens == 0, "the answer begins after the cut"
    assert len(codec.text("a long text " * 20)[0]) == 12
    first, _ = codec.text("x " * 100, "and the second text " * 20)
    assert len(first) == 12
    assert "second" in tokenizer.decode(first) or "and" in tokenizer.decode(first), "both texts keep a part"
    tokenizer.model_max_length = 20
    assert len(codec.prompt(TALK * 5, 8)) == 12


def test_a_pair_is_two_texts_to_a_model_that_knows_pairs(bert: Any) -> None:
    from transformers import AutoTokenizer

    codec = Codec(AutoTokenizer.from_pretrained(bert), 64, labels=["no", "yes"])
    found = codec.labelled(Labelled(1, "who is it", "yes", "it was Ada"))
    assert found.label == 1
    assert found.types is not None
    assert found.types == sorted(found.types)
    assert set(found.types) == {0, 1}
    batch = collate([found, codec.labelled(Labelled(1, "who", "no", "Ada"))], codec.padding, torch.device("cpu"))
    assert batch["token_type_ids"].shape == batch["input_ids"].shape
    assert batch["attention_mask"].sum(1).tolist() == [len(found.ids), batch["attention_mask"][1].sum()]
    assert batch["targets"].tolist() == [1, 0]
