"""The networks: a body with a head of our own that classifies, or one that writes; and which of their weights learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pulsetrain.model.errors import BadParameters

from .codec import IGNORED
from .trainer import Settings


class Measured(NamedTuple):
    """What a batch came to, summed up over what there was to get right."""

    loss: Tensor
    hits: Tensor
    of: int
    probabilities: Tensor | None = None


class Classifier(nn.Module):  # type: ignore[misc]  # torch has no types here
    """The mean of what the body makes of a text's tokens, and a linear layer on it.

    The mean, not the last token alone, and a head that learns beside an adapter: with the stock head and LoRA a small
    body stayed at the share of the largest class.
    """

    def __init__(self, body: Any, labels: int, *, dropout: float, seed: int) -> None:
        super().__init__()
        self.body = body
        width = body.config.get_text_config().hidden_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, labels))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The logits of a batch."""
        inputs = {name: values for name, values in batch.items() if name != "targets"}
        states = self.body(**inputs).last_hidden_state.float()
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return self.head((states * mask).sum(1) / mask.sum(1))

    def measure(self, batch: dict[str, Tensor]) -> Measured:
        logits, targets = self(batch).float(), batch["targets"]
        loss = functional.cross_entropy(logits, targets, reduction="sum")
        hits = (logits.argmax(1) == targets).sum()
        return Measured(loss, hits, len(targets), logits.detach().softmax(1))


class Writer(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A body that says which token comes next."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    def measure(self, batch: dict[str, Tensor]) -> Measured:
        targets = batch["targets"][:, 1:]
        learnt = targets != IGNORED
        logits = self.body(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        # The logits of a large vocabulary fill the memory: those alone that count are kept as 32 bits.
        logits, targets = logits[learnt].float(), targets[learnt]
        loss = functional.cross_entropy(logits, targets, reduction="sum")
        return Measured(loss, (logits.argmax(1) == targets).sum(), len(targets))

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def write(self, prompt: Sequence[int], ends: Sequence[int], padding: int, max_new_tokens: int) -> list[int]:
        """The likeliest next tokens, one after the other, up to one of `ends`."""
        from transformers import GenerationConfig

        ids = torch.tensor([list(prompt)], device=next(self.parameters()).device)
        plan = GenerationConfig(
            do_sample=False, max_new_tokens=max_new_tokens, eos_token_id=list(ends) or None, pad_token_id=padding
        )
        self.body.eval()
        written = self.body.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=plan)
        return [int(token) for token in written[0, ids.shape[1] :]]


Network = Classifier | Writer


def prepare(body: Any, settings: Settings, *, writes: bool) -> Any:
    """The body with those weights to learn that the settings name; with adapters for LoRA. Raises BadParameters."""
    if settings.how == "head":
        if writes:
            raise BadParameters("A head alone can classify, not write.", hint="Take method=lora or method=full.")
        return body.requires_grad_(False)
    if settings.how == "lora":
        return _with_adapters(body, settings)
    body.requires_grad_(True)
    if settings.freeze_embeddings:
        body.get_input_embeddings().requires_grad_(False)
    if settings.freeze_layers:
        _freeze_layers(body, settings.freeze_layers)
    return body


def _with_adapters(body: Any, settings: Settings) -> Any:
    from peft import LoraConfig, get_peft_model

    wanted = [name.strip() for name in settings.lora_targets.split(",") if name.strip()]
    plan = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=wanted or "all-linear",
    )
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            return get_peft_model(body, plan)
    except ValueError:
        linear = {name.rsplit(".", 1)[-1] for name, module in body.named_modules() if isinstance(module, nn.Linear)}
        raise BadParameters(
            f"The model has no layers named {settings.lora_targets or 'linear'} for adapters.",
            hint=f"It has {', '.join(sorted(linear)) or 'none'}.",
        ) from None


def _freeze_layers(body: Any, count: int) -> None:
    """Keep the lowest `count` layers as they are: those of the longest list of modules that are all of one class."""
    stacks = [
        module
        for module in body.modules()
        if isinstance(module, nn.ModuleList) and len({type(layer) for layer in module}) == 1
    ]
    layers = max(stacks, key=len, default=None)
    if layers is None or len(layers) < count:
        raise BadParameters(f"The model has {len(layers or [])} layers; {count} of them cannot be frozen.")
    for layer in list(layers)[:count]:
        layer.requires_grad_(False)


def learning(network: nn.Module) -> dict[str, Any]:
    """The weights that learn, by name."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}


def sizes(network: nn.Module) -> tuple[int, int]:
    """How many weights learn, and how many there are."""
    return sum(weight.numel() for weight in learning(network).values()), sum(w.numel() for w in network.parameters())
