"""The client of a pulsetrain server for asyncio: `Client` with `await` and `async for`.

    async with pulsetrain.AsyncClient() as client:
        async for run, news in client.follow(id): ...

It holds no decision of its own: see `client.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.runs import Run
from pulsetrain.model.trainers import Trainer

from . import calls, uploading
from .address import Address, landing, refusal
from .answers import Answer, Dataset, LogPage, News, QueuePage, RunList, SeriesPage, Snapshot
from .asking import obeyed
from .calls import Call
from .finding import MOST, meant
from .plan import Ask, HangUp, Listen, Pause, Plan, Read, Say, Step, download
from .reader import Pace, Reader, follow

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class AsyncClient:
    """`Client` for asyncio; each method is that of `Client` and says the same.

    An iterator may be cancelled at any point, and its connection closes with it. One that is left by `break` closes
    when it is collected; `contextlib.aclosing` closes it at once.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        name: str = "client",
        timeout_seconds: float = 30.0,
        pace: Pace | None = None,
    ) -> None:
        import httpx

        self._address = Address(url, token, name, timeout_seconds)
        self._pace = pace
        try:
            self._http = httpx.AsyncClient(**self._address.options())
        except (httpx.InvalidURL, ValueError) as problem:
            raise self._address.no_address(problem) from None

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._address.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def events(
        self,
        cursor: str = "now",
        *,
        runs: Sequence[str] = (),
        types: Sequence[str] = (),
        latest: float | None = None,
        patient: bool = False,
    ) -> AsyncGenerator[News, None]:
        """The log from `cursor` on, without end, as `Client.events`."""
        reader = Reader(cursor, runs=runs, types=types, latest=latest, patient=patient, pace=self._pace)
        return self._carry_out(reader.plan())

    def follow(self, run: str) -> AsyncGenerator[tuple[Run, News], None]:
        """The run now, and again after each of its events, until it has ended, as `Client.follow`."""
        return self._carry_out(follow(run, pace=self._pace))

    async def wait(self, run: str) -> Run:
        """The run, once it has ended."""
        async for state, _ in self.follow(run):
            ended = state
        return ended

    async def start(
        self,
        trainer: str,
        *,
        dataset: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        resume_from: str | None = None,
        priority: int = 0,
        retries: int = 0,
        resources: Mapping[str, Any] | None = None,
        watchdogs: Sequence[Mapping[str, Any]] | None = None,
    ) -> Snapshot:
        """Have the server start a run. Raises Refused, for instance `bad_parameters` or `does_not_fit`.

        It waits for its turn; of higher `priority` (-100 to 100) it goes first. When it fails it is tried again
        `retries` times. `resources` (`cores`, `memory_bytes`, `gpus`, `gpu_indices`) are the trainer's own but for
        those given; `watchdogs`, such as `{"kind": "nan", "action": "stop"}`, take the place of those of every run.
        """
        call = calls.start(
            trainer,
            dataset=dataset,
            parameters=parameters,
            name=name,
            tags=tags,
            resume_from=resume_from,
            priority=priority,
            retries=retries,
            resources=resources,
            watchdogs=watchdogs,
        )
        return await self._ask(call)

    async def retry(self, run: str, *, from_checkpoint: bool = True) -> Snapshot:
        """A new run like this one, from its last checkpoint if there is one. Raises Refused (`run_active`)."""
        return await self._ask(calls.retry(run, from_checkpoint))

    async def clone(
        self,
        run: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        dataset: str | None = None,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
        retries: int | None = None,
        resources: Mapping[str, Any] | None = None,
        watchdogs: Sequence[Mapping[str, Any]] | None = None,
    ) -> Snapshot:
        """A new run like this one but for what is given. `parameters` changes those that it names."""
        changes = {
            "parameters": parameters,
            "dataset": dataset,
            "name": name,
            "tags": tags,
            "priority": priority,
            "retries": retries,
            "resources": resources,
            "watchdogs": watchdogs,
        }
        return await self._ask(calls.clone(run, changes))

    async def queue(self) -> QueuePage:
        """Who waits, in order, who runs, and what the machine has."""
        return await self._ask(calls.queue())

    async def move(
        self, run: str, *, priority: int | None = None, before: str | None = None, after: str | None = None
    ) -> Snapshot:
        """Move a waiting run: give it a priority, or a place next to another. Raises Refused (`run_not_queued`)."""
        return await self._ask(calls.move(run, priority, before, after))

    async def stop(self, run: str, grace_seconds: float | None = None) -> str:
        """Ask a run to stop; the id of the command. Raises Refused (`run_not_active`)."""
        return await self._ask(calls.stop(run, grace_seconds))

    async def command(self, run: str, name: str, arguments: Mapping[str, Any] | None = None) -> str:
        """Ask a run to do something; the id of the command, which `command.applied` or `.rejected` will answer."""
        return await self._ask(calls.command(run, name, arguments or {}))

    async def pause(self, run: str, *, wait: bool = True) -> Answer:
        """Pause a run: at its next safe point, with a checkpoint if it knows how; else it is halted where it is.

        Like all that follow it waits for the run's answer, unless `wait` is False. Raises Refused (`bad_parameters`
        where the run is known not to take it, `run_not_active`).
        """
        return await self._obeyed(run, "pause", {}, wait)

    async def resume(self, run: str, *, wait: bool = True) -> Answer:
        """Let a paused run go on."""
        return await self._obeyed(run, "resume", {}, wait)

    async def set(self, run: str, name: str, value: float | str | bool, *, wait: bool = True) -> Answer:
        """Give one of the run's controls another value, at its next step. A paused run answers once it goes on."""
        return await self._obeyed(run, "set", {"name": name, "value": value}, wait)

    async def ask(self, run: str, action: str, *, wait: bool = True) -> Answer:
        """Ask a run for an action that it offers (`run.actions`): `checkpoint`, `evaluate` or `sample`."""
        return await self._obeyed(run, action, {}, wait)

    async def note(self, run: str, text: str) -> Answer:
        """Put a note into the run's timeline, at its last step."""
        return await self._obeyed(run, "note", {"text": text}, True)

    async def runs(self, limit: int = 200) -> RunList:
        """The newest runs, newest first."""
        return await self._ask(calls.runs(limit))

    async def run(self, id: str) -> Snapshot:
        """The run with exactly this id. Raises Refused (`run_not_found`)."""
        return await self._ask(calls.run(id))

    async def find_run(self, text: str) -> Run:
        """The run with this id, with the only id that begins so, or the newest with this name. Raises RunNotFound."""
        return meant((await self.runs(MOST)).runs, text)

    async def logs(self, run: str, *, before: int | None = None, limit: int = 1000) -> LogPage:
        """The newest `limit` lines (before the event `before`), oldest first."""
        return await self._ask(calls.logs(run, before, limit))

    async def series(self, run: str, *keys: str) -> SeriesPage:
        """All points of the run's metrics, or of those named."""
        return await self._ask(calls.series(run, keys))

    async def artifact(self, run: str, name: str, path: Path | str) -> Path:
        """Download a file that the run made to `path`, which is there only once it is whole."""
        with landing(Path(path)) as file:
            async for piece in self._carry_out(download(calls.artifact(run, name))):
                file.write(piece)
        return Path(path)

    async def trainers(self) -> list[Trainer]:
        """What the server can train."""
        return await self._ask(calls.trainers())

    async def datasets(self) -> list[Dataset]:
        """The data sets of the server."""
        return await self._ask(calls.datasets())

    async def dataset(self, id: str) -> Dataset:
        """The data set. Raises Refused (`dataset_not_found`)."""
        return await self._ask(calls.dataset(id))

    async def delete_dataset(self, id: str) -> None:
        """Remove a data set with all its versions. Raises Refused (`dataset_in_use`, `dataset_not_found`)."""
        await self._ask(calls.delete_dataset(id))

    async def register(self, path: str) -> Dataset:
        """Make a file of the server's machine a data set where it is. Raises Refused (`forbidden`, `bad_table`)."""
        return await self._ask(calls.register(path))

    async def upload(self, file: Path | str, *, replace: str | None = None) -> Dataset:
        """Upload a CSV, JSONL or Parquet file, as a new data set or as the next version of `replace`.

        A large one goes in pieces, and goes on where it was after a broken connection or a restart of the server.
        Raises Refused (`bad_table`, `too_large`, …), Unreachable or OSError.
        """
        path = Path(file)
        plan = uploading.upload(path, (await asyncio.to_thread(path.stat)).st_size, replace)
        [found] = [one async for one in self._carry_out(plan)]
        return found

    async def _obeyed(self, run: str, command: str, arguments: Mapping[str, Any], wait: bool) -> Answer:
        plan = obeyed(run, command, arguments, wait=wait, pace=self._pace)
        async with aclosing(self._carry_out(plan)) as answers:
            return await anext(answers)

    async def _ask(self, call: Call[T]) -> T:
        with self._address.sending(call) as request:
            response = await self._http.request(**request)
        return self._address.answer(call, response)

    async def _carry_out(self, plan: Plan[T]) -> AsyncGenerator[T, None]:
        """Do what `plan` wants and hand on what it says."""
        line = _Line(self._address, self._http)
        try:
            step = next(plan)
            while True:
                if isinstance(step, Say):
                    yield step.item
                    step = next(plan)
                    continue
                try:
                    answer = await self._do(step, line)
                except PulsetrainError as problem:
                    step = plan.throw(problem)
                else:
                    step = plan.send(answer)
        except StopIteration:
            return
        finally:
            await line.hang_up()

    async def _do(self, step: Step, line: _Line) -> Any:
        match step:
            case Ask(call):
                return await self._ask(call)
            case Listen():
                return await line.listen(step)
            case Read():
                return await line.read()
            case HangUp():
                return await line.hang_up()
            case Pause(seconds):
                return await asyncio.sleep(seconds)


class _Line:
    """The answer that a plan reads in pieces, if one is open."""

    def __init__(self, address: Address, http: httpx.AsyncClient) -> None:
        self._address, self._http = address, http
        self._response: httpx.Response | None = None
        self._pieces: AsyncGenerator[bytes, None] | None = None

    async def listen(self, listen: Listen) -> None:
        await self.hang_up()
        request, limits = self._address.listening(listen)
        with self._address.errors():
            self._response = response = await self._http.send(self._http.build_request(**request), stream=True)
            if not response.is_success:
                await response.aread()
                raise refusal(response)
        self._address.check(listen, response)
        limits["read"] = listen.silence_seconds or limits["read"]
        self._pieces = cast(AsyncGenerator[bytes, None], response.aiter_bytes())

    async def read(self) -> bytes | None:
        with self._address.errors():
            return await anext(self._pieces, None) if self._pieces is not None else None

    async def hang_up(self) -> None:
        pieces, response = self._pieces, self._response
        self._pieces = self._response = None
        if pieces is not None:
            await pieces.aclose()
        if response is not None:
            await response.aclose()
