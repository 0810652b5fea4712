from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import pytest

from pulsetrain.http.delivery import STALL_SECONDS, Watch
from pulsetrain.http.outlets import chunked, unread_bytes


class Transport:
    """As much of a transport as the watch looks at; `unread` is what the other end has not taken."""

    def __init__(self) -> None:
        self.unread = 100_000
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unread

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.aborted = True


def watching(body: Callable[[Transport, Watch], None]) -> Transport:
    """Have `body` look at a transport with a watch that has begun at second 0."""
    transport = Transport()

    async def main() -> None:
        body(transport, started(transport, 0.0))

    asyncio.run(main())
    return transport


def started(transport: Transport, second: float) -> Watch:
    """A watch over a write that began at `second`."""
    watch = Watch(cast(asyncio.Transport, transport), lambda: None)
    watch._since = second
    return watch


def test_a_slow_socket_is_waited_for_and_a_dead_one_is_not() -> None:
    def body(transport: Transport, watch: Watch) -> None:
        for second in range(0, 600, 5):
            transport.unread -= 1
            watch.look(float(second))
        assert not transport.aborted, "a byte in five seconds is progress"
        for waited in range(0, int(STALL_SECONDS), 5):
            watch.look(595.0 + waited)
            assert not transport.aborted
        watch.look(595.0 + STALL_SECONDS)

    assert watching(body).aborted


def test_a_write_that_ended_is_progress() -> None:
    def body(transport: Transport, watch: Watch) -> None:
        for second in range(0, 300, 5):
            write = started(transport, float(second))
            write.look(float(second))
            write.end()

    assert not watching(body).aborted


def test_bytes_that_wait_in_the_kernel_count_as_unread() -> None:
    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        connection = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        _, writer = await asyncio.open_connection(sock=connection)
        writer.write(b"x" * 10_000_000)
        before = unread_bytes(writer.transport)
        assert writer.transport.get_write_buffer_size() < before <= 10_000_000
        accepted.settimeout(10)
        taken = len(accepted.recv(10_000_000))
        assert taken > 0 and unread_bytes(writer.transport) <= before
        for one in (accepted, listener):
            one.close()
        writer.transport.abort()

    asyncio.run(main())


@pytest.mark.parametrize("size", [1, 15, 16, 100_000])
def test_chunks(size: int) -> None:
    head, _, rest = chunked(b"x" * size).partition(b"\r\n")
    assert int(head, 16) == size and rest == b"x" * size + b"\r\n"
