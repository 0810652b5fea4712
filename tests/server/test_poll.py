"""Pages and long poll over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pulsetrain.model.events import NewEvent
from server.sse_site import OTHER, RUN, Site, line, on_site


class Poller:
    """Asks for pages."""

    def __init__(self, site: Site) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}", trust_env=False, timeout=60)

    async def get(self, query: str, accept: str = "application/json", **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._client.get(f"/api/events{query}", headers={"Accept": accept, **names})

    async def page(self, query: str, **headers: str) -> dict[str, Any]:
        answer = await self.get(query, **headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def seqs(page: dict[str, Any]) -> list[int]:
    return [event["seq"] for event in page["events"]]


@pytest.mark.parametrize("ring", [8192, 16], ids=["from memory", "from the store"])
def test_pages_in_a_row_are_the_stream(tmp_path: Path, ring: int) -> None:
    async def body(site: Site) -> None:
        for first in range(0, 60, 20):
            await site.append(*(line(f"{n}\r\n", (RUN, OTHER)[n % 2]) for n in range(first, first + 20)))
        stream = await site.get("?cursor=0")
        said = [frame.data for frame in (await stream.until(lambda frame: frame.event == "live"))[1:-1]]
        poller, cursor, got = Poller(site), "0", list[Any]()
        for live in (False, False, False, False, False, False, False, False, True):
            page = await poller.page(f"?cursor={cursor}&limit=7")
            assert page["live"] is live and page["tail"] == 60 and page["reset"] is None
            got += page["events"]
            cursor = page["cursor"]
        assert got == said
        packed = await poller.get("?cursor=0", accept="application/msgpack")
        assert packed.headers["content-type"] == "application/msgpack"
        assert msgspec.msgpack.decode(packed.content)["events"] == said
        assert seqs(await poller.page("?cursor=0", last_event_id=f"{site.log.view().generation}-58")) == [59, 60]

    on_site(tmp_path, body, ring_events=ring)


def test_a_poll_waits_for_what_it_wants_and_no_longer_than_asked(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        poller = Poller(site)
        await site.append(line())
        cursor = (await poller.page("?cursor=0"))["cursor"]
        waiting = asyncio.create_task(poller.page(f"?cursor={cursor}&wait=60&run={OTHER}"))
        await readers(site, 1)
        await site.append(line(), line())
        await site.append(line(run=OTHER))
        page = await waiting
        assert seqs(page) == [4] and page["live"]
        empty = await poller.page(f"?cursor={cursor}&wait=1&type=nothing.*")
        assert empty["events"] == [] and empty["cursor"].endswith("-4"), "the filtered reader's cursor moves on"
        await readers(site, 0)

    on_site(tmp_path, body)


async def readers(site: Site, count: int) -> None:
    while site.hub.readers != count:  # noqa: ASYNC110 (nothing announces it)
        await asyncio.sleep(0.005)


def test_a_page_that_is_known_is_not_sent_again(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        poller = Poller(site)
        await site.append(line(), line(), line())
        first = await poller.get("?cursor=0")
        tag = first.headers["etag"]
        same = await poller.get("?cursor=0", If_None_Match=tag)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        other = await poller.get("?cursor=0", accept="application/msgpack", If_None_Match=tag)
        assert other.status_code == 200, "another form is another page"
        waiting = asyncio.create_task(poller.get("?cursor=0&wait=60", If_None_Match=tag))
        await readers(site, 1)
        await site.append(line())
        grown = await waiting
        assert seqs(grown.json()) == [1, 2, 3, 4] and grown.headers["etag"] != tag
        full = await poller.get("?cursor=0&limit=2")
        again = await poller.get("?cursor=0&limit=2&wait=60", If_None_Match=full.headers["etag"])
        assert again.status_code == 304, "a full page never changes, so nobody waits for it"

    on_site(tmp_path, body)


def test_a_position_that_cannot_be_served_is_said_in_the_page(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await site.append(*(line() for _ in range(40)))
        await site.log.trim(30)
        generation = site.log.view().generation
        for cursor, reason in (
            ("nonsense", "malformed"), ("abcdefgh-1", "generation"), (f"{generation}-20", "trimmed"),
            (f"{generation}-41", "ahead"),
        ):  # fmt: skip
            page = await Poller(site).page(f"?cursor={cursor}&wait=60")
            assert page["reset"] == {
                "reason": reason, "cursor": f"{generation}-40", "tail": 40, "oldest": 30, "snapshot": "/api/runs",
            }  # fmt: skip
            assert (page["events"], page["cursor"]) == ([], f"{generation}-40")

    on_site(tmp_path, body)


def test_who_waits_is_answered_when_the_server_ends(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        poller = Poller(site)
        waiting = asyncio.create_task(poller.page("?cursor=0&wait=60"))
        await readers(site, 1)
        await site.hub.drain("restart")
        assert (await waiting)["events"] == []
        busy = await poller.get("?cursor=0", accept="text/event-stream")
        assert "bye" in busy.text

    on_site(tmp_path, body)


def test_one_who_leaves_while_waiting_is_forgotten(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        client = await site.connect("?cursor=0&wait=60", "Accept: application/json")
        await readers(site, 1)
        client.close()
        await readers(site, 0)

    on_site(tmp_path, body)


def test_too_many_readers_are_told_when_to_come_back(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        await site.live()
        answer = await Poller(site).get("?cursor=0")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        assert answer.headers["retry-after"] == "5"

    on_site(tmp_path, body, max_readers=1)


def test_pages_until_the_end_of_a_run(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        poller = Poller(site)
        await site.append(NewEvent("run.created", {"name": "one"}, RUN))
        query = f"?run={RUN}&until=end&cursor="
        first = await poller.page(query + "0")
        assert not first["finished"]
        waiting = asyncio.create_task(poller.page(f"{query}{first['cursor']}&wait=60"))
        await readers(site, 1)
        await site.append(NewEvent("run.status", {"state": "failed"}, RUN))
        last = await waiting
        assert last["finished"] and seqs(last) == [2]
        assert (await poller.page(f"{query}{last['cursor']}&wait=60"))["finished"]
        again = await poller.get(query + "0", accept="text/event-stream", Last_Event_ID=last["cursor"])
        assert again.status_code == 204, "EventSource rests then"
        stream = await poller.get(query + "0", accept="text/event-stream")
        assert stream.text.endswith("\n\n") and '"reason":"finished"' in stream.text.split("event: bye")[1]

    on_site(tmp_path, body)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?wait=61", "'wait'"),
        ("?wait=x", "'wait'"),
        ("?limit=0", "'limit'"),
        ("?limit=501", "limit"),
        ("?since=1", "since"),
    ],
)
def test_a_wrong_request_is_refused_with_words(tmp_path: Path, query: str, says: str) -> None:
    async def body(site: Site) -> None:
        answer = await Poller(site).get(query)
        assert answer.status_code == 400 and says in answer.json()["error"]["message"]

    on_site(tmp_path, body)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("application/msgpack;q=0.9, application/json;q=0.8", "application/msgpack"),
        ("application/json, text/event-stream", "text/event-stream"),
        ("application/json, */*;q=0.1", "application/json"),
        ("text/event-stream;q=0, application/json", "application/json"),
    ],
)
def test_the_accepted_form_is_answered(tmp_path: Path, accept: str, kind: str) -> None:
    async def body(site: Site) -> None:
        client = await site.get("?cursor=0", f"Accept: {accept}")
        assert client.headers["content-type"].startswith(kind)

    on_site(tmp_path, body)


def test_latest_sends_the_newest_of_each_kind_and_says_how_many_it_left_out(tmp_path: Path) -> None:
    def metrics(step: int, *names: str) -> NewEvent:
        return NewEvent("run.metrics", {"step": [step], "time": [1.0], "values": {name: [step] for name in names}}, RUN)

    async def body(site: Site) -> None:
        stream = await site.live("?latest=0.2s")
        await site.append(metrics(1, "a", "b"), metrics(2, "a"), line("kept"), metrics(3, "a", "b"), metrics(4, "a"))
        frames = await stream.until(lambda frame: frame.event == "" and frame.data["seq"] == 5)
        told = [(frame.event, frame.data.get("seq")) for frame in frames if frame.event != "heartbeat"]
        assert told == [("skipped", None), ("", 3), ("", 4), ("", 5)]
        assert frames[0].data == {"cursor": f"{site.log.view().generation}-2", "events": 2} and frames[0].id is not None
        page = await Poller(site).page("?cursor=0&latest=1s")
        assert (seqs(page), page["skipped"]) == ([3, 4, 5], 2)
        await site.append(*(metrics(n, "a") for n in range(6, 106)))
        last = await stream.until(lambda frame: frame.event == "" and frame.data["data"]["step"] == [105])
        assert sum(frame.data["events"] for frame in last if frame.event == "skipped") == 100 - sum(
            frame.event == "" for frame in last
        )
        assert site.hub.meter.skipped >= 4

    on_site(tmp_path, body)
