"""Files of arrays with a header in JSON: NumPy's own format without pickle, so that reading one runs no code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulsetrain.model.errors import BadParameters

Arrays = dict[str, NDArray[Any]]
_HEADER = "header"


def write_arrays(path: Path, header: dict[str, Any], arrays: Arrays, *, small: bool = False) -> None:
    """Write the file whole or not at all; `small` takes the time to compress it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    text = np.frombuffer(msgspec.json.encode(header), np.uint8)
    with partial.open("wb") as file:
        write: Any = np.savez_compressed if small else np.savez
        write(file, **{_HEADER: text}, **arrays)
    partial.replace(path)


def read_arrays(path: Path, form: str) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays of a file whose header says `format: form`. Raises BadParameters if it is none, or OSError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = msgspec.json.decode(arrays.pop(_HEADER).tobytes())
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as problem:
        raise BadParameters(f"{path.name} is not {form}.") from problem
    if not isinstance(header, dict) or header.get("format") != form:
        raise BadParameters(f"{path.name} is not {form}.")
    return header, arrays
