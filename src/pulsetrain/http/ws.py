"""WebSocket (PROTOCOL §3.4): one connection, any number of subscriptions, each a cursor of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from pulsetrain import __version__
from pulsetrain.core.hub import Hub, HubPage
from pulsetrain.core.meter import Lane
from pulsetrain.model.errors import BadRequest, PulsetrainError
from pulsetrain.model.log import Stored
from pulsetrain.wire.messages import Format, MalformedMessage, decode, encode, events_message, signal_message
from pulsetrain.wire.reading import Reading, from_message
from pulsetrain.wire.subscription import Bye, Signal
from pulsetrain.wire.websocket import PING, message_frame

from . import reading as readings
from .delivery import Delivery, Wishes, retry_milliseconds
from .errors import error_body
from .transport import MessageProtocol, messages_of

logger = logging.getLogger("pulsetrain.http")

SUBPROTOCOLS: dict[str, Format] = {"pulsetrain.v1.json": "json", "pulsetrain.v1.msgpack": "msgpack"}

PING_SECONDS = 45.0
AUTH_SECONDS = 10.0
MOST_SUBSCRIPTIONS = 100
_LAST_SUB = 65535

WRONG_KIND, BAD_DATA, INTERNAL, RESTART, BUSY = 1003, 1007, 1011, 1012, 1013
MALFORMED, UNAUTHORIZED, FORBIDDEN, FINISHED = 4400, 4401, 4403, 4410
_CODE_OF_BYE = {"busy": BUSY, "finished": FINISHED}
_MOST_WAITING = 1024 * 1024
"""Bytes of answers that a client may leave unread."""

Admit = Callable[[str], Awaitable[str | None]]
"""Lets a token in, and answers the one run that it opens if it is a run's own. Raises PulsetrainError."""
ADMIT, ONLY_RUN = "pulsetrain.admit", "pulsetrain.only_run"
"""Where the door leaves word in the scope: how a token is shown, and the run whose own token was shown."""


class Translation:
    """One subscription's frames. Readers who gave their subscription the same number share them."""

    def __init__(self, format: Format, sub: int, generation: str, window_bits: int | None) -> None:
        self._format: Format = format
        self._sub = sub
        self._generation = generation
        self._window_bits = window_bits
        self._form = f"websocket {format} {sub} {window_bits}"

    def signal(self, signal: Signal) -> bytes:
        if isinstance(signal, Bye):
            return b""  # the connection says it, once for all its subscriptions
        return message_frame(signal_message(self._format, self._sub, signal), binary=self._format == "msgpack")

    def page(self, page: HubPage) -> bytes:
        return page.once(self._form, lambda: self._batch(page.events)) if page.events else b""

    def _batch(self, events: Sequence[Stored]) -> bytes:
        message = events_message(self._format, self._sub, f"{self._generation}-{events[-1].seq}", events)
        return message_frame(message, binary=self._format == "msgpack", window_bits=self._window_bits)


