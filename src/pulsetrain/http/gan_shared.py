"""What the routes of the GAN dashboard's dialect share: its way to answer, and its part of the server's state."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.wire.dialects.gan_dashboard import Known

from .errors import json_response, status_of

Handler = Callable[[Request], Awaitable[Response]]


class Shared:
    """The dialect's part of one server."""

    def __init__(self) -> None:
        self.known = Known()
        # This dialect knows one training at a time; two starts at once must not both find none.
        self.starting = asyncio.Lock()
        self._streams: Counter[str] = Counter()

    def came(self, channel: str) -> int:
        """A stream of `channel` opens; the number of them, with this one."""
        self._streams[channel] += 1
        return self._streams[channel]

    def left(self, channel: str) -> None:
        """A stream of `channel` has ended."""
        self._streams[channel] -= 1

    def clients(self, channel: str) -> int:
        """How many streams of `channel` are open."""
        return self._streams[channel]


def shared(connection: HTTPConnection) -> Shared:
    """The dialect's part of the server that this request came to."""
    state = connection.app.state
    if not hasattr(state, "gan_dashboard"):
        state.gan_dashboard = Shared()
    found: Shared = state.gan_dashboard
    return found


def failure(status: int, words: str, *, key: str = "error") -> Response:
    """The dialect's shape of an error, with a real status."""
    return json_response({"success": False, key: words}, status)


def success(**content: Any) -> Response:
    return json_response({"success": True, **content})


def dialect(handler: Handler) -> Handler:
    """`handler`, with errors in the dialect's shape."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            raise
        except PulsetrainError as problem:
            return failure(status_of(problem), f"{problem.message} {problem.hint}".strip())

    return answer
