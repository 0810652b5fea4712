"""Deployments: named endpoints that keep one version of a model loaded, and switch without dropping a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import (
    BadRequest,
    DeploymentNotFound,
    ModelCannotPredict,
    ModelNotFound,
    NothingToRollBack,
    PredictorFailed,
    PulsetrainError,
)
from pulsetrain.model.events import NewEvent, iso_time
from pulsetrain.ports import Clock, EventLog, Transaction

from .models import Model, Models
from .predictors import Predictor

logger = logging.getLogger(__name__)

METRICS_SECONDS = 5.0
_SPARE = 2
"""So many models that are not deployed stay loaded after they were asked, for the next question."""
_SPARE_SECONDS = 60.0
MAX_ROWS = 10_000
_REMEMBERED = 10_000


class Wanted(msgspec.Struct):
    """What the file says of one endpoint: it survives the server."""

    model: str
    previous: str | None = None


class Deployment(msgspec.Struct, frozen=True):
    """What is told of an endpoint (PROTOCOL §10). The counts are since it began to serve."""

    name: str
    model: str
    version: int | None
    previous: str | None
    state: str
    message: str | None
    predictions: int
    errors: int
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    since: str


class _Endpoint:
    """One name: what shall be served, what is, and how it went."""

    def __init__(self, wanted: Wanted, now: float) -> None:
        self.wanted = wanted
        self.predictor: Predictor | None = None
        self.state = "loading"
        self.message: str | None = None
        self.since = iso_time(now)
        self.changing = asyncio.Lock()
        self.total = self.failed = 0
        self.recent: list[float] = []
        """Seconds of the answers since the last word on them."""
        self.latency: tuple[float | None, float | None] = (None, None)
        """Median and 95th percentile of those before it."""
        self.told = (0, 0)

    def count(self, rows: int, seconds: float) -> None:
        self.total += rows
        self.recent.append(seconds)
        if len(self.recent) > _REMEMBERED:
            del self.recent[: -_REMEMBERED // 2]

    def sum_up(self) -> None:
        """Take the answers so far into `latency`."""
        ordered = sorted(self.recent)
        if ordered:
            self.latency = (ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))])
        self.recent = []


class Deployments:
    """Keeps the endpoints of `file` loaded."""

    def __init__(self, file: Path, models: Models, log: EventLog, clock: Clock, modules: Sequence[str] = ()) -> None:
        self._file = file
        self._models = models
        self._log = log
        self._clock = clock
        self._modules = list(modules)
        self._endpoints: dict[str, _Endpoint] = {}
        self._spare: OrderedDict[str, Predictor] = OrderedDict()
        self._asked: dict[str, float] = {}
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        models.deployed = self.names

    async def start(self) -> None:
        """Load again what was deployed, beside the server's other work."""
        with contextlib.suppress(FileNotFoundError):
            wanted = msgspec.json.decode(await asyncio.to_thread(self._file.read_bytes), type=dict[str, Wanted])
            for name, one in wanted.items():
                self._endpoints[name] = _Endpoint(one, self._clock.time())
                self._spawn(self._reload(name))
        self._spawn(self._tick())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        loaded = [*self._spare.values(), *(one.predictor for one in self._endpoints.values() if one.predictor)]
        await asyncio.gather(*(predictor.close() for predictor in loaded))

    # ---- answers ----

    async def ask(self, id: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Predictions of a model. Raises ModelNotFound, ModelCannotPredict, BadParameters, BadRequest, PredictorFailed.

        An endpoint that serves it answers; otherwise it is loaded for this and a while more.
        """
        _check(rows)
        for name, endpoint in self._endpoints.items():
            if endpoint.wanted.model == id and endpoint.predictor is not None:
                return (await self.ask_deployed(name, rows))[0]
        model = self._models.get(id)
        predictor = await self._loaded(model)
        try:
            return await predictor.predict(rows)
        except PredictorFailed:
            if predictor.alive:
                raise
            return await (await self._loaded(model)).predict(rows)

    async def input(self, id: str) -> dict[str, Any]:
        """The JSON Schema of one row. Raises as `ask`."""
        return (await self._loaded(self._models.get(id))).input

    async def ask_deployed(self, name: str, rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        """Predictions of what is deployed as `name`, and the id of the model that made them. Raises as `ask`."""
        _check(rows)
        endpoint = self._endpoint(name)
        began = self._clock.monotonic()
        try:
            predictor, model = await self._serving(name, endpoint)
            try:
                answers = await predictor.predict(rows)
            except PredictorFailed:
                if predictor.alive:
                    raise
                # Its process is gone, for which the rows may not be to blame: once more with a new one.
                predictor, model = await self._serving(name, endpoint)
                answers = await predictor.predict(rows)
        except PulsetrainError:
            endpoint.failed += 1
            raise
        endpoint.count(len(rows), self._clock.monotonic() - began)
        return answers, model

    # ---- changes ----

    async def deploy(self, id: str, name: str | None = None) -> tuple[Deployment, Cursor]:
        """Serve a model as `name`, once it is loaded; what served before answers until then.

        Raises ModelNotFound, ModelCannotPredict, PredictorFailed or BadRequest.
        """
        model = self._models.get(id)
        name = name or model.name
        if not 1 <= len(name) <= 100 or "/" in name:
            raise BadRequest("A deployment's name has 1 to 100 characters and no '/'.")
        before = self._endpoints.get(name)
        if before is None:
            loaded = await self._open(model)
            endpoint = self._endpoints.setdefault(name, _Endpoint(Wanted(id), self._clock.time()))
            async with endpoint.changing:
                return await self._switch(name, endpoint, model, loaded)
        async with before.changing:
            if self._endpoints.get(name) is not before:
                # It was removed while this waited; what is loaded now would serve nobody and never end.
                raise DeploymentNotFound(f"{name} was removed meanwhile.", hint="Deploy the model again.")
            await self._say(name, before, state="loading", model=model)
            try:
                loaded = await self._open(model)
            except PulsetrainError as problem:
                await self._say(name, before, state="failed", model=model, message=problem.message)
                raise
            return await self._switch(name, before, model, loaded)

    async def roll_back(self, name: str) -> tuple[Deployment, Cursor]:
        """Serve the model before this one again. Raises DeploymentNotFound, NothingToRollBack, or as `deploy`."""
        endpoint = self._endpoint(name)
        nothing = NothingToRollBack(f"{name} has served no other model that is still here.")
        if endpoint.wanted.previous is None:
            raise nothing
        try:
            return await self.deploy(endpoint.wanted.previous, name)
        except ModelNotFound:
            raise nothing from None

    async def remove(self, name: str) -> Cursor:
        """Serve nothing as `name` any more. Raises DeploymentNotFound."""
        endpoint = self._endpoint(name)
        async with endpoint.changing:
            self._endpoints.pop(name, None)
            await asyncio.to_thread(self._write)
            cursor = await self._say(name, endpoint, state="removed", model=None)
            if endpoint.predictor is not None:
                await endpoint.predictor.close()
        return cursor

    def all(self) -> list[Deployment]:
        """What is deployed, by name."""
        return [self._told(name, endpoint) for name, endpoint in sorted(self._endpoints.items())]

    def names(self, id: str) -> list[str]:
        """Where a model is deployed."""
        return [name for name, endpoint in self._endpoints.items() if endpoint.wanted.model == id]

    # ---- how ----

    def _endpoint(self, name: str) -> _Endpoint:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise DeploymentNotFound(f"Nothing is deployed as {name!r}.")
        return endpoint

    async def _switch(
        self, name: str, endpoint: _Endpoint, model: Model, loaded: Predictor
    ) -> tuple[Deployment, Cursor]:
        old, before = endpoint.predictor, endpoint.wanted
        if before.model != model.id:
            endpoint.wanted = Wanted(model.id, before.model)
        endpoint.predictor, endpoint.state, endpoint.message = loaded, "serving", None
        endpoint.since = iso_time(self._clock.time())
        endpoint.total = endpoint.failed = 0
        endpoint.recent, endpoint.told, endpoint.latency = [], (0, 0), (None, None)
        await asyncio.to_thread(self._write)
        cursor = await self._say(name, endpoint, state="serving", model=model)
        if old is not None:
            # It may still be answering: who asked it waits for it, nobody else does.
            self._spawn(old.close())
        return self._told(name, endpoint), cursor

    async def _serving(self, name: str, endpoint: _Endpoint) -> tuple[Predictor, str]:
        """The predictor of an endpoint, loaded anew where its process has died."""
        predictor = endpoint.predictor
        if predictor is not None and predictor.alive:
            return predictor, endpoint.wanted.model
        async with endpoint.changing:
            if self._endpoints.get(name) is not endpoint:
                raise DeploymentNotFound(f"Nothing is deployed as {name!r}.")
            if endpoint.predictor is None or not endpoint.predictor.alive:
                endpoint.predictor = await self._open(self._models.get(endpoint.wanted.model))
                endpoint.state, endpoint.message = "serving", None
            return endpoint.predictor, endpoint.wanted.model

    async def _reload(self, name: str) -> None:
        endpoint = self._endpoints[name]
        model = None
        try:
            model = self._models.get(endpoint.wanted.model)
            await self._serving(name, endpoint)
        except PulsetrainError as problem:
            logger.error("The deployment %s could not be loaded: %s", name, problem.message)
            endpoint.state, endpoint.message = "failed", problem.message
            await self._say(name, endpoint, state="failed", model=model, message=problem.message)

    async def _loaded(self, model: Model) -> Predictor:
        """A model that is not deployed, loaded; the least recently asked one makes room."""
        async with self._opening:
            predictor = self._spare.get(model.id)
            if predictor is None or not predictor.alive:
                predictor = self._spare[model.id] = await self._open(model)
            self._spare.move_to_end(model.id)
            self._asked[model.id] = self._clock.monotonic()
            while len(self._spare) > _SPARE:
                _, oldest = self._spare.popitem(last=False)
                self._spawn(oldest.close())
        return predictor

    async def _open(self, model: Model) -> Predictor:
        if not self._models.predicts(model):
            raise ModelCannotPredict(
                f"{model.name} version {model.version} makes no predictions.",
                hint="Its trainer names no predictor, or is not on this server.",
            )
        assert model.trainer is not None
        return await Predictor.open(model.trainer, self._models.path(model), self._modules)

    async def _tick(self) -> None:
        """Tell what was asked of each endpoint, while it is asked; let go of what nobody asks."""
        while True:
            await asyncio.sleep(METRICS_SECONDS)
            for name, endpoint in list(self._endpoints.items()):
                asked, failed = endpoint.total - endpoint.told[0], endpoint.failed - endpoint.told[1]
                if asked or failed:
                    endpoint.told = (endpoint.total, endpoint.failed)
                    endpoint.sum_up()
                    with contextlib.suppress(PulsetrainError):
                        said = [_metrics(name, endpoint, asked, failed)]
                        await self._log.append(partial(_nothing_but, said))
            now = self._clock.monotonic()
            for id in [id for id in self._spare if now - self._asked[id] > _SPARE_SECONDS]:
                self._spawn(self._spare.pop(id).close())

    async def _say(
        self, name: str, endpoint: _Endpoint, *, state: str, model: Model | None, message: str | None = None
    ) -> Cursor:
        data = {
            "name": name,
            "model": model.id if model else None,
            "version": model.version if model else None,
            "previous": endpoint.wanted.previous,
            "state": state,
            "message": message,
        }
        return (await self._log.append(lambda _: [NewEvent("deployment.changed", data)])).cursor

    def _told(self, name: str, endpoint: _Endpoint) -> Deployment:
        try:
            version = self._models.get(endpoint.wanted.model).version
        except PulsetrainError:
            version = None
        return Deployment(
            name,
            endpoint.wanted.model,
            version,
            endpoint.wanted.previous,
            endpoint.state,
            endpoint.message,
            endpoint.total,
            endpoint.failed,
            *endpoint.latency,
            endpoint.since,
        )

    def _write(self) -> None:
        temporary = self._file.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode({name: one.wanted for name, one in self._endpoints.items()}))
        temporary.replace(self._file)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _check(rows: Sequence[dict[str, Any]]) -> None:
    if not 1 <= len(rows) <= MAX_ROWS:
        raise BadRequest(f"1 to {MAX_ROWS} rows are answered at once; these are {len(rows)}.")


def _nothing_but(events: list[NewEvent], _: Transaction) -> list[NewEvent]:
    return events


def _metrics(name: str, endpoint: _Endpoint, asked: int, failed: int) -> NewEvent:
    median, slow = endpoint.latency
    latencies = {"latency_p50_seconds": median, "latency_p95_seconds": slow}
    counts = {"prediction_volume": asked, "errors": failed}
    return NewEvent("deployment.metrics", {"name": name, "model": endpoint.wanted.model, **counts, **latencies})
