from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pulsetrain.model.errors import BadParameters
from pulsetrain.trainers.finetune import base, tiny
from pulsetrain.trainers.finetune.codec import Codec, Encoded, collate
from pulsetrain.trainers.finetune.network import Classifier, Writer, learning, prepare, sizes
from pulsetrain.trainers.finetune.trainer import Settings
from pulsetrain.trainers.finetune.training import Device, Tuning

CPU = torch.device("cpu")


def _llama(*, writes: bool = False) -> Any:
    return tiny.body_of(tiny.tokenizer_of(["some words"]), 0, writes=writes)


def test_tiny_is_about_a_million_weights_and_the_same_for_a_seed() -> None:
    tokenizer = tiny.tokenizer_of([f"word{place} other{place}" for place in range(3000)])
    assert len(tokenizer) == tiny.VOCABULARY
    one, again, other = (tiny.body_of(tokenizer, seed, writes=True).state_dict() for seed in (1, 1, 2))
    assert 0.9e6 < sum(weight.numel() for weight in one.values()) < 1.5e6
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert tokenizer.decode(tokenizer("Ünïcode 東京\n")["input_ids"]) == "Ünïcode 東京\n", "it can write anything"


def test_padding_changes_nothing() -> None:
    network = Classifier(_llama(), 3, dropout=0.1, seed=0).eval()
    short, long = Encoded([5, 6, 7], label=0), Encoded(list(range(5, 60)), label=1)
    alone = network(collate([short], 0, CPU))
    beside = network(collate([short, long], 0, CPU))[:1]
    assert torch.allclose(alone, beside, atol=1e-5)


def test_methods_differ_in_which_weights_learn() -> None:
    def learnt(**settings: Any) -> tuple[set[str], int, int]:
        network = Classifier(prepare(_llama(), Settings(**settings), writes=False), 2, dropout=0.0, seed=0)
        return {name.split(".")[0] for name in learning(network)}, *sizes(network)

    parts, few, most = learnt(method="lora")
    assert parts == {"body", "head"}
    assert few < 0.25 * most
    assert learnt(method="lora", lora_rank=4)[1] < 0.5 * few
    assert learnt(method="lora", lora_targets="q_proj, v_proj")[1] < 0.5 * few
    assert learnt(method="head") == ({"head"}, 128 * 2 + 2 + 256, most - (few - 514))
    _, every, total = learnt(method="full")
    assert every == total
    assert total - learnt(method="full", freeze_embeddings=True)[1] == 128 * len(tiny.tokenizer_of(["some words"]))
    two = learnt(method="full", freeze_layers=2)[1]
    assert 0.3 * total < two < 0.7 * total


def test_a_choice_of_weights_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadParameters, match="no layers named nothing") as problem:
        prepare(_llama(), Settings(method="lora", lora_targets="nothing"), writes=False)
    assert "q_proj" in problem.value.hint
    with pytest.raises(BadParameters, match="4 layers; 9"):
        prepare(_llama(), Settings(method="full", freeze_layers=9), writes=False)
    with pytest.raises(BadParameters, match="head alone"):
        prepare(_llama(writes=True), Settings(method="head"), writes=True)


def test_adapters_fit_other_bodies_too() -> None:
    from transformers import GPT2Config, GPT2Model

    body = GPT2Model(GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=2, n_positions=64))
    network = Classifier(prepare(body, Settings(method="lora"), writes=False), 2, dropout=0.0, seed=0)
    few, most = sizes(network)
    assert 0 < few < most
    found = network.measure(collate([Encoded([1, 2], label=0), Encoded([3], label=1)], 0, CPU))
    assert found.of == 2
    assert torch.isfinite(found.loss)


@pytest.mark.parametrize("accumulation", [1, 4])
def test_accumulated_batches_are_one_step(accumulation: int) -> None:
    """Sixteen examples of unlike length learn the same in one batch or in four."""
    examples = [Encoded(list(range(3, 5 + 2 * place)), targets=list(range(3, 5 + 2 * place))) for place in range(16)]
    settings = Settings(method="full", batch_size=16 // accumulation, accumulation=accumulation, optimizer="sgd")
    tuning = Tuning(Writer(_llama(writes=True)), examples, settings, Device("cpu"), 0)
    step = tuning.advance(0.1)
    assert (tuning.epoch, tuning.batch, tuning.step) == (1, 0, 1)
    whole = Writer(_llama(writes=True)).measure(collate(examples, 0, CPU))
    assert step.loss == pytest.approx(float(whole.loss) / whole.of, rel=1e-4)
    expected = Tuning(
        Writer(_llama(writes=True)), examples, Settings(method="full", batch_size=16, optimizer="sgd"), Device("cpu"), 0
    )
    expected.advance(0.1)
    for name, weight in learning(expected.network).items():
        assert torch.allclose(weight, learning(tuning.network)[name], atol=1e-5), name


def test_a_step_whose_gradient_is_not_finite_is_not_taken() -> None:
    network = Classifier(_llama(), 2, dropout=0.0, seed=0)
    examples = [Encoded([5, 6], label=place % 2) for place in range(8)]
    tuning = Tuning(network, examples, Settings(method="full", batch_size=4), Device("cpu"), 0)
    with torch.no_grad():
        network.head[2].bias.fill_(float("inf"))
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    step = tuning.advance(0.1)
    assert not step.loss < 100
    assert tuning.skipped == 1
    assert all(torch.equal(before[name], weight) for name, weight in network.named_parameters())


def test_bfloat16_learns_too() -> None:
    examples = [Encoded([5 + place % 2] * 6, label=place % 2) for place in range(32)]
    network = Classifier(_llama().to(torch.bfloat16), 2, dropout=0.0, seed=0)
    tuning = Tuning(network, examples, Settings(method="full", batch_size=8), Device("cpu", bfloat16=True), 0)
    losses = [tuning.advance(2e-3).loss for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_model_that_is_not_there_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (str(tmp_path / "nothing"), "not a name!", "../up"):
        with pytest.raises(BadParameters, match="There is no folder") as problem:
            base.folder_of(wrong)
        assert "tiny:new" in problem.value.hint
    with pytest.raises(BadParameters, match=r"config\.json is missing"):
        base.folder_of(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadParameters, match="cannot be loaded"):
        base.load_body(tmp_path, torch.float32, writes=False)
    with pytest.raises(BadParameters, match="The tokenizer of"):
        base.load_tokenizer(tmp_path)


def test_a_model_of_the_hub_without_a_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadParameters, match="somebody/model is not on this machine") as problem:
        base.folder_of("somebody/model")
    assert "hf download somebody/model" in problem.value.hint


def test_an_encoder_cannot_write(bert: Path, llama: Path) -> None:
    base.load_body(llama, torch.float32, writes=True)
    base.load_body(bert, torch.float32, writes=False)
    with pytest.raises(BadParameters, match="sees the words that follow"):
        base.load_body(bert, torch.float32, writes=True)


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    from transformers import T5Config, T5Model

    plan = T5Config(vocab_size=20, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5Model(plan).save_pretrained(tmp_path)
    with pytest.raises(BadParameters, match="encoder-decoder"):
        base.load_body(tmp_path, torch.float32, writes=False)


def test_a_codec_keeps_to_what_the_tokenizer_can_take(bert: Path) -> None:
    assert Codec(base.load_tokenizer(bert), 4000).max_length == 64
