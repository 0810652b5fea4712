"""The composition root: the only module that names adapters."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
import uvloop

from pulsetrain.adapters.local.executor import LocalExecutor
from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core import trainers
from pulsetrain.core.artifacts import Artifacts
from pulsetrain.core.datasets import Datasets, Examples, Uploads
from pulsetrain.core.deployments import Deployments
from pulsetrain.core.history import History
from pulsetrain.core.host import Host
from pulsetrain.core.hub import Hub
from pulsetrain.core.ingest import Ingest
from pulsetrain.core.leases import Leases
from pulsetrain.core.machine import machine_of
from pulsetrain.core.models import Models
from pulsetrain.core.pasts import Pasts
from pulsetrain.core.preparation import Preparation
from pulsetrain.core.repeats import Repeats
from pulsetrain.core.runs import Runs
from pulsetrain.core.scheduler import Scheduler
from pulsetrain.core.settings import Settings
from pulsetrain.core.tokens import Tokens
from pulsetrain.core.trainers import Trainers
from pulsetrain.core.watchdogs import Watchdogs
from pulsetrain.http.app import make_app
from pulsetrain.http.services import Services
from pulsetrain.http.transport import HandshakeProtocol, RequestProtocol
from pulsetrain.model.errors import DataFolderInUse, DataFolderUnusable, PortInUse, PulsetrainError, RunNotActive

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0
"""How long a server that ends waits for the runs that it stops: their grace, and some more."""


class SystemClock:
    """The machine's own time."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@contextlib.contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """`path`, made if need be and held by this process alone. Raises DataFolderUnusable or DataFolderInUse."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("a+")
    except OSError as problem:
        raise DataFolderUnusable(
            f"The data folder {path} cannot be written: {problem.strerror or problem}.",
            hint="Choose another one with --data FOLDER.",
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip() or "another process"
            raise DataFolderInUse(
                f"The data folder {path} belongs to a running server ({who}).",
                hint="Use that one, stop it, or choose another folder with --data.",
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield path


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises PortInUse; any other trouble with the address is a PulsetrainError too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. Without it, an answer's body waits 40 ms for the acknowledgement of its head.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.bind((host, port))
        # Two sockets may bind one port with SO_REUSEADDR; only one may listen.
        bound.listen(2048)
    except OSError as problem:
        bound.close()
        if problem.errno in (98, 48):
            raise PortInUse(
                f"Port {port} on {host} is in use.", hint=f"Choose another one, for instance --port {port + 1}."
            ) from None
        raise PulsetrainError(
            f"The server cannot listen on {host}:{port}: {problem.strerror or problem}.",
            hint="Check --host and --port.",
        ) from None
    return bound


@dataclass(frozen=True)
class _House:
    """A server that has been put together and not started: what handlers need, and who works behind them."""

    parts: Services
    executor: LocalExecutor
    scheduler: Scheduler
    pasts: Pasts
    watchdogs: Watchdogs


async def _build(settings: Settings, url: Callable[[], str]) -> _House:
    clock = SystemClock()
    log = await SqliteLog.open(settings.data / "pulsetrain.db", durability=settings.durability)
    known = await _trainers(settings)
    machine = await machine_of(settings)
    run_folder = settings.data / "runs"
    executor = LocalExecutor(run_folder, url)
    artifacts = Artifacts(run_folder, settings.artifact_limit)
    datasets = _datasets(settings, log)
    modules = settings.trainer_modules
    preparation = Preparation(run_folder, artifacts, dataset_path=datasets.path, trainer_modules=modules)
    manages_gpus = bool(machine.gpus) or settings.gpus is not None
    pasts = Pasts(log)
    scheduler = Scheduler(log, clock, executor, preparation, machine, pasts, manages_gpus=manages_gpus)
    leases = Leases(log, clock, settings.lease_seconds, settings.lost_after_seconds)
    models = Models(settings.data / "models", log, artifacts, known, clock)
    runs = Runs(log, known, machine=machine, chosen=datasets.chosen)
    parts = Services(
        settings=settings,
        clock=clock,
        log=log,
        hub=Hub(log),
        ingest=Ingest(log, seen=leases.seen, lease_seconds=settings.lease_seconds),
        leases=leases,
        runs=runs,
        repeats=Repeats(log, runs),
        line=scheduler.line,
        history=History(log),
        artifacts=artifacts,
        datasets=datasets,
        examples=Examples(datasets),
        uploads=Uploads(settings.data / "datasets" / ".uploads", datasets),
        models=models,
        deployments=Deployments(settings.data / "deployments.json", models, log, clock, modules),
        trainers=known,
        supervisor_pid=executor.pid,
        host=Host(settings.data),
        started=clock.monotonic(),
    )
    return _House(parts, executor, scheduler, pasts, Watchdogs(log, clock, runs, settings.data))


async def _trainers(settings: Settings) -> Trainers:
    described = await trainers.describe(settings.trainer_modules)
    return Trainers(described if settings.may_run_commands else trainers.without_commands(described))


def _datasets(settings: Settings, log: SqliteLog) -> Datasets:
    folder, limit = settings.data / "datasets", settings.upload_limit
    return Datasets(folder, log, upload_limit=limit, samples=settings.samples, allowed=settings.data_paths)


@contextlib.asynccontextmanager
async def running(settings: Settings, url: Callable[[], str]) -> AsyncIterator[Services]:
    """The parts of a server, started; on leaving, they end in the opposite order. Runs go on."""
    house = await _build(settings, url)
    parts, executor, scheduler = house.parts, house.executor, house.scheduler

    async def recover(run: str) -> None:
        if not await executor.recover(run) and executor.pid(run) is None:
            await scheduler.abandon(run)

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(parts.log.close)
        stack.push_async_callback(executor.close)
        await parts.datasets.start()
        parts.uploads.tidy()
        stack.push_async_callback(parts.datasets.close)
        await parts.models.start()
        stack.push_async_callback(parts.models.close)
        await parts.deployments.start()
        stack.push_async_callback(parts.deployments.close)
        await parts.leases.start(recover)
        stack.push_async_callback(parts.leases.close)
        await parts.hub.warm()
        await house.pasts.start()
        stack.push_async_callback(house.pasts.close)
        await scheduler.start()
        stack.push_async_callback(scheduler.close)
        await house.watchdogs.start()
        stack.push_async_callback(house.watchdogs.close)
        await parts.repeats.start()
        stack.push_async_callback(parts.repeats.close)
        for run in await parts.log.active_runs():
            # After a reboot: to wait for the lapse of their leases would tell us nothing new.
            if run.state != "queued" and executor.is_gone(run.id):
                await executor.recover(run.id)
        yield parts


class _Uvicorn(uvicorn.Server):
    """Uvicorn that says goodbye to its streams first; without it, an open stream would hold the shutdown up."""

    def __init__(
        self, config: uvicorn.Config, goodbye: Callable[[], Awaitable[None]], ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._goodbye = goodbye
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn would raise the signal once more after its shutdown; an end that was asked for is no failure.
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._goodbye()
        await super().shutdown(sockets)


async def serve(settings: Settings, bound: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve on `bound` until SIGINT or SIGTERM; `ready` is told the address once the server answers."""
    url = _url(settings.host, bound)
    async with running(settings, lambda: url) as parts:
        tokens = Tokens(settings.data / "tokens.json", settings.token)
        config = uvicorn.Config(
            make_app(parts, tokens),
            http=RequestProtocol,
            ws=HandshakeProtocol,
            ws_ping_interval=None,  # http/ws.py looks after quiet clients
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=30,
        )

        async def goodbye() -> None:
            if settings.stop_runs_on_exit:
                await _stop_runs(parts)
            await parts.hub.drain()

        await _Uvicorn(config, goodbye, lambda: ready(url)).serve(sockets=[bound])


async def _stop_runs(parts: Services) -> None:
    """Stop what this server started, and wait for it: the supervisors still have a server to tell how it went."""
    moved = asyncio.Event()
    parts.log.on_commit(lambda events: moved.set() if any(one.type == "run.status" for one in events) else None)
    asked: set[str] = set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            while mine := [run for run in await parts.log.active_runs() if run.trainer is not None]:
                # Once each: to one that has answered and is about to end, asking again would mean to hurry.
                for run in [run for run in mine if run.id not in asked]:
                    asked.add(run.id)
                    with contextlib.suppress(RunNotActive):
                        await parts.runs.stop(run.id, by="server")
                await moved.wait()
                moved.clear()


def _url(host: str, bound: socket.socket) -> str:
    port = bound.getsockname()[1]
    # A wildcard is no address to go to; this machine reaches itself on loopback.
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def raise_file_limit() -> None:
    """Let this process have as many files open as the system allows: each reader is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run_server(settings: Settings, ready: Callable[[str], None]) -> None:
    """Own the data folder and the port, then serve until told to end."""
    raise_file_limit()
    with data_folder(settings.data), listen(settings.host, settings.port) as bound:
        # A third of the memory for each open connection, and less for each write, than with asyncio's own loop.
        uvloop.run(serve(settings, bound, ready))
