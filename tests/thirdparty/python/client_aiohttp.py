"""pip `aiohttp`'s WebSocket, with MessagePack and compression; it leaves coming back to its user."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
from printing import PAUSE, URL, tell_batch
from yarl import URL as Address


async def main() -> None:
    address = Address(URL)
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                protocols = ("pulsetrain.v1.msgpack",)
                async with session.ws_connect(address, protocols=protocols, compress=15, max_msg_size=0) as socket:
                    async for received in socket:
                        message = msgspec.msgpack.decode(received.data)
                        if message.get("cursor"):
                            address = address.update_query(cursor=message["cursor"])
                        if message["op"] == "events":
                            tell_batch(message)
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(PAUSE)


asyncio.run(main())
