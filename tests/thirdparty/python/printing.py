"""What every client here prints: a line of JSON for each event, in the order in which the client was given it."""

from __future__ import annotations

import json
import sys
from typing import Any

URL = sys.argv[1] if len(sys.argv) > 1 else ""
PAUSE = 0.2
"""Seconds before a client that is left to its user comes back."""


def tell(id: str, data: str) -> None:
    print(json.dumps({"id": id, "data": data}), flush=True)


def tell_batch(message: dict[str, Any]) -> None:
    """The events of a message of a WebSocket."""
    generation = message["cursor"].partition("-")[0]
    for event in message["events"]:
        tell(f"{generation}-{event['seq']}", json.dumps(event))
