"""The thin client of a pulsetrain server, for the command line and for scripts.

    with Client() as client:
        run = client.find_run("wine-3")
        for news in client.follow(run.id): ...

httpx is imported when the first client is made, so that importing this costs nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import quote

import msgspec

from pulsetrain.model.errors import PulsetrainError, RunNotFound
from pulsetrain.model.events import Event
from pulsetrain.model.fold import fold
from pulsetrain.model.runs import Run
from pulsetrain.model.trainers import Trainer
from pulsetrain.wire.codec import decode_json, event_from_json

from .sse import Message, SseReader

DEFAULT_URL = "http://127.0.0.1:8787"
T = TypeVar("T")

_HEARTBEAT_SECONDS = 15.0
_FOR_GOOD = frozenset({400, 401, 403, 404, 406, 410, 422})
"""Statuses after which asking again is pointless."""
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0


class Refused(PulsetrainError):
    """The server answered with an error; `reason` is its code (docs/reference/errors.md)."""

    code: ClassVar[str] = "refused"

    def __init__(self, status: int, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class Unreachable(PulsetrainError):
    """No server answers at this address."""

    code: ClassVar[str] = "unreachable"


class Snapshot(msgspec.Struct, frozen=True):
    """A run, and the cursor at which it was like this."""

    cursor: str
    run: Run


class LogLine(msgspec.Struct, frozen=True):
    """One line of a run's output. `time` in Unix seconds."""

    text: str
    seq: int = 0
    stream: str = "stdout"
    time: float | None = None
    level: str | None = None


class LogPage(msgspec.Struct, frozen=True):
    """Lines, oldest first; `before` asks for those before them and is None where there are none."""

    cursor: str
    lines: list[LogLine]
    before: int | None = None


class Dataset(msgspec.Struct, frozen=True):
    """A data set of the server. `size` in bytes; rows and columns None until they are counted."""

    id: str
    name: str
    size: int = 0
    digest: str | None = None
    rows: int | None = None
    columns: int | None = None
    problem: str | None = None


class _DatasetPage(msgspec.Struct, frozen=True):
    dataset: Dataset


class _DatasetList(msgspec.Struct, frozen=True):
    datasets: list[Dataset]


class News(msgspec.Struct, frozen=True):
    """What a stream brought: an event, or a word about the stream itself."""

    cursor: str
    event: Event | None = None
    about: str = "event"
    """`event`, `live` (caught up), `reset` (events are missing: take a snapshot), `offline` or `online`."""
    detail: str = ""
    retry_seconds: float = 0.0
    """With `offline`: when the next attempt follows."""


