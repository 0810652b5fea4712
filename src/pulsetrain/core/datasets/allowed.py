"""Files outside the data folder that the operator lets in: those below a few folders, and none by a detour."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from pulsetrain.model.errors import BadRequest, Forbidden


def allowed_file(path: str | Path, folders: Sequence[Path]) -> Path:
    """Where `path` really lies. Raises Forbidden outside `folders`, wherever links lead, and BadRequest for no file.

    What lies outside is answered alike whether it is there or not, so that nobody can look around by asking.
    """
    if not folders:
        raise Forbidden("This server takes no files by their path.", hint="Start it with --data-path FOLDER.")
    if "\0" in str(path) or not Path(path).is_absolute():
        raise BadRequest("The path must be absolute.", hint="Such as /data/wine.csv.")
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in folders):
        below = ", ".join(str(folder) for folder in folders)
        raise Forbidden("The file is not below a folder that this server may read.", hint=f"It may read: {below}.")
    try:
        mode = real.stat().st_mode
    except OSError as problem:
        raise BadRequest(f"There is no such file: {problem.strerror or problem}.", hint="Check the path.") from None
    # A pipe or a device would be waited for without end.
    if not stat.S_ISREG(mode) or not os.access(real, os.R_OK):
        raise BadRequest("That is no file that can be read.", hint="Name a CSV, JSONL or Parquet file.")
    return real
