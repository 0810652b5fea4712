"""What the sync and the async client share of httpx: where the server is, what is sent, what answers and errors mean.

httpx is imported when the first client is made, so that importing this costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import msgspec

from pulsetrain.wire.codec import decode_json

from .answers import Interrupted, Refused, Unreachable
from .calls import Call
from .plan import Listen

if TYPE_CHECKING:
    import httpx

DEFAULT_URL = "http://127.0.0.1:8787"
T = TypeVar("T")

_EXAMPLE = f"It looks like {DEFAULT_URL}."


class Address:
    """One server. `url` and `token` are by default PULSETRAIN_URL and PULSETRAIN_TOKEN."""

    def __init__(self, url: str | None, token: str | None, name: str, timeout_seconds: float) -> None:
        self.url = (url or os.environ.get("PULSETRAIN_URL") or DEFAULT_URL).rstrip("/")
        self._token = token or os.environ.get("PULSETRAIN_TOKEN") or None
        self._name = name
        self._timeout = timeout_seconds

    def options(self) -> dict[str, Any]:
        """What a client of httpx is made with."""
        import httpx

        authorization = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return {
            "base_url": self.url,
            "headers": {"Pulsetrain-Client": self._name} | authorization,
            "timeout": self._timeout,
            # Each stream holds a connection, and how many streams there are is the caller's choice.
            "limits": httpx.Limits(max_connections=None),
            # A proxy of the environment must not come between this machine and itself.
            "trust_env": not _is_local(self.url),
        }

    @contextmanager
    def sending(self, call: Call[Any]) -> Iterator[dict[str, Any]]:
        """The arguments of httpx's `request` for `call`. What goes wrong meanwhile is told in our own errors."""
        how: dict[str, Any] = {"method": call.method, "url": call.path, "headers": dict(call.headers)}
        how["params"] = dict(call.query)
        how["timeout"] = call.seconds or self._timeout
        with ExitStack() as opened, self.errors():
            if call.body is not None:
                how["content"] = msgspec.json.encode(call.body)
                how["headers"]["Content-Type"] = "application/json"
            if call.file is not None and call.part is not None:
                file = opened.enter_context(call.file.open("rb"))
                file.seek(call.part[0])
                how["content"] = file.read(call.part[1])
            elif call.file is not None:
                file = opened.enter_context(call.file.open("rb"))
                how["files"] = {"file": (call.file.name, file, "application/octet-stream")}
            yield how

    def listening(self, listen: Listen) -> tuple[dict[str, Any], dict[str, float | None]]:
        """The arguments of httpx's `build_request` for an answer in pieces, and its time limits.

        httpx takes up the limits anew for the body: `read` may be set once the head is there.
        """
        call = listen.call
        seconds = listen.answer_seconds or self._timeout
        limits: dict[str, float | None] = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        how: dict[str, Any] = {"method": call.method, "url": call.path, "headers": dict(call.headers)}
        return how | {"params": dict(call.query), "extensions": {"timeout": limits}}, limits

    def check(self, listen: Listen, response: httpx.Response) -> None:
        """Raises Unreachable if an answer in pieces is of another kind than asked for."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if listen.media_type not in (None, kind):
            raise self._not_understood(Interrupted)

    def answer(self, call: Call[T], response: httpx.Response) -> T:
        """What the server answered. Raises Refused, or Unreachable where it is no server of ours."""
        if not response.is_success:
            raise refusal(response)
        try:
            return call.answer(response.content)
        except msgspec.MsgspecError:
            raise self._not_understood(Unreachable) from None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """httpx's errors as ours."""
        import httpx

        try:
            yield
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as problem:
            raise self._unreachable(problem) from None

    def no_address(self, problem: Exception) -> Unreachable:
        """The error for a URL that is none."""
        return Unreachable(f"{self.url!r} is no address of a server: {problem}.", hint=_EXAMPLE)

    def _not_understood(self, kind: type[Unreachable]) -> Unreachable:
        hint = "Is it a pulsetrain server, and of this version?"
        return kind(f"What answers at {self.url} is not understood.", hint=hint)

    def _unreachable(self, problem: Exception) -> Unreachable:
        import httpx

        never_there = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        kind = Unreachable if isinstance(problem, never_there) else Interrupted
        if isinstance(problem, httpx.TimeoutException):
            return kind(f"The server at {self.url} does not answer in time.", hint="Is it overloaded?")
        if isinstance(problem, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return Unreachable(f"{self.url!r} is no address of a server.", hint=_EXAMPLE)
        hint = "Start one with `pulsetrain up`, or say where it is with --url or PULSETRAIN_URL."
        return kind(f"No pulsetrain server answers at {self.url}.", hint=hint)


def refusal(response: httpx.Response) -> Refused:
    """The error that an answer tells, whoever gave it: a proxy's own has no code. The answer must have been read."""
    status = response.status_code
    retry = response.headers.get("retry-after", "")
    seconds = float(retry) if retry.isascii() and retry.isdigit() else None
    try:
        error = decode_json(response.content)["error"]
        return Refused(status, error["code"], error["message"], error.get("hint", ""), seconds)
    except (msgspec.DecodeError, KeyError, TypeError):
        message = f"The server answered with status {status}."
        return Refused(status, f"http_{status}", message, "Is it a pulsetrain server?", seconds)


@contextmanager
def landing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that becomes `path` only when it is whole."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _is_local(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0]
    return host.startswith(("127.", "localhost", "[::1]"))
