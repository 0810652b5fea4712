"""A WebSocket in the words of a dialect: the log from a place on, translated, and answers to what the client says.

Such a client is one of few, so it costs a task each; the native stream is made for thousands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from pulsetrain.model.events import Event
from pulsetrain.model.fold import fold
from pulsetrain.model.log import Filter
from pulsetrain.model.runs import Run
from pulsetrain.wire.codec import encode_json, event_from_json

from .services import Services

Message = dict[str, Any]
Translate = Callable[[Event, Run | None], list[Message]]
Reply = Callable[[Message], Awaitable[Message | None]]

_RECENT_RUNS = 500
_MAX_MESSAGE = 64 * 1024
RESTART, BUSY, MALFORMED = 1012, 1013, 1007


class Dialogue:
    """One client of a dialect: `types` are the events that it hears of, `translate` says each in its words."""

    def __init__(
        self, socket: WebSocket, parts: Services, *, types: frozenset[str], translate: Translate, reply: Reply
    ) -> None:
        self._socket = socket
        self._parts = parts
        self._filter = Filter(types=types)
        self._translate = translate
        self._reply = reply
        self._runs: dict[str, Run] = {}
        self._sending = asyncio.Lock()

    async def hold(self, greeting: Iterable[Message]) -> None:
        """Talk until one side leaves. A client that comes back says `?seq=` and hears exactly what it missed."""
        await self._socket.accept()
        hub = self._parts.hub
        if hub.closing is not None or hub.full:
            await self._socket.close(RESTART if hub.closing is not None else BUSY)
            return
        position = await self._begin()
        for message in greeting:
            await self.say(message)
        reader = self._parts.hub.open(self._filter)
        stay = self._parts.hub.goodbye(reader.ring)
        telling = asyncio.create_task(self._tell(reader, position))
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.wait((telling, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, listening):
                task.cancel()
            await asyncio.gather(telling, listening, return_exceptions=True)
            stay()
            reader.close()
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                if self._socket.application_state is WebSocketState.CONNECTED:
                    await self._socket.close(RESTART if self._parts.hub.closing else 1000)

    async def say(self, message: Message) -> None:
        """Send one message."""
        async with self._sending:
            await self._socket.send_text(encode_json(message).decode())

    async def _begin(self) -> int:
        """Where to begin, and the runs as they were there."""
        cursor, runs, _ = await self._parts.log.runs(_RECENT_RUNS)
        view = self._parts.log.view()
        asked = self._socket.query_params.get("seq", "")
        if not asked.isascii() or not asked.isdigit() or not view.oldest - 1 <= int(asked) < cursor.seq:
            self._runs = {run.id: run for run in runs}
            return cursor.seq
        place = int(asked)
        for run in runs:
            if run.last_seq <= place:
                self._runs[run.id] = run
            elif run.first_seq <= place:
                # What was said of it after that place has not been said yet: fold it anew up to there.
                await self._refold(run.id, place)
        return place

    async def _refold(self, id: str, place: int) -> None:
        _, events = await self._parts.log.run_events(id, sorted(self._filter.types), before=place + 1)
        run: Run | None = None
        for event in events:
            run = fold(run, event)
        if run is not None:
            self._runs[id] = run

    async def _tell(self, reader: Any, position: int) -> None:
        while self._parts.hub.closing is None:
            page = await self._parts.hub.page(position, self._filter)
            for stored in page.events:
                event = event_from_json(stored.body)
                for message in self._translate(event, self._concerned(event)):
                    await self.say(message)
            moved = page.upto > position
            position = page.upto if moved else max(position, await reader.wait(position))

    def _concerned(self, event: Event) -> Run | None:
        """The run that `event` is of or about, with the event folded in."""
        if event.run is None:
            return self._runs.get(event.data.get("run") or "")
        run = fold(self._runs.get(event.run), event)
        if run is not None:
            self._runs[event.run] = run
        return run

    async def _listen(self) -> None:
        while True:
            try:
                text = await self._socket.receive_text()
                said = msgspec.json.decode(text, type=dict[str, Any]) if len(text) <= _MAX_MESSAGE else None
            except WebSocketDisconnect:
                return
            except (msgspec.DecodeError, KeyError):
                said = None
            if said is None:
                await self._socket.close(MALFORMED, "a message is a JSON object of at most 64 KiB")
                return
            answer = await self._reply(said)
            if answer is not None:
                await self.say(answer)
