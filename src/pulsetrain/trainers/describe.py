"""`python -m pulsetrain.trainers.describe [--trainers MODULE…]`: all trainers as JSON, for the server.

A process of its own, so that the server imports neither learning libraries nor user code.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from .loading import load


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m pulsetrain.trainers.describe", description=__doc__)
    parser.add_argument("--trainers", metavar="MODULE", action="append", default=[], help="a module or a .py file")
    options = parser.parse_args(arguments)
    found, broken = load(options.trainers)
    descriptions = [trainer.description for trainer in found.values()] + broken
    sys.stdout.buffer.write(msgspec.json.encode(descriptions) + b"\n")


if __name__ == "__main__":
    main()
