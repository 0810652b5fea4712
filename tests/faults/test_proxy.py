"""Each fault of the proxy really happens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from faults.proxy import Proxy

PATIENCE = 20.0


class Ends:
    """The two ends of one connection through a proxy, and the proxy between them."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server


async def receive(end: socket.socket, count: int = 65536) -> bytes:
    return await asyncio.get_running_loop().sock_recv(end, count)


async def receive_all(end: socket.socket) -> bytes:
    parts = []
    while part := await receive(end):
        parts.append(part)
    return b"".join(parts)


async def send(end: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(end, data)


def small(end: socket.socket) -> None:
    """Little room in the kernel, so that what is not taken is soon felt."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


@contextlib.asynccontextmanager
async def _ends(prepare: Callable[[Proxy], None]) -> AsyncIterator[Ends]:
    loop = asyncio.get_running_loop()
    with socket.socket() as listener, socket.socket() as client:
        small(listener)
        small(client)
        for one in (listener, client):
            one.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        async with Proxy(listener.getsockname()[1], receive_buffer=4096) as proxy:
            prepare(proxy)
            await loop.sock_connect(client, ("127.0.0.1", proxy.port))
            server, _ = await loop.sock_accept(listener)
            with server:
                server.setblocking(False)
                yield Ends(proxy, client, server)


def through(body: Callable[[Ends], Awaitable[None]], prepare: Callable[[Proxy], None] = lambda proxy: None) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE), _ends(prepare) as ends:
            await body(ends)

    asyncio.run(main())


def test_bytes_and_ends_pass_both_ways() -> None:
    async def body(ends: Ends) -> None:
        data = bytes(range(256)) * 1000
        sending = asyncio.create_task(send(ends.client, data))
        got = b""
        while len(got) < len(data):
            got += await receive(ends.server)
        await sending
        assert got == data
        ends.client.shutdown(socket.SHUT_WR)
        assert await receive(ends.server) == b""
        await send(ends.server, b"answer")
        ends.server.close()
        assert await receive_all(ends.client) == b"answer"

    through(body)


def test_a_slice_is_as_small_as_was_asked_for() -> None:
    async def body(ends: Ends) -> None:
        ends.proxy.down.slice = 1
        await send(ends.server, b"abcdef")
        pieces = [await receive(ends.client) for _ in range(6)]
        assert pieces == [b"a", b"b", b"c", b"d", b"e", b"f"]

    through(body)


def test_delay_holds_each_piece_and_pieces_do_not_queue_up() -> None:
    async def body(ends: Ends) -> None:
        loop = asyncio.get_running_loop()
        ends.proxy.down.delay = 0.5
        began = loop.time()
        for letter in b"abcdefgh":
            await send(ends.server, bytes([letter]))
            await asyncio.sleep(0.02)
        got = b""
        while len(got) < 8:
            got += await receive(ends.client)
            assert loop.time() - began >= 0.5
        assert got == b"abcdefgh"
        assert loop.time() - began < 8 * 0.5

    through(body)


def test_gathered_bytes_come_when_there_are_enough_of_them() -> None:
    async def body(ends: Ends) -> None:
        ends.proxy.down.gather = 10
        await send(ends.server, b"12345")
        receiving = asyncio.create_task(receive(ends.client))
        await asyncio.sleep(0.2)
        assert not receiving.done()
        await send(ends.server, b"67890")
        assert await receiving == b"1234567890"
        await send(ends.server, b"rest")
        ends.server.close()
        assert await receive_all(ends.client) == b"rest"

    through(body)


def test_gathered_bytes_come_when_it_takes_too_long() -> None:
    async def body(ends: Ends) -> None:
        ends.proxy.down.gather, ends.proxy.down.gather_seconds = 1000, 0.1
        await send(ends.server, b"12345")
        assert await receive(ends.client) == b"12345"

    through(body)


@pytest.mark.parametrize("held", ["stop", "rate"])
def test_what_is_not_taken_holds_the_sender_back(held: str) -> None:
    async def body(ends: Ends) -> None:
        setattr(ends.proxy.down, held, {"stop": True, "rate": 100}[held])
        data = bytes(1_000_000)
        sending = asyncio.create_task(send(ends.server, data))
        await asyncio.sleep(0.3)
        assert not sending.done()
        ends.proxy.heal()
        got = 0
        while got < len(data):
            got += len(await receive(ends.client))
        await sending

    through(body)


def test_what_is_swallowed_is_gone_and_so_is_the_end() -> None:
    async def body(ends: Ends) -> None:
        ends.proxy.up.swallow = True
        await send(ends.client, bytes(1_000_000))
        ends.client.close()
        receiving = asyncio.create_task(receive(ends.server))
        await send(ends.server, bytes(1_000_000))
        await asyncio.sleep(0.2)
        assert not receiving.done() and ends.proxy.half_open == 1
        receiving.cancel()
        await ends.proxy.cut()
        with pytest.raises(ConnectionResetError):
            await receive(ends.server)

    through(body)


def test_a_reset_comes_in_the_middle() -> None:
    def prepare(proxy: Proxy) -> None:
        proxy.down.reset_between = (1500, 1500)

    async def body(ends: Ends) -> None:
        await send(ends.server, bytes(1000))
        got = len(await receive(ends.client))
        await send(ends.server, bytes(1000))
        with pytest.raises(ConnectionResetError):
            while True:
                got += len(await receive(ends.client))
        assert got <= 1500
        with pytest.raises(ConnectionResetError):
            await receive(ends.server)

    through(body, prepare)


def test_flapping_resets_what_is_open_again_and_again() -> None:
    async def body(ends: Ends) -> None:
        loop = asyncio.get_running_loop()
        async with ends.proxy.flapping(0.05):
            with pytest.raises(ConnectionResetError):
                await receive(ends.client)
            with socket.socket() as again:
                again.setblocking(False)
                await loop.sock_connect(again, ("127.0.0.1", ends.proxy.port))
                with pytest.raises(ConnectionResetError):
                    await receive(again)
        assert ends.proxy.connections == 0

    through(body)


def test_who_is_refused_hears_a_reset() -> None:
    async def body(ends: Ends) -> None:
        ends.proxy.refuse = True
        with socket.socket() as again:
            again.setblocking(False)
            with pytest.raises(ConnectionError):
                await asyncio.get_running_loop().sock_connect(again, ("127.0.0.1", ends.proxy.port))
                await receive(again)

    through(body)


def test_a_server_that_is_not_there_is_told_by_a_reset() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # Bound and not listening: nobody else gets the port.
            async with Proxy(taken.getsockname()[1]) as proxy:
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()

    asyncio.run(main())
