"""The WebSocket over real sockets, with a client that others wrote."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Subprotocol

from pulsetrain.http import reading, ws
from pulsetrain.model.events import NewEvent
from server.sse_site import OTHER, RUN, Site, line, on_site

JSON, MSGPACK = Subprotocol("pulsetrain.v1.json"), Subprotocol("pulsetrain.v1.msgpack")


class Talk:
    """One WebSocket, in decoded messages."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def next(self, op: str | None = None) -> dict[str, Any]:
        """The next message, or the next with this `op`; others than heartbeats must not come between."""
        while True:
            raw = await self.socket.recv()
            found: dict[str, Any] = (msgspec.json if isinstance(raw, str) else msgspec.msgpack).decode(raw)  # type: ignore[arg-type]
            if op is None or found["op"] == op:
                return found
            assert op is not None and found["op"] in ("heartbeat", "live", "hello", "ready", "events"), found

    async def say(self, **message: Any) -> None:
        packed = self.socket.subprotocol == MSGPACK
        encoder = msgspec.msgpack if packed else msgspec.json
        body = encoder.encode(message)
        await self.socket.send(body if packed else body.decode())

    async def events(self, count: int, sub: int = 0) -> list[dict[str, Any]]:
        """The next `count` events of one subscription."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = await self.next("events")
            if message["sub"] == sub:
                found += message["events"]
                assert message["cursor"].endswith(f"-{found[-1]['seq']}")
        return found

    async def seqs(self, count: int, sub: int = 0) -> list[int]:
        return [event["seq"] for event in await self.events(count, sub)]

    async def code(self) -> int:
        """The code of the close frame that ends this."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code


@contextlib.asynccontextmanager
async def talk(site: Site, query: str = "", *subprotocols: Subprotocol, **how: Any) -> AsyncIterator[Talk]:
    url = f"ws://127.0.0.1:{site.port}/api/events{query}"
    async with connect(url, subprotocols=subprotocols or None, proxy=None, **how) as socket:
        yield Talk(socket)


@pytest.mark.parametrize("subprotocol", [JSON, MSGPACK])
@pytest.mark.parametrize("ring", [8192, 16], ids=["from memory", "from the store"])
def test_the_same_events_in_batches_as_on_the_stream(tmp_path: Path, subprotocol: Subprotocol, ring: int) -> None:
    async def body(site: Site) -> None:
        for n in range(0, 60, 20):
            await site.append(*(line(f"{k} ü\r\n\0", (RUN, OTHER)[k % 2]) for k in range(n, n + 20)))
        stream = await site.get("?cursor=0")
        said = [frame.data for frame in (await stream.until(lambda frame: frame.event == "live"))[1:-1]]
        async with talk(site, "?cursor=0", subprotocol) as reader:
            assert reader.socket.subprotocol == subprotocol
            assert (await reader.next())["op"] == "ready"
            assert (await reader.next())["op"] == "hello"
            assert await reader.events(60) == said
            assert (await reader.next())["op"] == "live"
            await site.append(line("new"))
            assert await reader.seqs(1) == [61]

    on_site(tmp_path, body, ring_events=ring)


