"""The network and its training: a conditional Wasserstein GAN for tables.

After Xu, Skoularidou, Cuesta-Infante and Veeramachaneni, "Modeling Tabular Data using Conditional GAN" (NeurIPS 2019):
generator with concatenating residual blocks, Gumbel softmax per one-hot group, conditional vector, training by sampling
with log-frequencies; and Gulrajani et al., "Improved Training of Wasserstein GANs" (2017) for the gradient penalty.
What differs: the critic judges single rows, so that it has a score for each, and drops no units; generator weights are
averaged (Yazıcı et al. 2019); the learning rate decays.

Row layout for the networks: the places within modes (`alphas` columns), then the one-hot groups side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .transform import Encoded

SLOPE = 0.2
TEMPERATURE = 0.2
WIDE = 1000
"""Rows of more numbers than this are too many for a judge that weighs each against each."""


@dataclass(frozen=True)
class Shape:
    """Sizes that the networks are built from."""

    alphas: int
    widths: tuple[int, ...]
    discrete: tuple[int, ...]
    """Groups that can be conditions."""
    noise: int = 128
    hidden: int = 256
    dropout: float = 0.0
    """Share of the critic's hidden units that are dropped; what it does not see, the generator does not learn."""

    @property
    def row(self) -> int:
        return self.alphas + sum(self.widths)

    @property
    def condition(self) -> int:
        return sum(self.widths[group] for group in self.discrete)


class Groups:
    """Softmax and sums over one-hot groups of different widths, without a loop over them."""

    def __init__(self, shape: Shape, device: torch.device) -> None:
        widths, groups = shape.widths, range(len(shape.widths))
        widest = max(widths, default=1)
        offsets = [sum(widths[:group]) for group in groups]
        outside = sum(widths)
        padded = [[offsets[g] + k if k < widths[g] else outside for k in range(widest)] for g in groups]
        owner = [group for group in groups for _ in range(widths[group])]
        long: dict[str, Any] = {"dtype": torch.long, "device": device}
        self.padded = torch.tensor(padded, **long).reshape(len(widths), widest)
        self.offsets = torch.tensor(offsets, **long)
        self.member = functional.one_hot(torch.tensor(owner, **long), len(widths)).float()

    def pad(self, logits: Tensor) -> Tensor:
        """(rows × all widths) → (rows × groups × widest), filled with −∞."""
        filled = functional.pad(logits, (0, 1), value=-math.inf)
        return filled.index_select(1, self.padded.view(-1)).view(len(logits), *self.padded.shape)

    def softmax(self, logits: Tensor) -> Tensor:
        result: Tensor = _GroupSoftmax.apply(logits, self)
        return result

    def hot(self, codes: Tensor) -> Tensor:
        """Indices (rows × groups) as one-hot groups side by side."""
        rows = torch.zeros(len(codes), len(self.member), device=codes.device)
        return rows.scatter_(1, codes + self.offsets, 1.0)

    def argmax(self, hot: Tensor) -> Tensor:
        return self.pad(hot).argmax(dim=2)


