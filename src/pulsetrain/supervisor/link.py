"""The supervisor's way to the server: the public API over the standard library's HTTP client, on one connection."""

from __future__ import annotations

import contextlib
import http.client
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

import msgspec

from . import quick

_SECONDS = 30.0
_LARGEST_ANSWER = 1024 * 1024


class Unreachable(Exception):
    """No answer, or one that says to come back later."""


class Refused(Exception):
    """The server understood, and said no. `code` is that of the error table."""

    def __init__(self, status: int, code: str, message: str, expected: int | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.expected = expected


class Link:
    """Requests of one run. For one thread."""

    def __init__(self, url: str, run: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._run = run
        self._token = token
        self._connection: http.client.HTTPConnection | None = None
        self._host = urlsplit(self.url).netloc.rpartition("@")[2]
        self._by_hand = True
        """Whether answers have been plain so far."""

    def records(self, body: bytes) -> dict[str, Any]:
        """Send one batch, in MessagePack. Raises Unreachable or Refused."""
        return self._ask("POST", f"/api/runs/{self._run}/records", body, {"Content-Type": "application/msgpack"})

    def register(self, request: Mapping[str, Any], token: str | None) -> None:
        """Enter the run; `token` is a person's. It may be asked again. Raises Unreachable or Refused."""
        headers = {"Content-Type": "application/json", "Pulsetrain-Client": "sdk"}
        self._ask("POST", "/api/runs", msgspec.json.encode(request), headers, token=token or "")

    def artifact(self, name: str, kind: str, path: Path) -> dict[str, Any]:
        """Upload a file; the answer says its size and digest. Raises OSError, Unreachable or Refused."""
        target = f"/api/runs/{self._run}/artifacts/{quote(name, safe='')}?kind={quote(kind, safe='')}"
        with path.open("rb") as file:
            headers = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
            return self._ask("PUT", target, file, headers)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self, method: str, target: str, body: bytes | IO[bytes], headers: dict[str, str], *, token: str | None = None
    ) -> dict[str, Any]:
        secret = self._token if token is None else token
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        kept = self._connection is not None
        try:
            status, answer = self._send(method, target, body, headers)
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            if not kept:
                raise Unreachable(str(problem) or type(problem).__name__) from None
            # The server may have closed a connection that was idle; all requests here may be made twice.
            if not isinstance(body, bytes):
                body.seek(0)
            return self._ask(method, target, body, headers, token=token)
        return _answer(status, answer)

    def _send(self, method: str, target: str, body: bytes | IO[bytes], headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = connect(self.url, _SECONDS)
        target = urlsplit(self.url).path + target
        if self._by_hand and isinstance(body, bytes):
            try:
                return self._send_by_hand(self._connection, method, target, body, headers)
            except quick.NotPlain:
                # It is asked anew: all requests here may be made twice.
                self._by_hand = False
                self.close()
                self._connection = connect(self.url, _SECONDS)
        self._connection.request(method, target, body, headers)
        response = self._connection.getresponse()
        answer = response.read(_LARGEST_ANSWER)
        if response.will_close or not response.isclosed():
            self.close()
        return response.status, answer

    def _send_by_hand(
        self, connection: http.client.HTTPConnection, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if connection.sock is None:
            connection.connect()
        status, answer, kept = quick.ask(connection.sock, method, self._host, target, body, headers)
        if not kept:
            self.close()
        return status, answer


def connect(url: str, seconds: float) -> http.client.HTTPConnection:
    """A connection to the server at `url`, not opened yet; `seconds` without a byte end it. Raises Unreachable."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        if parts.hostname and parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
        if parts.hostname and parts.scheme == "https":
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds)
    raise Unreachable(f"{url!r} is not the address of a server")


def _answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = {}
    if 200 <= status < 300:
        return answer
    error = answer.get("error")
    if not isinstance(error, dict):
        error = {}
    if status >= 500 or status in (408, 425, 429):
        raise Unreachable(str(error.get("message") or f"status {status}"))
    message = str(error.get("message") or f"The server answered with status {status}.")
    raise Refused(status, str(error.get("code") or ""), message, error.get("expected"))
