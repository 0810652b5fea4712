"""Both clients read the log alike, through everything: a killed server, a proxy that refuses streams, cancellation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

from conftest import StartServer
from live import LiveServer
from pulsetrain.model.events import Event
from pulsetrain.sdk.answers import News
from pulsetrain.sdk.async_client import AsyncClient
from pulsetrain.sdk.client import Client
from pulsetrain.sdk.reader import Pace
from server.grudging_proxy import GrudgingProxy, Mood

QUICK = Pace(longest_seconds=0.05, again_seconds=0.2, longest_again_seconds=0.2, answer_seconds=1.0, wait_seconds=1)
Which = Literal["sync", "async"]
both = pytest.mark.parametrize("which", get_args(Which))


class Producer:
    """A run that says lines."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        answer = server.post("/api/runs", json={"command": ["x"], "name": "said"})
        self.id: str = answer["run"]["id"]
        self._headers = {"Authorization": f"Bearer {answer['token']}"}
        self._n = 0

    def say(self, *lines: str) -> None:
        """Each line in an event of its own; they are in the log on return."""
        for line in lines:
            self._n += 1
            data = {"lines": [{"stream": "stdout", "text": line, "time": 1.0, "level": None}]}
            self._post([{"n": self._n, "type": "run.log", "time": "2026-11-20T10:05:05.123456Z", "data": data}])

    def progress(self, percent: float) -> None:
        self._n += 1
        data = {"percent": percent}
        self._post([{"n": self._n, "type": "run.progress", "time": "2026-11-20T10:05:05.123456Z", "data": data}])

    def end(self) -> None:
        self._n += 1
        data = {"state": "succeeded", "return_code": 0}
        self._post([{"n": self._n, "type": "run.status", "time": "2026-11-20T10:05:05.123456Z", "data": data}])

    def _post(self, records: list[dict[str, Any]]) -> None:
        body = {"attempt": 1, "producer": "test", "records": records}
        self._server.post(f"/api/runs/{self.id}/records", json=body, headers=self._headers)


def text(event: Event) -> str:
    return str(event.data["lines"][0]["text"]) if event.type == "run.log" else event.type


def read(which: Which, url: str, each: Callable[[News], bool | None], **how: Any) -> list[Event]:
    """The events that a client reads, until `each` answers True to some news."""
    events: list[Event] = []

    def take(news: News) -> bool:
        if news.event is not None:
            events.append(news.event)
        return bool(each(news))

    async def read_async() -> None:
        async with AsyncClient(url, pace=QUICK) as client, contextlib.aclosing(client.events(**how)) as stream:
            async for news in stream:
                # What the test does meanwhile may take its time; the loop goes on.
                if await asyncio.to_thread(take, news):
                    return

    if which == "async":
        asyncio.run(read_async())
    else:
        with Client(url, pace=QUICK) as client:
            for news in client.events(**how):
                if take(news):
                    break
    return events


@both
def test_a_server_that_is_killed_and_comes_back_costs_no_event(start_server: StartServer, which: Which) -> None:
    server = start_server()
    producer = Producer(server)
    producer.say("1", "2", "3")
    about: list[str] = []

    def each(news: News) -> bool:
        about.append(news.about)
        line = text(news.event) if news.event else ""
        if line == "2":
            producer.say("4", "5")
            server.kill()
            server.start()
            producer.say("6")
        elif line == "6":
            server.kill()
            server.start()
            producer.say("7")
        return line == "7"

    events = read(which, server.url, each, cursor="0", runs=[producer.id])
    assert [text(event) for event in events] == ["run.created", "run.status", *"1234567"]
    logged = server.events(producer.id, lambda event: "7" in str(event["data"]))
    assert [event.seq for event in events] == [event["seq"] for event in logged]
    assert about.count("online") >= 2 and "reset" not in about


def test_both_clients_read_the_same(start_server: StartServer) -> None:
    server = start_server()
    producers = [Producer(server) for _ in range(3)]
    for n in range(20):
        producers[n % 3].say(str(n))
    found: dict[str, list[Any]] = {"sync": [], "async": []}
    for which in get_args(Which):

        def each(news: News, found: list[Any] = found[which]) -> bool:
            found.append(news)
            return news.about == "live"

        read(which, server.url, each, cursor="0", types=["run.log", "run.created"])
    assert found["sync"] == found["async"]
    assert len(found["sync"]) == 24


@both
@pytest.mark.parametrize("mood", ["cut", "hold"])
def test_who_cannot_stream_gets_everything_and_streams_again_once_he_can(
    start_server: StartServer, which: Which, mood: Mood
) -> None:
    server = start_server()
    producer = Producer(server)
    producer.say(*"123")
    with GrudgingProxy(server.port).running() as proxy:
        proxy.mood = mood

        def each(news: News) -> bool:
            line = text(news.event) if news.event else ""
            if line == "3":
                assert proxy.streams >= 5, "it has tried to stream"
                producer.say("4")
            elif line == "4":
                # From here on only a stream can bring the rest.
                proxy.mood = "streams alone"
                producer.say("5")
            elif line == "5":
                producer.say("6")
            return line == "6"

        events = read(which, proxy.url, each, cursor="0", runs=[producer.id])
        assert [text(event) for event in events] == ["run.created", "run.status", *"123456"]
        assert proxy.answers >= 2, "pages"


