"""The model to begin with: from a folder or from the hub; and clear words where it is not there."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pulsetrain.model.errors import BadParameters

from .trainer import TINY

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_HUB_NAME = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?")
_SECONDS = 10.0
"""How long the hub may take to say what it has."""
_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]
"""What is taken from the hub. Weights as pickles are not: to open one is to run its code."""


def folder_of(model: str) -> Path:
    """The folder that holds the model named `model`. Raises BadParameters that says what to do where there is none."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise BadParameters(f"The folder {model} holds no model: config.json is missing.")
        return path
    if path.is_absolute() or not _HUB_NAME.fullmatch(model):
        raise BadParameters(
            f"There is no folder {model}.",
            hint=f"Give the whole path of a folder on the machine that trains, a name on the hub, or {TINY}.",
        )
    return _from_hub(model)


def _from_hub(name: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    elsewhere = (
        f"Where there is a network, `hf download {name}` fetches it into a folder; copy that here and give its path. "
        f"{TINY} needs no network."
    )
    try:
        # One question first: a download without a network tries for half a minute before it says so.
        files = huggingface_hub.HfApi().model_info(name, timeout=_SECONDS).siblings or []
        if not any(file.rfilename.endswith(".safetensors") for file in files):
            raise BadParameters(f"The model {name} has no weights as safetensors on the hub.", hint="Take another one.")
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=_FILES, etag_timeout=_SECONDS))
    except GatedRepoError:
        raise BadParameters(
            f"The model {name} is given to those alone who have accepted its terms.",
            hint="Accept them on the hub, then set HF_TOKEN for the server.",
        ) from None
    except RepositoryNotFoundError:
        raise BadParameters(f"The hub has no model {name}, or it is private.", hint="Check its name.") from None
    except OfflineModeIsEnabled:
        raise BadParameters(
            f"The model {name} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.", hint=elsewhere
        ) from None
    except BadParameters:
        raise
    except Exception as problem:  # noqa: BLE001  # its HTTP library is an implementation detail of the hub's
        raise BadParameters(
            f"The model {name} is not on this machine, and the hub cannot be reached: {problem}".rstrip(".") + ".",
            hint=elsewhere,
        ) from None


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`. Raises BadParameters."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as problem:
        raise BadParameters(f"The tokenizer of {folder.name} cannot be loaded: {_first_line(problem)}") from None


def load_body(folder: Path, dtype: torch.dtype, *, writes: bool) -> PreTrainedModel:
    """The network in `folder`; with the layer that writes tokens if it `writes`. Raises BadParameters."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    try:
        if AutoConfig.from_pretrained(folder, local_files_only=True).is_encoder_decoder:
            raise BadParameters(
                f"{folder.name} is an encoder-decoder model; this trainer takes encoders (to classify) and decoders.",
                hint="Take a model such as BERT, Llama or Qwen.",
            )
        kind = AutoModelForCausalLM if writes else AutoModel
        body = kind.from_pretrained(folder, local_files_only=True, dtype=dtype, use_safetensors=True)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as problem:
        raise BadParameters(f"The model {folder.name} cannot be loaded: {_first_line(problem)}") from None
    if writes and not looks_back_only(body):
        raise BadParameters(
            f"{folder.name} sees the words that follow, so it cannot learn to write.",
            hint="Take a decoder, such as Llama or Qwen, or classify with this one.",
        )
    return body


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
def looks_back_only(body: Any) -> bool:
    """Whether what the network says of a token depends on that and earlier ones alone, as one that writes must."""
    body.eval()
    tokens = torch.tensor([[5, 6, 7], [5, 6, 8]]) % body.get_input_embeddings().num_embeddings
    logits = body(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits.float()
    return bool(torch.allclose(logits[0, :2], logits[1, :2], rtol=1e-3, atol=1e-3))


def be_quiet() -> None:
    """No bars and no advice of the libraries between the lines of the run's log."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging

    logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.disable_progress_bar()


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
