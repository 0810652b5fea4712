"""A trained model as a file: tensors and JSON, no code, so that loading one from somewhere else runs nothing."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import torch
from torch import Tensor

from pulsetrain.model.errors import BadParameters

from .gan import Conditions, Critic, Generator, Groups, RealRows, Shape, gumbel
from .refine import Judge, judge_of
from .training import Gan
from .transform import Encoded, Transform

FORMAT = "pulsetrain tabular-gan 2"
_AT_ONCE = 10_000
_JUDGED = 25_000
"""Rows of each side that the judge learns from, at most."""
_PATIENCE = 20
"""So many times the wanted rows are generated at most, however choosy the judge is."""
_CPU = torch.device("cpu")


@dataclass
class Model:
    """A generator that makes rows of one table, and the critic that chooses among them."""

    shape: Shape
    transform: Transform
    counts: Tensor
    """Rows that had each value that can be a condition."""
    generator: Generator
    critic: Critic
    judge: Judge | None
    about: dict[str, Any]
    """What it was trained on and how, for people."""

    @staticmethod
    def of(gan: Gan, transform: Transform, encoded: Encoded, about: dict[str, Any]) -> Model:
        """The averaged generator of `gan` as it is now, which was trained on `encoded`; `gan` itself is unchanged."""
        generator, critic = Generator(gan.shape), Critic(gan.shape)
        for network, source in ((generator, gan.average), (critic, gan.critic)):
            network.load_state_dict({name: value.cpu() for name, value in source.state_dict().items()})
        model = Model(gan.shape, transform, gan.real.counts.cpu(), generator, critic, None, about)
        model._settle()
        model._appoint(RealRows(encoded, gan.shape, _CPU))
        return model

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def _settle(self) -> None:
        """Measure what batch normalisation needs anew: averaged weights have statistics of their own."""
        for norm in self.generator.norms:
            norm.reset_running_stats()
            norm.momentum = None
        draft = _Draft(self, seed=0)
        self.generator.train()
        for _ in range(20):
            self.generator(draft.inputs(500))
        self.generator.eval()

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def _appoint(self, real: RealRows) -> None:
        """Teach the judge what tells real rows from generated ones."""
        draft = _Draft(self, seed=1)
        count = min(_JUDGED, max(real.rows, 1000))
        condition = draft.conditions.draw(count, draft.random, even_out=False)
        chosen = real.draw(condition, draft.random)
        rows = torch.cat([real.alphas[chosen], draft.groups.hot(real.codes[chosen]), condition.vector], dim=1)
        self.judge = judge_of(self.critic.views(rows), draft.views(*draft.make(count)), real.rows)

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def sample(self, rows: int, seed: int = 0) -> pl.DataFrame:
        """`rows` synthetic rows; the same for the same seed."""
        draft = _Draft(self, seed)
        alphas: list[Tensor] = []
        codes: list[Tensor] = []
        have = made = 0
        patience = _PATIENCE * max(rows, _AT_ONCE)
        while have < rows:
            alpha, code, condition = draft.make(_AT_ONCE)
            made += _AT_ONCE
            if self.judge is not None and made <= patience:
                chance = self.judge.chance(draft.views(alpha, code, condition))
                kept = torch.rand(_AT_ONCE, generator=draft.random) < chance
                alpha, code = alpha[kept], code[kept]
            alphas.append(alpha)
            codes.append(code)
            have += len(alpha)
        return self.transform.decode(Encoded(torch.cat(alphas)[:rows].numpy(), torch.cat(codes)[:rows].numpy()), seed)

    def save(self, path: Path) -> None:
        document = {"shape": asdict(self.shape), "transform": self.transform, "about": self.about}
        content = {
            "format": FORMAT,
            "json": msgspec.json.encode(document).decode(),
            "counts": self.counts,
            "generator": self.generator.state_dict(),
            "critic": self.critic.state_dict(),
            "judge": None if self.judge is None else vars(self.judge),
        }
        torch.save(content, path)

    @staticmethod
    def load(path: Path) -> Model:
        """The model in the file `path`. Raises BadParameters, or OSError if it cannot be read."""
        content = load_tensors(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise BadParameters(f"{path.name} is not a model of the tabular GAN.")
        try:
            document = msgspec.json.decode(content["json"], type=_Document)
            generator, critic = Generator(document.shape), Critic(document.shape)
            generator.load_state_dict(content["generator"])
            critic.load_state_dict(content["critic"])
            judge = None if content["judge"] is None else Judge(**content["judge"])
        except (KeyError, TypeError, RuntimeError, msgspec.DecodeError) as problem:
            raise BadParameters(f"{path.name} is damaged: {problem}") from problem
        generator.eval()
        return Model(document.shape, document.transform, content["counts"], generator, critic, judge, document.about)


class _Document(msgspec.Struct, frozen=True):
    shape: Shape
    transform: Transform
    about: dict[str, Any]


class _Draft:
    """Makes rows with a model's networks."""

    def __init__(self, model: Model, seed: int) -> None:
        self.model = model
        self.random = torch.Generator().manual_seed(seed)
        self.conditions = Conditions(model.counts, model.shape, _CPU)
        self.groups = Groups(model.shape, _CPU)

    def inputs(self, count: int) -> Tensor:
        """Noise and conditions by their true frequencies, side by side."""
        condition = self.conditions.draw(count, self.random, even_out=False)
        noise = torch.randn(count, self.model.shape.noise, generator=self.random)
        return torch.cat([noise, condition.vector], dim=1)

    def make(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Places, codes, and the conditions that were asked for."""
        inputs = self.inputs(count)
        raw = self.model.generator(inputs)
        alphas = self.model.shape.alphas
        logits = raw[:, alphas:]
        codes = self.groups.argmax(logits + gumbel(logits.shape, self.random))
        return torch.tanh(raw[:, :alphas]), codes, inputs[:, self.model.shape.noise :]

    def views(self, alphas: Tensor, codes: Tensor, condition: Tensor) -> Tensor:
        """What the critic sees in these rows."""
        views: Tensor = self.model.critic.views(torch.cat([alphas, self.groups.hot(codes), condition], dim=1))
        return views


def load_tensors(path: Path) -> Any:
    """What `torch.save` wrote, if it is tensors and plain values alone. Raises BadParameters, or OSError."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError) as problem:
        # What torch says here invites to load the file unsafely, so it is not passed on.
        raise BadParameters(f"{path.name} does not hold tensors alone, or is damaged.") from problem