def test_a_cursor_goes_on_in_the_other_client_and_by_the_other_transport(start_server: StartServer) -> None:
    server = start_server()
    producer = Producer(server)
    producer.say(*"123456")
    cursor = "0"
    seen: list[str] = []
    with GrudgingProxy(server.port).running() as proxy:
        proxy.mood = "cut"
        for which, url in (("sync", server.url), ("async", proxy.url), ("async", server.url), ("sync", proxy.url)):
            part: list[News] = []

            def each(news: News, part: list[News] = part) -> bool:
                part.extend([news] if news.event else [])
                return len(part) == 2

            read(which, url, each, cursor=cursor, runs=[producer.id])  # type: ignore[arg-type]
            cursor = part[-1].cursor
            seen += [text(news.event) for news in part if news.event]
    assert seen == ["run.created", "run.status", *"123456"]


@both
@pytest.mark.parametrize("mood", ["through", "cut"])
def test_what_latest_leaves_out_is_counted(start_server: StartServer, which: Which, mood: Mood) -> None:
    server = start_server()
    producer = Producer(server)
    for percent in range(9):
        producer.progress(percent)
    producer.say("end")
    skipped: list[int] = []

    def each(news: News) -> bool:
        skipped.append(news.skipped)
        return news.event is not None and text(news.event) == "end"

    with GrudgingProxy(server.port).running() as proxy:
        proxy.mood = mood
        events = read(which, proxy.url, each, cursor="0", runs=[producer.id], latest=0.5)
    shown = [event for event in events if event.type == "run.progress"]
    assert [event.data["percent"] for event in shown] == [8] and sum(skipped) == 8


@both
def test_a_run_is_followed_to_its_end_through_a_restart(start_server: StartServer, which: Which) -> None:
    server = start_server()
    producer = Producer(server)

    def act(news: News) -> None:
        line = text(news.event) if news.event else news.about
        if line == "live" and news.event is None:
            producer.say("1")
        elif line == "1":
            server.kill()
            server.start()
            producer.end()

    async def follow() -> str:
        state = ""
        async with AsyncClient(server.url, pace=QUICK) as client:
            async for run, news in client.follow(producer.id):
                await asyncio.to_thread(act, news)
                state = run.state
            assert (await client.wait(producer.id)).state == state
        return state

    if which == "async":
        assert asyncio.run(follow()) == "succeeded"
        return
    with Client(server.url, pace=QUICK) as client:
        for followed, news in client.follow(producer.id):
            act(news)
            state = followed.state
        assert state == client.wait(producer.id).state == "succeeded"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on which nothing happens."""
    folder: Path = tmp_path_factory.mktemp("quiet")
    server = LiveServer(folder / "data", environment={"PULSETRAIN_HOME": str(folder / "home")})
    yield server.start()
    server.stop()


@pytest.fixture
def proxy(quiet: LiveServer) -> Iterator[GrudgingProxy]:
    with GrudgingProxy(quiet.port).running() as proxy:
        yield proxy


PATIENT = Pace(answer_seconds=60.0, wait_seconds=60)
PAGES = Pace(failures=0, again_seconds=1e9, longest_again_seconds=1e9, answer_seconds=60.0, wait_seconds=60)


@pytest.mark.parametrize(
    ("mood", "pace", "reached"),
    [
        ("hold", PATIENT, lambda proxy, said: proxy.streams == 1),
        ("through", PATIENT, lambda proxy, said: "live" in said),
        ("cut", PAGES, lambda proxy, said: "live" in said and proxy.open == 1),
        ("cut", Pace(first_seconds=60.0, longest_seconds=60.0), lambda proxy, said: "offline" in said),
    ],
    ids=["before the head", "in the stream", "in a long poll", "in a pause"],
)
def test_a_cancelled_iterator_leaves_no_connection(
    proxy: GrudgingProxy, mood: Mood, pace: Pace, reached: Callable[[GrudgingProxy, list[str]], bool]
) -> None:
    proxy.mood = mood
    said: list[str] = []

    async def watch(events: AsyncIterator[News]) -> None:
        async for news in events:
            with proxy.changed:
                said.append(news.about)
                proxy.changed.notify_all()

    async def cancel() -> None:
        async with AsyncClient(proxy.url, pace=pace) as client:
            task = asyncio.create_task(watch(client.events("0")))
            await asyncio.to_thread(proxy.wait_until, lambda: reached(proxy, said), "the place to cancel")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(proxy.wait_until, lambda: proxy.open == 0, "the connection's end")
            proxy.mood = "through"
            assert (await client.runs()).total == 0, "the client can be used on"

    asyncio.run(cancel())


def test_who_leaves_an_iterator_leaves_no_connection(proxy: GrudgingProxy) -> None:
    async def leave() -> None:
        async with AsyncClient(proxy.url, pace=PATIENT) as client:
            async for news in client.events("0"):
                assert news.about == "live"
                break
            await asyncio.to_thread(proxy.wait_until, lambda: proxy.open == 0, "the async connection's end")

    asyncio.run(leave())
    with Client(proxy.url, pace=PATIENT) as client:
        for news in client.events("0"):
            assert news.about == "live"
            break
        proxy.wait_until(lambda: proxy.open == 0, "the connection's end")