class _Outlet:
    """Out past ASGI: a frame is whole, so nothing can come between."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: MessageProtocol) -> None:
        self._protocol = protocol

    @property
    def idle(self) -> bool:
        return self._protocol.idle

    @property
    def transport(self) -> asyncio.Transport:
        return self._protocol.transport

    def put(self, body: bytes) -> None:
        self._protocol.transport.write(body)

    async def write(self, body: bytes) -> None:
        await self._protocol.writable.wait()
        if self._protocol.open:
            self._protocol.transport.write(body)


class Connection:
    """One WebSocket, from its handshake to its close."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, hub: Hub) -> None:
        """Raises BadRequest if the client speaks another subprotocol."""
        offered: list[str] = scope["subprotocols"]
        self._subprotocol = next((name for name in offered if name in SUBPROTOCOLS), None)
        if offered and self._subprotocol is None:
            raise BadRequest(
                f"The subprotocol {', '.join(offered)} is not spoken here.",
                hint=f"Offer {' or '.join(SUBPROTOCOLS)}, or none.",
            )
        self._format: Format = SUBPROTOCOLS[self._subprotocol] if self._subprotocol else "json"
        self._receive, self._send = receive, send
        self._hub = hub
        self._admit: Admit | None = scope.get(ADMIT)
        self._only_run: str | None = scope.get(ONLY_RUN)
        self._protocol = messages_of(scope)
        self._lane: Lane = hub.meter.lanes["websocket"]
        self._deliveries: dict[int, Delivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looker = asyncio.get_running_loop().call_later(PING_SECONDS, self._look)

    async def run(self, first: Reading | None, wishes: Wishes) -> None:
        """Serve until one side ends it. `first` is what the address asks for: subscription 0."""
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept", "subprotocol": self._subprotocol, "headers": []})
        self._lane.connections += 1
        stay = self._hub.goodbye(lambda: self._spawn(self._bye(self._hub.closing or "restart")))
        try:
            refusal = self._hub.closing or ("busy" if self._hub.full else None)
            if refusal is not None:
                await self._bye(refusal)
            elif await self._admitted():
                self._say(op="ready", version=__version__, heartbeat_seconds=readings.HEARTBEAT_SECONDS)
                if first is not None:
                    self._open(0, first, wishes)
                await self._listen()
        finally:
            stay()
            self._looker.cancel()
            self._lane.connections -= 1
            for delivery in self._deliveries.values():
                delivery.leave()
            for task in self._tasks:
                task.cancel()

    # ---- what the client says ----

    async def _admitted(self) -> bool:
        """Whether the client may be here; where it came without a token, its first message has to bring one."""
        if self._admit is None:
            return True
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                said = await self._next()
            if said is None:
                return False
            token = said.get("token")
            if said.get("op") == "auth" and isinstance(token, str):
                self._only_run = await self._admit(token)
                return True
            reason = "the first message has to bring a token"
        except TimeoutError:
            reason = "no token came"
        except PulsetrainError as problem:
            self._say(op="error", error=error_body(problem.code, problem.message, problem.hint)["error"])
            reason = "the token is not valid here"
        await self._close(UNAUTHORIZED, reason)
        return False

    async def _listen(self) -> None:
        while (said := await self._next()) is not None:
            op = said.get("op")
            if op == "subscribe":
                await self._subscribe(said)
            elif op == "unsubscribe":
                self._unsubscribe(said)
            elif op == "ping":
                self._say(op="pong", id=said.get("id"))
            elif op != "auth":  # a token where none is asked for does no harm
                await self._close(MALFORMED, f"unknown op {op!r}"[:120])

    async def _next(self) -> dict[str, Any] | None:
        """The next message, or None when the connection is over."""
        while (message := await self._receive())["type"] == "websocket.receive":
            text: str | None = message.get("text")
            body: bytes = message["bytes"] if text is None else text.encode()
            if (text is None) != (self._format == "msgpack"):
                await self._close(WRONG_KIND, f"{self._format} was agreed")
                continue
            try:
                return decode(self._format, body)
            except MalformedMessage as problem:
                await self._close(MALFORMED if self._format == "json" else BAD_DATA, str(problem)[:120])
        return None

    async def _subscribe(self, said: dict[str, Any]) -> None:
        sub = said.get("sub")
        try:
            if sub.__class__ is not int or not 0 <= sub <= _LAST_SUB:
                raise BadRequest(f"'sub' is a number from 0 to {_LAST_SUB}.")
            if sub in self._deliveries:
                raise BadRequest(f"Subscription {sub} is open.", hint="Take another number, or unsubscribe it first.")
            if len(self._deliveries) >= MOST_SUBSCRIPTIONS:
                raise BadRequest(f"At most {MOST_SUBSCRIPTIONS} subscriptions on one connection.")
            reading = from_message(said)
        except BadRequest as problem:
            self._refuse(sub, problem)
            return
        if self._only_run is not None and reading.filter.runs != {self._only_run}:
            await self._close(FORBIDDEN, "this token opens one run alone")
            return
        self._open(sub, reading, Wishes(reading.latest_seconds))

    def _unsubscribe(self, said: dict[str, Any]) -> None:
        sub = said.get("sub")
        delivery = self._deliveries.pop(sub, None) if isinstance(sub, int) else None
        if delivery is None:
            self._refuse(sub, BadRequest(f"There is no subscription {sub!r}."))
            return
        cursor = delivery.cursor
        delivery.leave()
        self._say(op="unsubscribed", sub=sub, cursor=str(cursor))

    def _refuse(self, sub: Any, problem: PulsetrainError) -> None:
        self._say(op="error", sub=sub, error=error_body(problem.code, problem.message, problem.hint)["error"])

    # ---- what it is told ----

    def _open(self, sub: int, reading: Reading, wishes: Wishes) -> None:
        subscription = readings.subscribe(self._hub, reading)
        generation = subscription.cursor.generation
        translation = Translation(self._format, sub, generation, self._protocol.window_bits)
        outlet = _Outlet(self._protocol)
        delivery = Delivery(self._hub, subscription, translation, outlet, self._lane, wishes)
        self._deliveries[sub] = delivery
        self._spawn(self._deliver(delivery))

    async def _deliver(self, delivery: Delivery) -> None:
        await delivery.run()
        if delivery.ended == "finished":
            await self._bye("finished")

    async def _bye(self, reason: str) -> None:
        self._say(op="bye", reason=reason, retry_seconds=retry_milliseconds() / 1000)
        await self._close(_CODE_OF_BYE.get(reason, RESTART), reason)

    async def _close(self, code: int, reason: str) -> None:
        if self._protocol.open:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def _say(self, **message: Any) -> None:
        transport = self._protocol.transport
        if not self._protocol.open:
            return
        if transport.get_write_buffer_size() > _MOST_WAITING:
            transport.abort()
            return
        transport.write(message_frame(encode(self._format, message), binary=self._format == "msgpack"))

    def _look(self) -> None:
        """Tell a client that is there, however quiet, from one that is gone behind a proxy that is not."""
        quiet = time.monotonic() - self._protocol.heard_at
        if quiet >= 2 * PING_SECONDS:
            self._protocol.transport.abort()
            return
        if quiet >= 0.9 * PING_SECONDS and self._protocol.open:
            self._protocol.transport.write(PING)
        self._looker = asyncio.get_running_loop().call_later(PING_SECONDS, self._look)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            logger.error("A WebSocket failed", exc_info=problem)
            if self._protocol.open:
                self._spawn(self._close(INTERNAL, "something went wrong in the server"))
