"""A trained generator as a file: tensors and JSON, no code, so that loading one from somewhere else runs nothing."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import torch

from pulsetrain.model.errors import PulsetrainError

from .gan import Conditions, Generator, Groups, Shape, gumbel
from .training import Gan
from .transform import Encoded, Transform

FORMAT = "pulsetrain tabular-gan 1"
_AT_ONCE = 10_000


class BadModel(PulsetrainError):
    """The file is not a model of the tabular GAN."""

    code = "bad_model"


@dataclass
class Model:
    """A generator that makes rows of one table."""

    shape: Shape
    transform: Transform
    counts: torch.Tensor
    """Rows that had each value that can be a condition."""
    generator: Generator
    about: dict[str, Any]
    """What it was trained on and how, for people."""

    @staticmethod
    def of(gan: Gan, transform: Transform, about: dict[str, Any]) -> Model:
        """The averaged generator of `gan` as it is now; `gan` goes on unchanged."""
        generator = Generator(gan.shape)
        generator.load_state_dict({name: value.cpu() for name, value in gan.average.state_dict().items()})
        model = Model(gan.shape, transform, gan.real.counts.cpu(), generator, about)
        model._settle()
        return model

    def _settle(self) -> None:
        """Measure what batch normalisation needs anew: averaged weights have statistics of their own."""
        for norm in self.generator.norms:
            norm.reset_running_stats()
            norm.momentum = None
        random = torch.Generator().manual_seed(0)
        conditions = Conditions(self.counts, self.shape, torch.device("cpu"))
        self.generator.train()
        with torch.no_grad():
            for _ in range(20):
                vector = conditions.draw(500, random, even_out=False).vector
                self.generator(torch.cat([torch.randn(500, self.shape.noise, generator=random), vector], dim=1))
        self.generator.eval()

    def sample(self, rows: int, seed: int = 0) -> pl.DataFrame:
        """`rows` synthetic rows; the same for the same seed."""
        random = torch.Generator().manual_seed(seed)
        conditions = Conditions(self.counts, self.shape, torch.device("cpu"))
        groups = Groups(self.shape, torch.device("cpu"))
        alphas, codes = [], []
        with torch.no_grad():
            for start in range(0, rows, _AT_ONCE):
                count = min(_AT_ONCE, rows - start)
                vector = conditions.draw(count, random, even_out=False).vector
                noise = torch.randn(count, self.shape.noise, generator=random)
                raw = self.generator(torch.cat([noise, vector], dim=1))
                logits = raw[:, self.shape.alphas :]
                alphas.append(torch.tanh(raw[:, : self.shape.alphas]).numpy())
                codes.append(groups.argmax(logits + gumbel(logits.shape, random)).numpy())
        return self.transform.decode(Encoded(np.concatenate(alphas), np.concatenate(codes)), seed)

    def save(self, path: Path) -> None:
        document = {"shape": asdict(self.shape), "transform": self.transform, "about": self.about}
        weights = self.generator.state_dict()
        torch.save(
            {
                "format": FORMAT,
                "json": msgspec.json.encode(document).decode(),
                "counts": self.counts,
                "weights": weights,
            },
            path,
        )

    @staticmethod
    def load(path: Path) -> Model:
        """The model in the file `path`. Raises BadModel, or OSError if it cannot be read."""
        content = load_tensors(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise BadModel(f"{path.name} is not a model of the tabular GAN.")
        document = msgspec.json.decode(content["json"], type=_Document)
        generator = Generator(document.shape)
        generator.load_state_dict(content["weights"])
        generator.eval()
        return Model(document.shape, document.transform, content["counts"], generator, document.about)


class _Document(msgspec.Struct, frozen=True):
    shape: Shape
    transform: Transform
    about: dict[str, Any]


def load_tensors(path: Path) -> Any:
    """What `torch.save` wrote, if it is tensors and plain values alone. Raises BadModel, or OSError."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError) as problem:
        raise BadModel(f"{path.name} cannot be loaded as a model: {str(problem).partition(chr(10))[0]}") from problem
