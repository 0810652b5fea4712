"""The model as one file: an uncompressed tar of the network, its tokenizer, its head and `fine-tune.json`."""

from __future__ import annotations

import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import torch

from pulsetrain.model.errors import BadParameters

from .base import be_quiet, folder_of, load_body, load_tokenizer
from .codec import Codec
from .examples import Task
from .network import Classifier, Network, Writer

FILE = "model.tar"
ABOUT, BODY, HEAD = "fine-tune.json", "model", "head.safetensors"
FORMAT = "pulsetrain.fine-tune.v1"


class About(msgspec.Struct, frozen=True):
    """What a model is."""

    task: Task
    base: str
    """What it began as."""
    method: str
    adapter: bool
    """Whether `model/` holds an adapter alone, which needs its base."""
    max_length: int
    max_new_tokens: int
    chat: bool
    ends: list[int] = []
    labels: list[str] = []
    dataset: str = ""
    examples: int = 0
    weights: int = 0
    format: str = FORMAT


class Loaded(msgspec.Struct, frozen=True):
    """A model that can be asked."""

    about: About
    network: Network
    codec: Codec


def save_model(path: Path, network: Network, tokenizer: Any, about: About) -> None:
    """Write the model to the file `path`, whole or not at all. An adapter is merged unless `about` keeps it apart."""
    from safetensors.torch import save_file

    body: Any = network.body
    if not about.adapter and hasattr(body, "merge_and_unload"):
        body = body.merge_and_unload()
    partial = path.with_suffix(".partial")
    with TemporaryDirectory(dir=path.parent, prefix="model-") as name:
        folder = Path(name)
        (folder / ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)))
        body.save_pretrained(folder / BODY)
        tokenizer.save_pretrained(folder / BODY)
        if isinstance(network, Classifier):
            save_file({key: value.cpu() for key, value in network.head.state_dict().items()}, folder / HEAD)
        with tarfile.open(partial, "w") as tar:
            # What it is comes first, so that a look at it reads a block of the file.
            tar.add(folder / ABOUT, ABOUT)
            for member in sorted(folder.iterdir()):
                if member.name != ABOUT:
                    tar.add(member, member.name)
    partial.replace(path)


def is_model(path: Path) -> bool:
    """Whether the file is one that `save_model` wrote."""
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
            return first is not None and first.name == ABOUT
    except (tarfile.TarError, OSError):
        return False


def unpack(path: Path, folder: Path) -> About:
    """Lay the model in the file `path` out in `folder`. Raises BadParameters, or OSError if it cannot be read."""
    if not is_model(path):
        raise BadParameters(f"{path.name} is not a model of a fine-tuning.")
    with tarfile.open(path, "r:") as tar:
        # The filter keeps what it writes inside the folder.
        tar.extractall(folder, filter="data")
    try:
        return msgspec.json.decode((folder / ABOUT).read_bytes(), type=About)
    except msgspec.DecodeError as problem:
        raise BadParameters(f"{path.name} is of another version: {problem}.") from None


def load_model(path: Path) -> Loaded:
    """The model in the file `path`, ready to be asked; on a GPU if there is one. Raises BadParameters, OSError."""
    be_quiet()
    with TemporaryDirectory(prefix="pulsetrain-model-") as name:
        folder = Path(name)
        about = unpack(path, folder)
        writes = about.task == "instruction"
        tokenizer = load_tokenizer(folder / BODY)
        body: Any = load_body(folder_of(about.base) if about.adapter else folder / BODY, torch.float32, writes=writes)
        if about.adapter:
            from peft import PeftModel

            body = PeftModel.from_pretrained(body, folder / BODY)
        network = Writer(body) if writes else _classifier(body, about, folder / HEAD)
        network.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    codec = Codec(tokenizer, about.max_length, labels=about.labels, chat=about.chat)
    return Loaded(about, network, codec)


def _classifier(body: Any, about: About, head: Path) -> Classifier:
    from safetensors.torch import load_file

    network = Classifier(body, len(about.labels), dropout=0.0, seed=0)
    network.head.load_state_dict(load_file(head))
    return network
