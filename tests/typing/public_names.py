"""What type checkers see of the public names. Checked by mypy in `test_public_names.py`; never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Literal, assert_type

import pulsetrain
from pulsetrain import AsyncClient, Client, Event, News


def sync() -> None:
    with pulsetrain.Client("http://127.0.0.1:8787", token="secret") as client:
        assert_type(client, Client)
        events = client.events("0", runs=["r_aaaaaaaaaa"], types=["run.*"], latest=1.0)
        assert_type(events, Generator[News, None, None])
        for news in events:
            assert_type(news.event, Event | None)
            assert_type(news.cursor, str)
            if news.event is not None:
                match pulsetrain.typed(news.event):
                    case pulsetrain.RunMetrics(values=values):
                        assert_type(values["loss"][0], float | Literal["NaN", "Infinity", "-Infinity"] | None)
                    case pulsetrain.RunLog(lines=[line, *_]):
                        assert_type(line.text, str)
                    case None:
                        pass
        started = client.start("tabular-gan", dataset="wine.csv", parameters={"epochs": 3})
        assert_type(started.run.id, str)
        for run, news in client.follow(started.run.id):
            assert_type(run.active, bool)
            assert_type(news, News)
        assert_type(client.wait(started.run.id).return_code, int | None)
        assert_type(client.stop(started.run.id), str)
        assert_type(client.command(started.run.id, "stop", {"grace_seconds": 1.0}), str)
        assert_type(client.runs().total, int)
        assert_type(client.series(started.run.id, "loss").series["loss"].value, list[float])
        assert_type(client.logs(started.run.id).before, int | None)
        assert_type([dataset.id for dataset in client.datasets()], list[str])


async def asynchronous() -> None:
    async with pulsetrain.AsyncClient() as client:
        assert_type(client, AsyncClient)
        assert_type(client.events(), AsyncGenerator[News, None])
        async for run, news in client.follow("r_aaaaaaaaaa"):
            assert_type(run.name, str)
            assert_type(news.about == "live", bool)
        assert_type((await client.wait("r_aaaaaaaaaa")).name, str)
        assert_type(await client.stop("r_aaaaaaaaaa"), str)


def wrong(client: Client, news: News) -> None:
    client.start(7)  # type: ignore[arg-type]
    client.events(run="r_aaaaaaaaaa")  # type: ignore[call-arg]
    client.dance()  # type: ignore[attr-defined]
    news.event.type  # type: ignore[union-attr]  # noqa: B018
    news.about == "lives"  # type: ignore[comparison-overlap]  # noqa: B015
    news.cursor = "0"  # type: ignore[misc]


def training() -> None:
    run: pulsetrain.Run = pulsetrain.init(project="digits")
    run.log({"loss": 0.5}, step=1)
    try:
        pulsetrain.Client().run("r_aaaaaaaaaa")
    except pulsetrain.Refused as refused:
        assert_type(refused.reason, str)
    except pulsetrain.Unreachable as lost:
        assert_type(lost.hint, str)
