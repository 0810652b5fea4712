"""One network in training: its optimiser, its place in the data, its chance, and what it has been like so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from . import split
from .codec import Encoded, collate
from .network import Network, learning
from .trainer import Settings

HEAD_FACTOR = 10.0
"""A head begins with nothing: beside all weights of a body that knows much it takes larger steps than they do."""


class Step(msgspec.Struct, frozen=True):
    """What one step was like."""

    loss: float
    accuracy: float
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    seconds: float


class Evaluation(msgspec.Struct, frozen=True):
    """What the network makes of examples that it does not learn from."""

    loss: float
    accuracy: float
    """Share of the classes, or of the next tokens, that it gets right."""
    probabilities: Tensor | None = None
    """Of each example, in their order: how likely each class is."""

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 700.0))


class Device(msgspec.Struct, frozen=True):
    """Where it computes, and how precisely."""

    name: str
    bfloat16: bool = False

    @property
    def torch(self) -> torch.device:
        return torch.device(self.name)

    def computing(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = torch.autocast(self.name, dtype=torch.bfloat16, enabled=self.bfloat16)
        return context


class Tuning:
    """A network in training. Deterministic under its seed; on a CPU, bit for bit."""

    def __init__(
        self, network: Network, learnt: Sequence[Encoded], settings: Settings, device: Device, padding: int
    ) -> None:
        self.network = network.to(device.torch)
        self.learnt = learnt
        self.settings = settings
        self.device = device
        self.padding = padding
        self.optimizer = _optimizer(network, settings)
        self.epoch = self.batch = self.step = self.skipped = 0
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.norms: list[float] = []
        self.evaluations: list[tuple[int, float, float]] = []
        """Step, loss and accuracy on the examples to judge by."""
        self._lengths = [len(one.ids) for one in learnt]
        self._order = self._batches()
        torch.manual_seed(settings.seed)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self._order) / self.settings.accumulation)

    def advance(self, rate: float) -> Step:
        """Learn from the next batches, as many as a step takes."""
        begun = time.perf_counter()
        self.network.train()
        places = self._order[self.batch : self.batch + self.settings.accumulation]
        examples = [[self.learnt[place] for place in batch] for batch in places]
        # The mean over all that the step learns, however it falls into batches.
        total = sum(_count(one) for batch in examples for one in batch)
        loss = hits = 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for batch in examples:
            with self.device.computing():
                found = self.network.measure(collate(batch, self.padding, self.device.torch))
            (found.loss / total).backward()
            loss += float(found.loss.detach()) / total
            hits += float(found.hits) / total
        norm = float(nn.utils.clip_grad_norm_(learning(self.network).values(), self.settings.max_gradient_norm))
        if math.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            self.optimizer.step()
        else:
            # One bad step would make every weight NaN; the metric says what was seen.
            self.skipped += 1
        self._passed(len(places), loss, rate, norm)
        seconds = time.perf_counter() - begun
        tokens = sum(len(one.ids) for batch in examples for one in batch)
        return Step(loss, hits, rate, norm, tokens / seconds, seconds)

    def _passed(self, batches: int, loss: float, rate: float, norm: float) -> None:
        self.losses.append(loss)
        self.rates.append(rate)
        self.norms.append(norm)
        self.step += 1
        self.batch += batches
        if self.batch >= len(self._order):
            self.epoch, self.batch = self.epoch + 1, 0
            self._order = self._batches()

    def _batches(self) -> list[list[int]]:
        one = self.settings
        return split.batches(
            self._lengths, one.batch_size, seed=one.seed, epoch=self.epoch, by_length=one.group_by_length
        )

    def evaluate(self, examples: Sequence[Encoded], on_batch: Callable[[], None]) -> Evaluation:
        """Measure the network on `examples`; its chance stays as it was."""
        found: Evaluation = measure(
            self.network, examples, self.settings.batch_size * 2, self.device, self.padding, on_batch
        )
        return found

    def evaluated(self, found: Evaluation) -> None:
        """Remember an evaluation at this step; the last one of a step counts."""
        if self.evaluations and self.evaluations[-1][0] == self.step:
            self.evaluations.pop()
        self.evaluations.append((self.step, found.loss, found.accuracy))

    def state(self) -> dict[str, Any]:
        """All that a continued training needs to be the same as an uninterrupted one; tensors and numbers alone."""
        chance = {"cpu": torch.get_rng_state()}
        if self.device.name == "cuda":
            chance["cuda"] = torch.cuda.get_rng_state()
        return {
            "weights": {name: weight.detach().cpu() for name, weight in learning(self.network).items()},
            "optimizer": self.optimizer.state_dict(),
            "chance": chance,
            "counters": {name: getattr(self, name) for name in ("epoch", "batch", "step", "skipped")},
            "history": {name: getattr(self, name) for name in ("losses", "rates", "norms", "evaluations")},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`. Raises KeyError, RuntimeError or ValueError where it is of another shape."""
        weights = learning(self.network)
        if set(weights) != set(state["weights"]):
            raise KeyError("other weights")
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in {**state["counters"], **state["history"]}.items():
            setattr(self, name, value)
        self._order = self._batches()
        torch.set_rng_state(state["chance"]["cpu"])
        if self.device.name == "cuda" and "cuda" in state["chance"]:
            torch.cuda.set_rng_state(state["chance"]["cuda"])


def _count(example: Encoded) -> int:
    return 1 if example.label is not None else example.learnt_tokens


def _optimizer(network: nn.Module, settings: Settings) -> Any:
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, weight in learning(network).items():
        decay = settings.weight_decay if weight.ndim > 1 else 0.0
        larger = name.startswith("head.") and settings.how == "full" and not settings.from_scratch
        groups.setdefault((decay, HEAD_FACTOR if larger else 1.0), []).append(weight)
    found = [{"params": weights, "weight_decay": key[0], "factor": key[1]} for key, weights in groups.items()]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(found, lr=settings.rate, momentum=0.9)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(found, lr=settings.rate)


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
def measure(
    network: Network,
    examples: Sequence[Encoded],
    size: int,
    device: Device,
    padding: int,
    on_batch: Callable[[], None] = lambda: None,
) -> Evaluation:
    """What `network` makes of `examples`, `size` of them at a time, shortest first."""
    network.eval()
    order = sorted(range(len(examples)), key=lambda place: len(examples[place].ids))
    loss = hits = 0.0
    count = 0
    rows: list[Tensor] = []
    for start in range(0, len(order), size):
        on_batch()
        batch = collate([examples[place] for place in order[start : start + size]], padding, device.torch)
        with device.computing():
            found = network.measure(batch)
        loss, hits, count = loss + float(found.loss), hits + float(found.hits), count + found.of
        if found.probabilities is not None:
            rows.append(found.probabilities.cpu())
    probabilities = torch.cat(rows)[torch.argsort(torch.tensor(order))] if rows else None
    return Evaluation(loss / max(1, count), hits / max(1, count), probabilities)
