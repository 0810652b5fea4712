from __future__ import annotations

import asyncio

from pulsetrain.http.outlets import unread_bytes


def test_a_connection_that_is_gone_has_nothing_unread() -> None:
    """One that the other end reset while a page was read for it has no descriptor to ask; that was an error once."""

    async def body() -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.transport.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert unread_bytes(writer.transport) == 0  # type: ignore[arg-type]  # a Transport

    asyncio.run(body())
