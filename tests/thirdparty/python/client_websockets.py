"""pip `websockets`: its connection comes back by itself; the cursor goes into a `subscribe`."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

from printing import URL, tell_batch
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def main() -> None:
    parts = urlsplit(URL)
    runs = parse_qs(parts.query)["run"]
    cursor = "0"
    async for socket in connect(f"ws://{parts.netloc}{parts.path}", subprotocols=["pulsetrain.v1.json"], max_size=None):
        try:
            await socket.send(json.dumps({"op": "subscribe", "sub": 7, "run": runs, "cursor": cursor}))
            async for text in socket:
                message = json.loads(text)
                cursor = message.get("cursor") or cursor
                if message["op"] == "events":
                    tell_batch(message)
        except ConnectionClosed:
            continue


asyncio.run(main())
