"""`python -m pulsetrain.supervisor.gpus`: the GPUs of this machine as JSON, for the server.

A process of its own, so that the server does not hold the driver's library.
"""

from __future__ import annotations

import sys

import msgspec

from .sample import Gpus


def main() -> None:
    sys.stdout.buffer.write(msgspec.json.encode(Gpus().known()) + b"\n")


if __name__ == "__main__":
    main()
