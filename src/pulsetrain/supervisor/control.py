"""Hears what the server asks of the run: the run's own commands, followed by cursor over a stream that may break."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pulsetrain.model.steering import AT_SERVER
from pulsetrain.sdk.control import Command
from pulsetrain.sdk.sse import Message, SseReader

from .link import Unreachable, connect

_SILENCE = 45.0
"""Seconds without a byte after which a stream is taken for dead: heartbeats come every 15 s or so."""
_LONGEST_RETRY = 5.0
_REFUSED_RETRY = 30.0


class Inbox:
    """Which commands wait for an answer. Pure: messages in, commands out.

    Commands that came before this supervisor, and were answered, are read as well; so what is unanswered is known only
    when the stream has caught up.
    """

    def __init__(self) -> None:
        self.cursor = "0"
        self._waiting: dict[str, Command] = {}
        self._answered: set[str] = set()
        self._given: set[str] = set()
        self._live = False

    def hear(self, message: Message) -> list[Command]:
        """The commands that are to be obeyed now."""
        if message.name == "reset":
            return self._reset(message)
        if message.id:
            self.cursor = message.id
        if message.name == "live":
            self._live = True
        elif message.name == "message":
            self._event(msgspec.json.decode(message.data, type=dict[str, Any]))
        if not self._live:
            return []
        new = [command for id, command in self._waiting.items() if id not in self._given]
        self._given.update(command.id for command in new)
        return new

    def restart(self) -> None:
        """The stream begins anew, from `cursor`."""
        self._live = False

    def _event(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if event["type"] == "command.requested":
            if data["id"] not in self._answered and data["command"] not in AT_SERVER:
                self._waiting[data["id"]] = Command(
                    data["id"], data["command"], data.get("arguments") or {}, data.get("by")
                )
        else:
            self._answered.add(data["id"])
            self._waiting.pop(data["id"], None)

    def _reset(self, message: Message) -> list[Command]:
        data = msgspec.json.decode(message.data, type=dict[str, Any])
        # Another life of the log is read from its beginning; what was trimmed was answered long ago.
        self.cursor = data["cursor"] if data.get("reason") == "trimmed" else "0"
        if self.cursor == "0":
            raise ConnectionResetError("the log has another life")
        return []


class Listener:
    """Follows the stream in a thread of its own and gives each command to `deliver`, once."""

    def __init__(self, url: str, run: str, token: str, deliver: Callable[[Command], None]) -> None:
        self._url = url.rstrip("/")
        self._run = run
        self._token = token
        self._deliver = deliver
        self._inbox = Inbox()
        self._closed = threading.Event()
        self._failures = 0

    def start(self) -> None:
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def close(self) -> None:
        """Deliver nothing any more. The thread ends with the process at the latest."""
        self._closed.set()

    def _listen(self) -> None:
        while not self._closed.is_set():
            wait = _LONGEST_RETRY
            try:
                wait = self._follow()
            except (OSError, http.client.HTTPException, Unreachable, ValueError, KeyError, msgspec.DecodeError):
                self._failures += 1
                wait = min(_LONGEST_RETRY, 0.1 * 2.0 ** min(self._failures, 10))
            self._closed.wait(wait * random.uniform(0.5, 1.0))

    def _follow(self) -> float:
        """Follow one connection to its end; the answer is the seconds to wait before the next."""
        connection = connect(self._url, _SILENCE)
        try:
            filters = f"run={self._run}&type=command.*"
            headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self._token}"}
            target = f"{urlsplit(self._url).path}/api/events?{filters}&cursor={self._inbox.cursor}"
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                return _REFUSED_RETRY if response.status in (401, 403, 404) else _LONGEST_RETRY
            return self._read(response)
        finally:
            connection.close()

    def _read(self, response: http.client.HTTPResponse) -> float:
        reader = SseReader()
        self._inbox.restart()
        while not self._closed.is_set():
            piece = response.read1(65536)
            if not piece:
                break
            for message in reader.feed(piece):
                if message.name == "bye":
                    return _bye(message)
                self._failures = 0
                for command in self._inbox.hear(message):
                    if not self._closed.is_set():
                        self._deliver(command)
        return 0.2


def _bye(message: Message) -> float:
    seconds = msgspec.json.decode(message.data, type=dict[str, Any]).get("retry_seconds")
    return min(float(seconds), _LONGEST_RETRY) if isinstance(seconds, int | float) else 1.0