class _GroupSoftmax(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
    """Softmax within each group. Its gradient needs one sum per group, which is two thin matrix products."""

    @staticmethod
    def forward(context: Any, logits: Tensor, groups: Groups) -> Tensor:
        top = groups.pad(logits).amax(dim=2)
        powers = torch.exp(logits - top @ groups.member.T)
        shares = powers / ((powers @ groups.member) @ groups.member.T)
        context.save_for_backward(shares)
        context.groups = groups
        return shares

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (shares,) = context.saved_tensors
        weighted = shares * gradient
        member = context.groups.member
        return weighted - shares * ((weighted @ member) @ member.T), None


class Generator(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Noise and condition → a row's raw outputs."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.noise + shape.condition
        self.layers = nn.ModuleList([nn.Linear(size, shape.hidden), nn.Linear(size + shape.hidden, shape.hidden)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(shape.hidden), nn.BatchNorm1d(shape.hidden)])
        self.out = nn.Linear(size + 2 * shape.hidden, shape.row)

    def forward(self, inputs: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            inputs = torch.cat([torch.relu(norm(layer(inputs))), inputs], dim=1)
        return self.out(inputs)


class Critic(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Row and condition → one number, the higher the more real."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.first = nn.Linear(shape.row + shape.condition, shape.hidden)
        self.second = nn.Linear(shape.hidden, shape.hidden)
        self.last = nn.Linear(shape.hidden, 1)
        self.dropout = shape.dropout

    def forward(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """Scores (rows), with the share `dropout` of the hidden units dropped at random."""
        before = self.first(rows)
        before = self.second(before * self._gate(before, random))
        return self.last(before * self._gate(before, random)).squeeze(1)

    def views(self, rows: Tensor) -> Tensor:
        """What it sees in each row, with nothing dropped: both hidden layers, and the row itself unless it is wide."""
        first = functional.leaky_relu(self.first(rows), SLOPE)
        itself = rows if rows.shape[1] <= WIDE else rows[:, :0]
        return torch.cat([first, functional.leaky_relu(self.second(first), SLOPE), itself], dim=1)

    def slopes(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """The gradient of the score by `rows`, itself differentiable by the weights.

        The network is linear between its kinks, so the gradient is a product of its weight matrices and of gates that
        do not depend smoothly on anything: written out, it needs no second-order differentiation.
        """
        with torch.no_grad():
            before = self.first(rows)
            gate1 = self._gate(before, random)
            gate2 = self._gate(self.second(before * gate1), random)
        back = (gate2 * self.last.weight) @ self.second.weight
        return (back * gate1) @ self.first.weight

    def _gate(self, before: Tensor, random: torch.Generator) -> Tensor:
        """What leaky ReLU and dropout together multiply each unit with."""
        with torch.no_grad():
            gate = before.sign().clamp_min_(SLOPE)
            return gate.mul_(kept(before.shape, self.dropout, random)) if self.dropout else gate


def _bits(count: int, random: torch.Generator) -> Tensor:
    """`count` random bytes; eight at a time, which is many times as fast as one random number per element."""
    words = torch.empty(-(-count // 8), dtype=torch.int64, device=random.device)
    return words.random_(-(2**63), None, generator=random).view(torch.uint8)


def kept(shape: torch.Size, dropout: float, random: torch.Generator) -> Tensor:
    """Dropout's factors: 0 for the share `dropout` (in steps of 1/256), more than 1 for the rest, 1 on average.

    In floats throughout, because comparisons into truth values are the slow part of dropout on a CPU.
    """
    threshold = round(256 * dropout)
    whole = _bits(shape.numel(), random)[: shape.numel()].view(shape)
    return whole.float().ge_(threshold).mul_(256 / (256 - threshold))


def gumbel(shape: torch.Size, random: torch.Generator) -> Tensor:
    """Standard Gumbel noise."""
    whole = _bits(4 * shape.numel(), random).view(torch.int32)[: shape.numel()].view(shape)
    uniform = whole.float().mul_(2.0**-32).add_(0.5).clamp_(1e-7, 1 - 1e-7)
    return uniform.log_().neg_().log_().neg_()


@dataclass(frozen=True)
class Condition:
    """What is asked of some rows: that each be value `code` of its group `group`; `vector` is that as one-hot."""

    vector: Tensor
    group: Tensor
    code: Tensor
    place: Tensor
    """Index in `vector` of its 1."""


class Conditions:
    """Draws conditions: a column evenly, then one of its values by frequency or by log-frequency."""

    def __init__(self, counts: Tensor, shape: Shape, device: torch.device) -> None:
        """`counts`: how many rows have each value of each discrete group, side by side."""
        widths = [shape.widths[group] for group in shape.discrete]
        groups = [group for group, width in zip(shape.discrete, widths, strict=True) for _ in range(width)]
        codes = [code for width in widths for code in range(width)]
        self.device = device
        self.width = len(codes)
        self.group = torch.tensor(groups, dtype=torch.long, device=device)
        self.code = torch.tensor(codes, dtype=torch.long, device=device)
        self.by_frequency = _ladder(counts.double(), widths).to(device)
        self.by_log_frequency = _ladder(torch.log1p(counts.double()), widths).to(device)

    def draw(self, rows: int, random: torch.Generator, *, even_out: bool) -> Condition:
        """Conditions for `rows` rows; `even_out` takes rare values more often, by log-frequency."""
        if not self.width:
            nothing = torch.zeros(rows, dtype=torch.long, device=self.device)
            return Condition(torch.zeros(rows, 0, device=self.device), nothing, nothing, nothing)
        ladder = self.by_log_frequency if even_out else self.by_frequency
        height = torch.rand(rows, generator=random, device=self.device, dtype=torch.float64)
        place = torch.searchsorted(ladder, height, right=True).clamp_(max=self.width - 1)
        return Condition(functional.one_hot(place, self.width).float(), self.group[place], self.code[place], place)


def _ladder(weights: Tensor, widths: list[int]) -> Tensor:
    """Cumulative probabilities over all values of all groups: each group evenly, its values by their weights."""
    parts = [part / part.sum() for part in weights.split(widths)] if widths else []
    return torch.cat(parts).cumsum(0) / len(widths) if parts else weights


class RealRows:
    """The rows of the table, and those that meet a condition, without a search."""

    def __init__(self, encoded: Encoded, shape: Shape, device: torch.device) -> None:
        self.device = device
        self.rows = len(encoded)
        self.alphas = torch.from_numpy(encoded.alphas).to(device)
        self.codes = torch.from_numpy(encoded.codes).to(device)
        discrete = [self.codes[:, group] for group in shape.discrete]
        counts = [
            torch.bincount(codes, minlength=shape.widths[group])
            for codes, group in zip(discrete, shape.discrete, strict=True)
        ]
        self.counts = torch.cat(counts) if counts else torch.zeros(0, dtype=torch.long, device=device)
        if not counts:
            return
        # Row numbers sorted by value, one column after the other; `first` is where each value's rows begin in it.
        self.sorted = torch.cat([torch.argsort(codes, stable=True) for codes in discrete])
        self.first = self.counts.cumsum(0) - self.counts

    def draw(self, condition: Condition, random: torch.Generator) -> Tensor:
        """Numbers of real rows that meet the conditions, evenly among those that do."""
        chance = torch.rand(len(condition.place), generator=random, device=self.device, dtype=torch.float64)
        if not len(self.counts):
            return (chance * self.rows).long()
        offset = (chance * self.counts[condition.place]).long()
        return self.sorted[self.first[condition.place] + offset]
