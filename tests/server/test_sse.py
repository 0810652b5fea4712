"""The stream over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from pathlib import Path

import httpx
import pytest

from pulsetrain.core.ring import HubPage
from pulsetrain.http import delivery, reading
from pulsetrain.model.events import NewEvent
from server.sse_site import OTHER, RUN, Frame, Site, line, on_site


async def replay(site: Site, query: str, *headers: str) -> list[Frame]:
    """What a reader is told from its start until it is live."""
    client = await site.get(query, *headers)
    frames = await client.until(lambda frame: frame.event == "live")
    client.close()
    return frames


async def gone(site: Site) -> None:
    """Until the server has noticed that all readers left; nothing announces it."""
    while site.hub.readers:  # noqa: ASYNC110 (see above)
        await asyncio.sleep(0.005)


async def fill(site: Site, count: int) -> None:
    await site.append(NewEvent("run.created", {"name": "one"}, RUN), NewEvent("run.created", {"name": "two"}, OTHER))
    for first in range(2, count, 20):
        await site.append(*(line(f"{n}\r\n\0\n\n", (RUN, OTHER)[n % 2]) for n in range(first, min(first + 20, count))))


def test_the_stream_says_hello_events_and_live(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await fill(site, 5)
        client = await site.get("?cursor=0", "Accept: text/event-stream")
        assert client.status == 200
        assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert client.headers["cache-control"] == "no-store"
        assert client.headers["x-accel-buffering"] == "no"
        frames = await client.until(lambda frame: frame.event == "live")
        generation = site.log.view().generation
        assert [(frame.event, frame.id) for frame in frames] == [
            ("hello", f"{generation}-0"),
            *(("", f"{generation}-{seq}") for seq in range(1, 6)),
            ("live", f"{generation}-5"),
        ]
        hello = frames[0].data
        assert hello | {"version": "v"} == {
            "cursor": f"{generation}-0", "tail": 5, "oldest": 1, "generation": generation,
            "heartbeat_seconds": 15.0, "version": "v",
        }  # fmt: skip
        assert b"\nretry: " in frames[0].raw
        assert frames[3].data["data"]["lines"][0]["text"] == "2\r\n\0\n\n"
        await site.append(line("new"))
        assert await client.seqs(1) == [6]

    on_site(tmp_path, body)


@pytest.mark.parametrize("ring", [8192, 16], ids=["from memory", "from the store"])
def test_resuming_anywhere_gives_the_same_bytes(tmp_path: Path, ring: int) -> None:
    async def body(site: Site) -> None:
        watching = await site.live()
        await fill(site, 60)
        live = [frame.raw for frame in [await watching.frame() for _ in range(60)]]
        generation = site.log.view().generation
        for seq in (0, 1, 19, 20, 43, 44, 59, 60):
            for query, *headers in (
                (f"?cursor={generation}-{seq}",),
                ("?cursor=now", f"Last-Event-ID: {generation}-{seq}"),
            ):
                frames = await replay(site, query, *headers)
                assert [frame.raw for frame in frames[1:-1]] == live[seq:]

    on_site(tmp_path, body, ring_events=ring)


def test_filters(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await fill(site, 30)
        await site.append(NewEvent("dataset.created", {"id": "x"}))

        async def seqs(query: str) -> list[int]:
            return [frame.data["seq"] for frame in (await replay(site, "?cursor=0&" + query))[1:-1]]

        assert await seqs("type=run.created&type=dataset.*") == [1, 2, 31]
        assert await seqs(f"run={OTHER}&type=run.created") == [2]
        assert await seqs(f"run={RUN}&run={OTHER}") == list(range(1, 31))
        assert await seqs("type=nothing.like.it") == []

    for ring in (8192, 4):
        (tmp_path / str(ring)).mkdir()
        on_site(tmp_path / str(ring), body, ring_events=ring)


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        ("nonsense", "malformed"),
        ("abcdefgh-1", "generation"),
        ("{generation}-20", "trimmed"),
        ("{generation}-41", "ahead"),
    ],
)
def test_a_cursor_that_cannot_be_served_is_said_aloud(tmp_path: Path, cursor: str, reason: str) -> None:
    async def body(site: Site) -> None:
        await fill(site, 40)
        await site.log.trim(30)
        generation = site.log.view().generation
        client = await site.get(f"?run={RUN}", "Last-Event-ID: " + cursor.format(generation=generation))
        hello, reset, live = await client.until(lambda frame: frame.event == "live")
        assert (hello.id, hello.data["cursor"]) == (None, None)
        assert reset.event == "reset" and reset.id == live.id == f"{generation}-40"
        assert reset.data == {
            "reason": reason, "cursor": f"{generation}-40", "tail": 40, "oldest": 30, "snapshot": f"/api/runs/{RUN}",
        }  # fmt: skip
        await site.append(line("after"))
        assert await client.seqs(1) == [41]

    on_site(tmp_path, body)


def test_a_reader_that_retention_overtakes_hears_a_reset(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await fill(site, 3)
        client = await site.get("?cursor=0", receive_buffer=4096)
        assert await client.seqs(3) == [1, 2, 3]
        for _ in range(40):
            await site.append(line("x" * 100_000))
        await site.log.trim(43)
        await site.append(line("last"))
        frames = await client.until(lambda frame: frame.event == "reset")
        seqs = [frame.data["seq"] for frame in frames if frame.event == ""]
        assert seqs == list(range(4, 4 + len(seqs))) and len(seqs) < 40
        assert frames[-1].data["reason"] == "trimmed"
        await site.append(line("more"))
        assert await client.seqs(1) == [int(frames[-1].data["cursor"].partition("-")[2]) + 1]

    on_site(tmp_path, body, ring_bytes=1000)


def test_heartbeats_carry_a_filtered_cursor_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "HEARTBEAT_SECONDS", 0.05)

    async def body(site: Site) -> None:
        client = await site.live(f"?run={OTHER}")
        await fill(site, 2)
        assert await client.seqs(1) == [2]
        await site.append(line(), line(), line())
        frames = await client.until(lambda frame: frame.event == "heartbeat" and frame.data["tail"] == 5)
        generation = site.log.view().generation
        assert frames[-1].id == frames[-1].data["cursor"] == f"{generation}-5"
        assert all(frame.event == "heartbeat" for frame in frames)
        await site.append(line(run=OTHER))
        await client.until(lambda frame: frame.event == "" and frame.data["seq"] == 6)

    on_site(tmp_path, body)


def test_readers_at_one_place_share_the_same_bytes(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        clients = [await site.live() for _ in range(20)]
        before = HubPage.sse
        made: set[int] = set()

        def counting(page: HubPage) -> bytes:
            joined = before(page)
            made.add(id(joined))
            kept.append(joined)
            return joined

        kept: list[bytes] = []
        HubPage.sse = counting  # type: ignore[method-assign]  # to count what is made
        try:
            await site.append(line("a"), line("b"))
            read = [[(await client.frame()).raw for _ in range(2)] for client in clients]
        finally:
            HubPage.sse = before  # type: ignore[method-assign]
        assert len(made) == 1
        assert all(one == read[0] for one in read)

    on_site(tmp_path, body)


def test_one_who_does_not_read_costs_no_memory_and_loses_nothing(tmp_path: Path) -> None:
    count, size = 250, 100_000

    async def body(site: Site) -> None:
        slow = await site.get("?cursor=0", receive_buffer=4096)
        fast = await site.get("?cursor=0")
        await slow.until(lambda frame: frame.event == "live")
        tracemalloc.start()
        try:
            for _ in range(count):
                await site.append(line("x" * size))
            assert await fast.seqs(count) == list(range(1, count + 1))
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert held < 10_000_000, "25 MB went by; the ring and a few shared pages may be held"
        assert await slow.seqs(count) == list(range(1, count + 1))

    on_site(tmp_path, body, ring_bytes=1_000_000)


def test_many_appends_while_reading(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        clients = [await site.live() for _ in range(5)]
        late = [await site.get("?cursor=0") for _ in range(5)]
        await asyncio.gather(*(site.append(line(str(n)), line(str(n))) for n in range(500)))
        for client in clients + late:
            assert await client.seqs(1000) == list(range(1, 1001))

    on_site(tmp_path, body, ring_events=64)


def test_draining_says_bye_and_so_does_a_late_comer_hear(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        clients = [await site.live() for _ in range(3)]
        await site.hub.drain("restart")
        assert site.hub.readers == 0
        clients.append(await site.get())
        for client in clients:
            bye = await client.frame()
            assert client.status == 200 and (bye.event, bye.id) == ("bye", None)
            assert bye.data["reason"] == "restart" and 1 <= bye.data["retry_seconds"] <= 5
            assert b"retry: %d" % round(bye.data["retry_seconds"] * 1000) in bye.raw
            assert await client.body() == b"" and client.ended

    on_site(tmp_path, body)


def test_too_many_readers_are_asked_to_come_back(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        first = await site.live()
        second = await site.get()
        assert (await second.frame()).data["reason"] == "busy"
        first.close()
        await gone(site)
        await site.live()

    on_site(tmp_path, body, max_readers=1)


def test_a_reader_that_leaves_is_forgotten(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        clients = [await site.live() for _ in range(5)]
        assert site.hub.readers == 5
        for client in clients:
            client.close()
        await gone(site)

    on_site(tmp_path, body)


def test_a_dead_socket_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.05)

    async def body(site: Site) -> None:
        client = await site.get("?cursor=0", receive_buffer=4096)
        await client.until(lambda frame: frame.event == "live")
        for _ in range(100):
            await site.append(line("x" * 100_000))
        await gone(site)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
            await client.seqs(100)

    on_site(tmp_path, body)


@pytest.mark.parametrize(
    ("query", "headers", "status", "says"),
    [
        ("?since=1", (), 400, "Unknown parameter 'since'"),
        ("?cursor=0&cursor=1", (), 400, "more than once"),
        ("?run=nonsense", (), 400, "not a run id"),
        ("?type=Run.Log", (), 400, "not a type"),
        ("?type=", (), 400, "not a type"),
        ("?" + "&".join(["type=run.log"] * 101), (), 400, "at most 100"),
        ("?until=now", (), 400, "can only be 'end'"),
        ("?until=end", (), 400, "exactly one 'run'"),
        ("?latest=1", (), 400, "a time like 1s"),
        ("?latest=0.01s", (), 400, "0.1 to 60 seconds"),
        ("", ("Accept: text/html",), 406, "text/event-stream"),
        ("", ("Accept: text/event-stream;q=0",), 406, "text/event-stream"),
    ],
)
def test_a_wrong_request_is_refused_with_words(
    tmp_path: Path, query: str, headers: tuple[str, ...], status: int, says: str
) -> None:
    async def body(site: Site) -> None:
        client = await site.get(query, *headers)
        assert client.status == status
        assert says in (await client.body()).decode()

    on_site(tmp_path, body)


@pytest.mark.parametrize("accept", ["*/*", "text/html, text/*;q=0.5", "TEXT/EVENT-STREAM"])
def test_what_asks_for_a_stream_gets_it(tmp_path: Path, accept: str) -> None:
    async def body(site: Site) -> None:
        assert (await site.get("", f"Accept: {accept}")).status == 200

    on_site(tmp_path, body)


def test_head_tells_the_headers_alone(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        client = await site.get("", method="HEAD")
        assert client.status == 200 and client.headers["content-type"].startswith("text/event-stream")

    on_site(tmp_path, body)


def test_records_come_out_of_the_stream(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        digest = hashlib.sha256(b"token").hexdigest()

        def register(log: object) -> list[NewEvent]:
            log.set_run_token_digest(RUN, digest)  # type: ignore[attr-defined]  # a Transaction
            return [NewEvent("run.created", {"name": "one"}, RUN)]

        await site.log.append(register)
        watching = await site.live()
        record = {"n": 1, "type": "run.progress", "data": {"percent": 5}}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}") as client:
            path, bearer = f"/api/runs/{RUN}/records", {"Authorization": "Bearer token"}
            batch = {"attempt": 1, "producer": "sdk", "records": [record]}
            good = await client.post(path, json=batch, headers=bearer)
            assert (good.status_code, good.json()["last_n"]) == (200, 1)
            frame = await watching.frame()
            assert (frame.data["type"], frame.data["data"]) == ("run.progress", {"percent": 5})
            assert good.json()["cursor"] == frame.id

            refusals = [
                (await client.post(path, json=batch), 401),
                (await client.post(path, content=b"{", headers=bearer), 400),
                (await client.post(path, content=b"{}", headers=bearer), 400),
                (await client.post(path, content=b"[" * 100_000, headers=bearer), 400),
                (await client.post(path, content=b"x", headers=bearer | {"Content-Type": "text/csv"}), 400),
                (await client.post(path, content=b"x" * (8 * 2**20 + 1), headers=bearer), 413),
                (await client.post("/api/runs/r_zzzzzzzzzz/records", json=batch, headers=bearer), 404),
            ]
            assert [answer.status_code for answer, _ in refusals] == [status for _, status in refusals]
            gap = await client.post(path, json=batch | {"records": [record | {"n": 9}]}, headers=bearer)
            assert (gap.status_code, gap.json()["error"]["expected"]) == (409, 2)

    on_site(tmp_path, body)
