"""WebSocket (PROTOCOL §3.4): one connection, any number of subscriptions, each a cursor of its own."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from pulsetrain import __version__
from pulsetrain.core.hub import Hub
from pulsetrain.core.meter import Lane
from pulsetrain.core.ring import HubPage
from pulsetrain.model.errors import BadRequest, PulsetrainError
from pulsetrain.model.log import Stored
from pulsetrain.wire.messages import Format, MalformedMessage, decode, encode, events_message, signal_message
from pulsetrain.wire.reading import Reading, from_message
from pulsetrain.wire.subscription import Bye, Signal
from pulsetrain.wire.websocket import PING, message_frame

from . import reading as readings
from .delivery import Delivery, Wishes, retry_milliseconds
from .errors import error_body
from .outlets import Messages, unread_bytes
from .transport import Gone, handshake_of

SUBPROTOCOLS: dict[str, Format] = {"pulsetrain.v1.json": "json", "pulsetrain.v1.msgpack": "msgpack"}

PING_SECONDS = 120.0
AUTH_SECONDS = 10.0
MOST_SUBSCRIPTIONS = 100
_MOST_EARLY = 16
"""Messages that may follow a token before it has been looked at."""
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
        self.form = f"websocket {format} {sub} {window_bits}"

    def signal(self, signal: Signal) -> bytes:
        if isinstance(signal, Bye):
            return b""  # the connection says it, once for all its subscriptions
        return message_frame(signal_message(self._format, self._sub, signal), binary=self._format == "msgpack")

    def page(self, page: HubPage) -> bytes:
        return page.once(self.form, lambda: self._batch(page.events)) if page.events else b""

    def _batch(self, events: Sequence[Stored]) -> bytes:
        message = events_message(self._format, self._sub, f"{self._generation}-{events[-1].seq}", events)
        return message_frame(message, binary=self._format == "msgpack", window_bits=self._window_bits)


async def serve(scope: Scope, receive: Receive, send: Send, *, hub: Hub, first: Reading | None, wishes: Wishes) -> None:
    """Accept this WebSocket; returns when it has begun. `first` is what the address asks for: subscription 0.

    Raises BadRequest, before it is accepted, if the client speaks another subprotocol.
    """
    offered: list[str] = scope["subprotocols"]
    subprotocol = next((name for name in offered if name in SUBPROTOCOLS), None)
    if offered and subprotocol is None:
        raise BadRequest(
            f"The subprotocol {', '.join(offered)} is not spoken here.",
            hint=f"Offer {' or '.join(SUBPROTOCOLS)}, or none.",
        )
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
    format: Format = SUBPROTOCOLS[subprotocol] if subprotocol else "json"
    with contextlib.suppress(Gone):
        Connection(scope, hub, format).begin(first, wishes)


class Connection:
    """One WebSocket after its handshake. Everything that comes is a call; tasks are there only while there is work."""

    __slots__ = (
        "_admit", "_beat_slot", "_deliveries", "_early", "_first", "_format", "_hub", "_lane", "_moved_at", "_only_run",
        "_outlet", "_stay", "_tasks", "_unread", "_wishes",
    )  # fmt: skip

    def __init__(self, scope: Scope, hub: Hub, format: Format) -> None:
        """Raises Gone."""
        self._format: Format = format
        self._hub = hub
        self._admit: Admit | None = scope.get(ADMIT)
        self._only_run: str | None = scope.get(ONLY_RUN)
        self._deliveries: dict[int, Delivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[dict[str, Any]] = []
        self._first: Reading | None = None
        self._wishes = Wishes()
        self._outlet = Messages(self)
        self._outlet.begin(*handshake_of(scope).give_away(self._outlet))
        self._lane: Lane = hub.meter.lanes["websocket"]
        self._lane.connections += 1
        self._stay = hub.goodbye(lambda: self._bye(hub.closing or "restart"))
        self._moved_at, self._unread = 0.0, 0
        # Spread: else all who came back after a restart would be pinged within the same seconds for ever.
        self._beat_slot = hub.beats.after(PING_SECONDS * random.uniform(0.5, 1), self)

    def begin(self, first: Reading | None, wishes: Wishes) -> None:
        """Say the first words."""
        refusal = self._hub.closing or ("busy" if self._hub.full else None)
        if refusal is not None:
            self._bye(refusal)
            return
        self._first, self._wishes = first, wishes
        if self._admit is None:
            self._ready()
        else:
            asyncio.get_running_loop().call_later(AUTH_SECONDS, self._no_token)

    def _ready(self) -> None:
        self._admit = None
        self._say(op="ready", version=__version__, heartbeat_seconds=readings.HEARTBEAT_SECONDS)
        if self._first is not None:
            self._open(0, self._first, self._wishes)
        early, self._early = self._early, []
        for said in early:
            self._follow(said)

    def lost(self) -> None:
        """The connection is gone."""
        self._stay()
        self._hub.beats.cancel(self._beat_slot, self)
        self._lane.connections -= 1
        for delivery in list(self._deliveries.values()):
            delivery.leave()
        for task in self._tasks:
            task.cancel()

    # ---- what the client says ----

    def received(self, message: str | bytes) -> None:
        """A message came; it is answered at once, or the connection ends with a code that says why."""
        if isinstance(message, str) != (self._format == "json"):
            self._outlet.close(WRONG_KIND, f"{self._format} was agreed")
            return
        try:
            said = decode(self._format, message.encode() if isinstance(message, str) else message)
        except MalformedMessage as problem:
            self._outlet.close(MALFORMED if self._format == "json" else BAD_DATA, str(problem))
            return
        if self._admit is not None:
            self._show_token(self._admit, said)
            return
        self._follow(said)

    def _follow(self, said: dict[str, Any]) -> None:
        op = said.get("op")
        if op == "subscribe":
            self._subscribe(said)
        elif op == "unsubscribe":
            self._unsubscribe(said)
        elif op == "ping":
            self._say(op="pong", id=said.get("id"))
        elif op != "auth":  # a token where none is asked for does no harm
            self._outlet.close(MALFORMED, f"unknown op {op!r}")

    def _show_token(self, admit: Admit, said: dict[str, Any]) -> None:
        token = said.get("token")
        if self._tasks:
            # The token is being looked at; what follows it at once waits for that.
            self._early.append(said)
            if len(self._early) > _MOST_EARLY:
                self._outlet.close(UNAUTHORIZED, "wait until you are let in")
        elif said.get("op") == "auth" and isinstance(token, str):
            task = asyncio.get_running_loop().create_task(self._try_token(admit, token))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._outlet.close(UNAUTHORIZED, "the first message has to bring a token")

    async def _try_token(self, admit: Admit, token: str) -> None:
        try:
            self._only_run = await admit(token)
        except PulsetrainError as problem:
            self._refuse(None, problem)
            self._outlet.close(UNAUTHORIZED, "the token is not valid here")
            return
        self._ready()

    def _no_token(self) -> None:
        if self._admit is not None:
            self._outlet.close(UNAUTHORIZED, "no token came")

    def _subscribe(self, said: dict[str, Any]) -> None:
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
            self._outlet.close(FORBIDDEN, "this token opens one run alone")
            return
        self._open(sub, reading, Wishes(reading.latest_seconds))

    def _unsubscribe(self, said: dict[str, Any]) -> None:
        sub = said.get("sub")
        delivery = self._deliveries.pop(sub, None) if isinstance(sub, int) else None
        if delivery is None:
            self._refuse(sub, BadRequest(f"There is no subscription {sub!r}."))
            return
        delivery.stop()
        self._say(op="unsubscribed", sub=sub, cursor=str(delivery.cursor))

    def _refuse(self, sub: Any, problem: PulsetrainError) -> None:
        self._say(op="error", sub=sub, error=error_body(problem.code, problem.message, problem.hint)["error"])

    # ---- what it is told ----

    def _open(self, sub: int, reading: Reading, wishes: Wishes) -> None:
        subscription = readings.subscribe(self._hub, reading)
        generation = subscription.cursor.generation
        translation = Translation(self._format, sub, generation, self._outlet.window_bits)
        delivery = self._deliveries[sub] = Delivery(
            self._hub, subscription, translation, self._outlet, self._lane, self._hub.beats, wishes=wishes,
            on_end=self._ended,
        )  # fmt: skip
        delivery.start()

    def _ended(self, delivery: Delivery) -> None:
        if delivery.ended == "finished":
            self._bye("finished")
        elif delivery.ended == "over":
            self._outlet.close(INTERNAL, "something went wrong in the server")

    def _bye(self, reason: str) -> None:
        self._say(op="bye", reason=reason, retry_seconds=retry_milliseconds() / 1000)
        self._outlet.close(_CODE_OF_BYE.get(reason, RESTART), reason)

    def _say(self, **message: Any) -> None:
        transport = self._outlet.transport
        if not self._outlet.open:
            return
        if transport.get_write_buffer_size() > _MOST_WAITING:
            transport.abort()
            return
        self._outlet.say(message_frame(encode(self._format, message), binary=self._format == "msgpack"))

    def beat(self) -> None:
        """Tell a client that is there, however quiet, from one that is gone behind a proxy that is not."""
        unread = unread_bytes(self._outlet.transport)
        if unread and unread != self._unread:
            # It takes what it was sent, and may be slow to come to the ping that is behind it.
            self._moved_at = time.monotonic()
        quiet = time.monotonic() - max(self._outlet.heard_at, self._moved_at)
        if quiet >= 2 * PING_SECONDS:
            self._outlet.transport.abort()
            return
        if quiet >= 0.9 * PING_SECONDS:
            self._outlet.say(PING)
        self._unread = unread_bytes(self._outlet.transport)
        self._beat_slot = self._hub.beats.after(PING_SECONDS, self)