def test_several_filters_on_one_connection_each_with_its_own_cursor(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await site.append(*(line(run=(RUN, OTHER)[n % 2]) for n in range(10)))
        generation = site.log.view().generation
        async with talk(site) as reader:
            assert (await reader.next())["op"] == "ready"
            await reader.say(op="subscribe", sub=1, cursor="0", run=[RUN])
            await reader.say(op="subscribe", sub=2, cursor=f"{generation}-6", run=[OTHER], type=["run.*"])
            assert await reader.seqs(5, sub=1) == [1, 3, 5, 7, 9]
            assert await reader.seqs(2, sub=2) == [8, 10]
            await site.append(line(run=OTHER), line(run=RUN))
            got = [await reader.next("events") for _ in range(2)]
            assert sorted((one["sub"], one["events"][0]["seq"]) for one in got) == [(1, 12), (2, 11)]

            await reader.say(op="unsubscribe", sub=1)
            gone = await reader.next("unsubscribed")
            assert gone["cursor"] == f"{generation}-12"
            await site.append(line(run=RUN), line(run=OTHER))
            assert await reader.next("events") == {
                "op": "events", "sub": 2, "cursor": f"{generation}-14", "events": [await event_at(site, 14)],
            }  # fmt: skip
            await reader.say(op="subscribe", sub=1, cursor=gone["cursor"], run=[RUN])
            assert await reader.seqs(1, sub=1) == [13], "what came in between is not lost"

    on_site(tmp_path, body)


async def event_at(site: Site, seq: int) -> Any:
    return msgspec.json.decode((await site.log.read(seq - 1, 1)).events[0].body)


def test_a_subscription_that_cannot_be_followed_is_an_error_and_the_connection_goes_on(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        async with talk(site) as reader:
            await reader.say(op="subscribe", sub=1)
            wrong: list[tuple[dict[str, Any], str]] = [
                ({"sub": 1}, "is open"),
                ({"sub": "x"}, "0 to 65535"),
                ({"sub": 70_000}, "0 to 65535"),
                ({"sub": True}, "0 to 65535"),
                ({}, "0 to 65535"),
                ({"sub": 2, "run": ["nonsense"]}, "not a run id"),
                ({"sub": 2, "type": "Run"}, "not a type"),
                ({"sub": 2, "type": [3]}, "list of texts"),
                ({"sub": 2, "cursor": 3}, "'cursor' is a text"),
                ({"sub": 2, "latest": "1s"}, "number of seconds"),
                ({"sub": 2, "latest": 0}, "0.1 to 60"),
                ({"sub": 2, "until": "end"}, "has no 'until'"),
            ]
            for fields, says in wrong:
                await reader.say(op="subscribe", **fields)
                error = await reader.next("error")
                assert says in error["error"]["message"] and error["error"]["code"] == "bad_request"
            await reader.say(op="unsubscribe", sub=9)
            assert "no subscription 9" in (await reader.next("error"))["error"]["message"]
            for sub in range(2, 102):
                await reader.say(op="subscribe", sub=sub)
                if sub == 90:
                    await asyncio.sleep(0)  # lets the server read on; the limit on frames has credit for this many
            while (message := await reader.next())["op"] != "error":
                assert message["op"] in ("hello", "live", "heartbeat")
            assert "At most 100" in message["error"]["message"]

    on_site(tmp_path, body)


def test_a_position_that_cannot_be_served_is_said_aloud(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await site.append(*(line() for _ in range(40)))
        await site.log.trim(30)
        generation = site.log.view().generation
        for cursor, reason in (
            ("nonsense", "malformed"), ("abcdefgh-1", "generation"), (f"{generation}-20", "trimmed"),
            (f"{generation}-41", "ahead"),
        ):  # fmt: skip
            async with talk(site, f"?cursor={cursor}&run={RUN}") as reader:
                assert (await reader.next("hello"))["cursor"] is None
                assert await reader.next() == {
                    "op": "reset", "sub": 0, "reason": reason, "cursor": f"{generation}-40", "tail": 40, "oldest": 30,
                    "snapshot": f"/api/runs/{RUN}",
                }  # fmt: skip
                await reader.next("live")
        assert site.hub.meter.resumes == {"malformed": 1, "generation": 1, "trimmed": 1, "ahead": 1}

    on_site(tmp_path, body)


def test_heartbeats_carry_the_cursor_on_and_pings_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "HEARTBEAT_SECONDS", 0.05)

    async def body(site: Site) -> None:
        async with talk(site, f"?run={OTHER}") as reader:
            await site.append(line(), line(), line())
            while (beat := await reader.next("heartbeat"))["tail"] < 3:
                pass
            assert beat["cursor"].endswith("-3")
            await reader.say(op="ping", id={"a": 1})
            assert await reader.next("pong") == {"op": "pong", "id": {"a": 1}}
            await (await reader.socket.ping())

    on_site(tmp_path, body)


def test_a_quiet_client_is_pinged_and_a_dead_one_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws, "PING_SECONDS", 0.5)

    async def body(site: Site) -> None:
        async with talk(site, "?cursor=now") as alive, talk(site, "?cursor=now", ping_interval=None) as dead:
            await dead.next("live")
            dead.socket.transport.pause_reading()  # it answers no ping any more
            while site.hub.meter.lanes["websocket"].connections > 1:  # noqa: ASYNC110 (nothing announces it)
                await asyncio.sleep(0.01)
            await site.append(line())
            assert await alive.seqs(1) == [1]
            dead.socket.transport.abort()

    on_site(tmp_path, body)


def test_a_batch_is_deflated_once_for_all_and_inflates_to_the_same(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        made: list[int] = []
        before = ws.message_frame

        def counting(payload: bytes, *, binary: bool, window_bits: int | None = None) -> bytes:
            if window_bits is not None:
                made.append(len(payload))
            return before(payload, binary=binary, window_bits=window_bits)

        ws.message_frame = counting  # type: ignore[attr-defined]  # to count what is made
        try:
            async with contextlib.AsyncExitStack() as stack:
                readers = [await stack.enter_async_context(talk(site, "?cursor=now")) for _ in range(20)]
                plain = await stack.enter_async_context(talk(site, "?cursor=now", compression=None))
                small = [ClientPerMessageDeflateFactory(server_max_window_bits=9)]
                narrow = await stack.enter_async_context(talk(site, "?cursor=now", compression=None, extensions=small))
                for reader in [*readers, plain, narrow]:
                    await reader.next("live")
                await site.append(*(line("again and again " * 20) for _ in range(30)))
                wanted = [await event_at(site, seq) for seq in range(1, 31)]
                for reader in [*readers, plain, narrow]:
                    assert await reader.events(30) == wanted
        finally:
            ws.message_frame = before  # type: ignore[attr-defined]
        assert len(made) == 2, "once for the usual window and once for the narrow one"

    on_site(tmp_path, body)


def test_one_who_does_not_read_loses_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        async with talk(site, "?cursor=0", max_queue=1) as slow, talk(site, "?cursor=0") as fast:
            await slow.next("live")
            slow.socket.transport.pause_reading()
            for _ in range(120):
                await site.append(line("x" * 100_000))
            assert await fast.seqs(120) == list(range(1, 121))
            slow.socket.transport.resume_reading()
            assert await slow.seqs(120) == list(range(1, 121))

    on_site(tmp_path, body, ring_bytes=1_000_000)


def test_draining_says_bye_with_a_time_of_its_own_for_each(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        async with contextlib.AsyncExitStack() as stack:
            readers = [await stack.enter_async_context(talk(site, "?cursor=now")) for _ in range(5)]
            waiting = await stack.enter_async_context(talk(site))
            for reader in readers:
                await reader.next("live")
            await site.hub.drain("restart")
            readers.append(waiting)
            readers.append(await stack.enter_async_context(talk(site, "?cursor=now")))
            said = [await reader.next("bye") for reader in readers]
            assert {one["reason"] for one in said} == {"restart"}
            assert len({one["retry_seconds"] for one in said}) > 1
            assert [await reader.code() for reader in readers] == [1012] * 7
        assert site.hub.readers == 0 and site.hub.meter.lanes["websocket"].connections == 0

    on_site(tmp_path, body)


def test_too_many_readers_are_asked_to_back_off(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        async with talk(site, "?cursor=now") as first:
            await first.next("live")
            async with talk(site, "?cursor=now") as second:
                assert (await second.next("bye"))["reason"] == "busy"
                assert await second.code() == 1013

    on_site(tmp_path, body, max_readers=1)


def test_what_is_no_message_of_ours_ends_in_the_code_that_says_so(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        said: list[tuple[Subprotocol, str | bytes, int]] = [
            (JSON, "{", 4400), (JSON, "[]", 4400), (JSON, '{"op":"nope"}', 4400), (JSON, "{}", 4400),
            (JSON, '{"op":"%s"}' % ("ü" * 200), 4400),
            (JSON, b"{}", 1003), (MSGPACK, "{}", 1003), (MSGPACK, b"\xc1", 1007), (MSGPACK, b"\x90", 1007),
            (JSON, "[" * 60_000, 4400), (JSON, "x" * 70_000, 1009), (JSON, "x" * 200_000, 1009),
        ]  # fmt: skip
        for subprotocol, message, code in said:
            async with talk(site, "", subprotocol) as reader:
                await reader.next("ready")
                with contextlib.suppress(ConnectionClosed):
                    await reader.socket.send(message)
                assert await reader.code() == code, (message[:20], code)
        async with talk(site, "", compression=None) as reader:
            with contextlib.suppress(ConnectionClosed):
                for _ in range(300):
                    await reader.socket.ping()
            assert await reader.code() == 1008

    on_site(tmp_path, body)


def test_a_handshake_that_cannot_be_followed_is_refused_with_words(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        for query, subprotocols, says in (
            ("", (Subprotocol("soap"),), "not spoken here"), ("?since=1", (), "Unknown parameter"),
            ("?run=x", (), "not a run id"), ("?wait=1", (), "Unknown parameter"),
        ):  # fmt: skip
            with pytest.raises(InvalidStatus) as refused:
                async with talk(site, query, *subprotocols):
                    pass
            assert refused.value.response.status_code == 400
            assert says in bytes(refused.value.response.body or b"").decode()

    on_site(tmp_path, body)


def test_a_stream_until_the_end_of_a_run_closes_as_finished(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await site.append(
            NewEvent("run.created", {"name": "one"}, RUN), NewEvent("run.status", {"state": "running"}, RUN)
        )
        async with talk(site, f"?cursor=0&run={RUN}&until=end") as reader:
            assert await reader.seqs(2) == [1, 2]
            await site.append(line(), line(run=OTHER))
            await site.append(NewEvent("run.status", {"state": "succeeded"}, RUN))
            assert await reader.seqs(2) == [3, 5]
            assert (await reader.next("bye"))["reason"] == "finished"
            assert await reader.code() == 4410
        async with talk(site, f"?cursor=0&run={RUN}&type=run.created&until=end") as late:
            assert await late.seqs(3) == [1, 2, 5], "its states are said whatever types were asked for"
            assert await late.code() == 4410

    on_site(tmp_path, body)
