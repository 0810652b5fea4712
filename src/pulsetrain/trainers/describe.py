"""`python -m pulsetrain.trainers.describe [--trainers MODULE…]`: all trainers as JSON, for the server.

A process of its own, so that the server imports neither learning libraries nor user code.
"""

from __future__ import annotations

import argparse
import inspect
import subprocess
import sys
from pathlib import Path

import msgspec

from pulsetrain import __version__

from .loading import load
from .registry import Registered


def code_of(trainer: Registered) -> str | None:
    """The commit that the trainer's code lies in, with `+changes` where it differs from it; of ours, the version."""
    if trainer.function.__module__.startswith("pulsetrain."):
        return f"pulsetrain {__version__}"
    try:
        file = inspect.getsourcefile(inspect.unwrap(trainer.function))
        folder = Path(file or "").resolve().parent
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + "+changes" if _git(folder, "status", "--porcelain", ".") else commit
    except (OSError, TypeError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m pulsetrain.trainers.describe", description=__doc__)
    parser.add_argument("--trainers", metavar="MODULE", action="append", default=[], help="a module or a .py file")
    options = parser.parse_args(arguments)
    found, broken = load(options.trainers)
    descriptions = [msgspec.structs.replace(one.description, code=code_of(one)) for one in found.values()] + broken
    sys.stdout.buffer.write(msgspec.json.encode(descriptions) + b"\n")


if __name__ == "__main__":
    main()
