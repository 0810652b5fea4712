"""The whole server in this process, without trainers and samples, for tests of data sets and of the dialect."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.artifacts import Artifacts
from pulsetrain.core.datasets import Datasets, Examples, Uploads
from pulsetrain.core.deployments import Deployments
from pulsetrain.core.history import History
from pulsetrain.core.host import Host
from pulsetrain.core.hub import Hub
from pulsetrain.core.ingest import Ingest
from pulsetrain.core.leases import Leases
from pulsetrain.core.line import Line
from pulsetrain.core.models import Models
from pulsetrain.core.repeats import Repeats
from pulsetrain.core.runs import Runs
from pulsetrain.core.settings import Settings
from pulsetrain.core.tokens import Tokens
from pulsetrain.core.trainers import Trainers
from pulsetrain.http.app import make_app
from pulsetrain.http.services import Services
from pulsetrain.http.transport import RequestProtocol
from pulsetrain.model.events import NewEvent
from pulsetrain.model.queue import Grant, Machine
from pulsetrain.model.trainers import Trainer

PATIENCE = 60.0
GAN = Trainer(
    "tabular-gan",
    "Tabular GAN",
    data="csv",
    stages=["Train"],
    parameters={
        "type": "object",
        "properties": {"epochs": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 300}},
    },
)
READER = Trainer("reader", "Reader", data="jsonl")


class SystemClock:
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Site:
    """A running server: its parts, and a client that speaks to it over a socket."""

    def __init__(self, parts: Services, client: httpx.AsyncClient, port: int) -> None:
        self.parts, self.client, self.port = parts, client, port

    async def append(self, *events: NewEvent) -> None:
        await self.parts.log.append(lambda _: events)

    async def upload(self, name: str, content: bytes, path: str = "/api/datasets") -> httpx.Response:
        return await self.client.post(path, files={"file": (name, content)})


@asynccontextmanager
async def site(folder: Path, *, upload_limit: int, samples: bool) -> AsyncIterator[Site]:
    pids: dict[str | None, int] = {}
    settings = Settings(folder, upload_limit=upload_limit)
    log = await SqliteLog.open(folder / "log.db", durability="normal")
    clock, trainers = SystemClock(), Trainers([GAN, READER])
    leases = Leases(log, clock, 15.0, 3600.0)
    datasets = Datasets(
        folder / "datasets", log, upload_limit=upload_limit, samples=samples, allowed=[folder / "outside"]
    )
    artifacts = Artifacts(folder / "runs", 1 << 20)
    models = Models(folder / "models", log, artifacts, trainers, clock)
    runs = Runs(log, trainers, chosen=datasets.chosen)
    parts = Services(
        settings=settings,
        clock=clock,
        log=log,
        hub=Hub(log),
        ingest=Ingest(log, seen=leases.seen),
        leases=leases,
        runs=runs,
        line=Line(log, clock, Machine(cores=2, memory_bytes=2**30), granted=lambda run: Grant(1)),
        repeats=Repeats(log, runs),
        history=History(log),
        artifacts=artifacts,
        datasets=datasets,
        examples=Examples(datasets),
        uploads=Uploads(folder / "datasets" / ".uploads", datasets),
        models=models,
        deployments=Deployments(folder / "deployments.json", models, log, clock),
        trainers=trainers,
        supervisor_pid=pids.get,
        host=Host(folder),
        started=clock.monotonic(),
    )
    log.on_commit(lambda events: pids.update({event.run: 4711 for event in events if b'"running"' in event.body}))
    await datasets.start()
    app = make_app(parts, Tokens(folder / "tokens.json", None))
    server = uvicorn.Server(uvicorn.Config(app, http=RequestProtocol, log_level="warning", lifespan="off"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve([listener]))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
                yield Site(parts, client, port)
        finally:
            await parts.hub.drain()
            server.should_exit = True
            await serving
            await datasets.close()
            await log.close()


def on_site(
    folder: Path, body: Callable[[Site], Awaitable[None]], *, upload_limit: int = 1 << 20, samples: bool = False
) -> None:
    """Run `body` against a server over `folder`."""

    async def main() -> None:
        async with site(folder, upload_limit=upload_limit, samples=samples) as here:
            await asyncio.wait_for(body(here), PATIENCE)

    asyncio.run(main())