class Client:
    """Talks to one server. `url` and `token` are by default PULSETRAIN_URL and PULSETRAIN_TOKEN."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        name: str = "client",
        timeout_seconds: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx

        self.url = (url or os.environ.get("PULSETRAIN_URL") or DEFAULT_URL).rstrip("/")
        token = token or os.environ.get("PULSETRAIN_TOKEN") or None
        headers = {"Pulsetrain-Client": name} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._sleep = sleep
        self._timeout = timeout_seconds
        try:
            # trust_env: a proxy of the environment must not come between this machine and itself.
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=timeout_seconds, trust_env=not _is_local(self.url)
            )
        except (httpx.InvalidURL, ValueError) as problem:
            raise Unreachable(f"{self.url!r} is no address of a server: {problem}.", hint=_EXAMPLE) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, kind: type[T], **query: Any) -> T:
        """The answer to `GET path` as `kind`. Raises Refused or Unreachable."""
        return self._decode(self._ask("GET", path, params=query), kind)

    def post(self, path: str, body: Any, kind: type[T]) -> T:
        """The answer to `POST path` with `body` as JSON. Raises Refused or Unreachable."""
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        return self._decode(self._ask("POST", path, content=content, headers=headers), kind)

    def runs(self, limit: int = 200) -> dict[str, Any]:
        """`{cursor, runs, total}`, newest first."""
        return self.get("/api/runs", dict[str, Any], limit=limit)

    def run(self, id: str) -> Snapshot:
        """The run with exactly this id. Raises Refused (`run_not_found`)."""
        return self.get(f"/api/runs/{quote(id, safe='')}", Snapshot)

    def find_run(self, text: str) -> Run:
        """The run with this id, with the only id that begins so, or the newest with this name. Raises RunNotFound."""
        runs = msgspec.convert(self.runs(10_000)["runs"], list[Run])
        exact = next((run for run in runs if run.id == text), None)
        named = next((run for run in runs if run.name == text), None)
        if exact or named:
            return exact or named  # type: ignore[return-value]  # one of them is a run
        begins = [run for run in runs if text and (run.id.startswith(text) or run.id.startswith(f"r_{text}"))]
        if len(begins) == 1:
            return begins[0]
        if begins:
            which = ", ".join(f"{run.id} ({run.name})" for run in begins[:5])
            raise RunNotFound(
                f"{len(begins)} runs have an id that begins with {text!r}: {which}.", hint="Say more of it."
            )
        raise RunNotFound(f"There is no run {text!r}.", hint="`pulsetrain ls` lists the runs.")

    def start(
        self,
        trainer: str,
        *,
        dataset: str | None = None,
        parameters: dict[str, Any] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        resume_from: str | None = None,
    ) -> Snapshot:
        """Have the server start a run. Raises Refused, for instance `bad_parameters`."""
        body = {
            "trainer": trainer,
            "dataset": dataset,
            "parameters": parameters or {},
            "name": name,
            "tags": list(tags),
            "resume_from": resume_from,
        }
        return self.post("/api/runs", body, Snapshot)

    def stop(self, run: str, grace_seconds: float | None = None) -> str:
        """Ask a run to stop; the id of the command. Raises Refused (`run_not_active`)."""
        body = {} if grace_seconds is None else {"grace_seconds": grace_seconds}
        return str(self.post(f"/api/runs/{quote(run, safe='')}/stop", body, dict[str, Any])["command_id"])

    def logs(self, run: str, *, before: int | None = None, limit: int = 1000) -> LogPage:
        """The newest `limit` lines (before the event `before`), oldest first."""
        query = {"limit": limit} | ({} if before is None else {"before": before})
        return self.get(f"/api/runs/{quote(run, safe='')}/logs", LogPage, **query)

    def trainers(self) -> list[Trainer]:
        return self.get("/api/trainers", dict[str, list[Trainer]])["trainers"]

    def datasets(self) -> list[Dataset]:
        return self.get("/api/datasets", _DatasetList).datasets

    def upload(self, file: Path) -> Dataset:
        """Upload a CSV file. Raises Refused (`bad_table`, `too_large`) or OSError."""
        with file.open("rb") as stream:
            answer = self._ask("POST", "/api/datasets", files={"file": (file.name, stream, "text/csv")}, timeout=600.0)
        return self._decode(answer, _DatasetPage).dataset

    def follow(self, run: str) -> Iterator[tuple[Run, News]]:
        """The run now, and again after each of its events, until it has ended. Survives restarts of the server.

        The first `News` is about `live` and has no event. After a `reset` the run is loaded anew.
        """
        snapshot = self.run(run)
        state = snapshot.run
        yield state, News(snapshot.cursor, about="live")
        # A lost run may come back, but nobody waits for that at a terminal.
        if not state.active:
            return
        for news in self.events(snapshot.cursor, runs=[run], patient=True):
            if news.about == "reset":
                state = self._run_again(run)
            elif news.event is not None:
                state = fold(state, news.event) or state
            yield state, news
            if not state.active:
                return

    def _run_again(self, run: str) -> Run:
        """The run as it is now, however long the server is away."""
        while True:
            try:
                return self.run(run).run
            except Unreachable:
                self._sleep(_FIRST_RETRY)

    def events(
        self, cursor: str = "now", *, runs: Sequence[str] = (), types: Sequence[str] = (), patient: bool = False
    ) -> Iterator[News]:
        """Follow the log from `cursor` without end. Goes on from the last id after each break, however long.

        Raises Refused where trying again is pointless, and Unreachable if there was never a connection, unless it is
        `patient`: then the server is known to exist, and is waited for from the start.
        """
        reader = SseReader()
        reader.last_id = cursor
        was_online, failures, pause = patient, 0, 0.0
        while True:
            try:
                for news in self._connection(reader, runs, types):
                    if failures and was_online:
                        yield News(reader.last_id, about="online")
                    was_online, failures = True, 0
                    if news.about == "offline":
                        pause = news.retry_seconds
                        break
                    yield news
                reason = "The server closed the stream."
            except (Unreachable, ValueError) as problem:
                if not was_online:
                    raise
                reason = str(problem)
            except Refused as problem:
                if problem.status in _FOR_GOOD:
                    raise
                reason = problem.message
            failures += 1
            pause = pause or min((reader.retry_seconds or _FIRST_RETRY) * 2 ** (failures - 1), _LAST_RETRY)
            yield News(reader.last_id, about="offline", detail=reason, retry_seconds=pause)
            self._sleep(pause)
            pause = 0.0

    def _connection(self, reader: SseReader, runs: Sequence[str], types: Sequence[str]) -> Iterator[News]:
        """What one connection brings. Raises Unreachable when it breaks and Refused for an answer that is no stream."""
        import httpx

        reader.restart()
        query = {"run": list(runs), "type": list(types)}
        # Two heartbeats may be late before the silence means that the connection is dead.
        timeout = httpx.Timeout(self._timeout, read=_HEARTBEAT_SECONDS * 3)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": reader.last_id}
        try:
            with self._http.stream("GET", "/api/events", params=query, headers=headers, timeout=timeout) as response:
                if response.status_code != 200:
                    raise _refusal(response.status_code, response.read())
                for piece in response.iter_raw():
                    for message in reader.feed(piece):
                        news = _news(message)
                        if news is not None:
                            yield news
        except httpx.HTTPError as problem:
            raise self._unreachable(problem) from None

    def _ask(self, method: str, path: str, **how: Any) -> bytes:
        import httpx

        try:
            response = self._http.request(method, path, **how)
        except httpx.HTTPError as problem:
            raise self._unreachable(problem) from None
        if response.is_success:
            return response.content
        raise _refusal(response.status_code, response.content)

    def _decode(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError:
            hint = "Is it a pulsetrain server, and of this version?"
            raise Unreachable(f"What answers at {self.url} is not understood.", hint=hint) from None

    def _unreachable(self, problem: Exception) -> Unreachable:
        import httpx

        if isinstance(problem, httpx.TimeoutException):
            return Unreachable(f"The server at {self.url} does not answer in time.", hint="Is it overloaded?")
        if isinstance(problem, httpx.UnsupportedProtocol):
            return Unreachable(f"{self.url!r} is no address of a server.", hint=_EXAMPLE)
        hint = "Start one with `pulsetrain up`, or say where it is with --url or PULSETRAIN_URL."
        return Unreachable(f"No pulsetrain server answers at {self.url}.", hint=hint)


_EXAMPLE = f"It looks like {DEFAULT_URL}."


def _is_local(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0]
    return host.startswith(("127.", "localhost", "[::1]"))


def _news(message: Message) -> News | None:
    """What a message of the stream means to its reader."""
    if message.name == "message":
        return News(message.id, event_from_json(message.data))
    if message.name in ("live", "reset"):
        return News(message.id, about=message.name, detail=message.data)
    if message.name == "bye":
        said = decode_json(message.data)
        retry = said.get("retry_seconds") or _FIRST_RETRY
        return News(message.id, about="offline", detail=str(said.get("reason", "")), retry_seconds=retry)
    return None


def _refusal(status: int, body: bytes) -> Refused:
    """The error that an answer tells, whoever gave it: a proxy's own has no code."""
    try:
        error = decode_json(body)["error"]
        return Refused(status, error["code"], error["message"], error.get("hint", ""))
    except (msgspec.DecodeError, KeyError, TypeError):
        return Refused(
            status, f"http_{status}", f"The server answered with status {status}.", "Is it a pulsetrain server?"
        )
