"""Who may use this server: its one token, the browser sessions that the token opens, and how often one may guess."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import math
import os
import secrets
import tempfile
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from pulsetrain.model.errors import DataFolderUnusable, TokenRequired, TooManyAttempts

MIN_LENGTH = 12
"""Characters. Guesses are throttled and nobody gets the hash, so this need not withstand an offline search."""
MAX_LENGTH = 512
SESSION_SECONDS = 30 * 24 * 3600.0
MAX_SESSIONS = 1000

_COST, _BLOCK, _LANES = 2**14, 8, 1
"""scrypt's n, r and p: 16 MiB and some 50 ms for each guess."""
_REMEMBERED = 1024


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_token(host: str, token: str | None) -> None:
    """Raise TokenRequired unless `host` is loopback or a token of fair length guards the server."""
    if token is not None and not MIN_LENGTH <= len(token) <= MAX_LENGTH:
        raise TokenRequired(
            f"The token has {len(token)} characters; it needs {MIN_LENGTH} to {MAX_LENGTH}.",
            hint=f"A good one: {secrets.token_urlsafe(24)}",
        )
    if token is None and not is_loopback(host):
        raise TokenRequired(
            f"With --host {host} other machines can reach this server, and whoever reaches it can run code here.",
            hint=f"Give a token: PULSETRAIN_TOKEN={secrets.token_urlsafe(24)} pulsetrain up --host {host}",
        )


class _Access(msgspec.Struct):
    """What the file holds: digests alone, so that it opens nothing to whoever reads it."""

    salt: str
    token: str
    sessions: dict[str, float] = {}
    """Digest of the session's secret → when it ends, in Unix seconds; the oldest first."""


class Tokens:
    """The server's token and its sessions, kept in `file` (mode 0600) so that a restart logs nobody out.

    Without a token nothing is required of anybody and nothing is written. Raises DataFolderUnusable.
    """

    def __init__(
        self,
        file: Path,
        token: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        attempts: Attempts | None = None,
    ) -> None:
        self._file = file
        self._clock = clock
        self._attempts = attempts or Attempts()
        # A wrong token said twice tells a guesser nothing, so it costs neither scrypt nor an attempt: a program that
        # retries with an old token does not lock its neighbours out.
        self._verdicts: OrderedDict[str, bool] = OrderedDict()
        # One at a time, so that a flood of guesses takes one core at most.
        self._one = asyncio.Lock()
        self._access = self._open(token) if token is not None else None

    @property
    def required(self) -> bool:
        """Whether requests need the token or a session."""
        return self._access is not None

    @property
    def cookie(self) -> str:
        """The session cookie's name. Browsers share cookies over ports, so each server has a name of its own."""
        salt = self._access.salt if self._access else ""
        return "pulsetrain_" + hashlib.sha256(salt.encode()).hexdigest()[:8]

    def known(self, token: str) -> bool | None:
        """Whether `token` is right, if that was found out before. Cheap."""
        return self._verdicts.get(_digest(token))

    async def right(self, token: str, address: str) -> bool:
        """Whether `token` is the server's. Raises TooManyAttempts if `address` gave too many different wrong ones."""
        known = self.known(token)
        if known is not None:
            return known
        async with self._one:
            self._attempts.admit(address)
            right = await asyncio.to_thread(self._matches, token)
        if not right:
            self._attempts.failed(address)
        self._remember(token, right)
        return right

    def open_session(self) -> str:
        """The secret of a new session; only its digest is kept."""
        assert self._access is not None
        secret, now = secrets.token_urlsafe(32), self._clock()
        alive = {digest: ends for digest, ends in self._access.sessions.items() if ends > now}
        alive[_digest(secret)] = now + SESSION_SECONDS
        self._access.sessions = dict(list(alive.items())[-MAX_SESSIONS:])
        self._save(self._access)
        return secret

    def session_valid(self, secret: str) -> bool:
        return self._access is not None and self._access.sessions.get(_digest(secret), 0.0) > self._clock()

    def close_session(self, secret: str) -> None:
        """End a session for good; a copied cookie is worth nothing afterwards."""
        if self._access is not None and self._access.sessions.pop(_digest(secret), None) is not None:
            self._save(self._access)

    def _open(self, token: str) -> _Access:
        """What the file holds for `token`; for another token than last time, a new start without sessions."""
        try:
            stored = msgspec.json.decode(self._file.read_bytes(), type=_Access)
            if hmac.compare_digest(_scrypt(token, stored.salt), stored.token):
                return stored
        except (FileNotFoundError, msgspec.MsgspecError):
            pass  # sessions alone are lost with a broken file
        except OSError as problem:
            raise DataFolderUnusable(f"{self._file} cannot be read: {problem.strerror or problem}.") from None
        salt = secrets.token_hex(16)
        access = _Access(salt, _scrypt(token, salt))
        self._save(access)
        return access

    def _matches(self, token: str) -> bool:
        access = self._access
        if access is None or len(token) > MAX_LENGTH:
            return False
        return hmac.compare_digest(_scrypt(token, access.salt), access.token)

    def _remember(self, token: str, right: bool) -> None:
        self._verdicts[_digest(token)] = right
        if len(self._verdicts) > _REMEMBERED:
            # The right one stays: there is at most one.
            self._verdicts.pop(next(digest for digest, verdict in self._verdicts.items() if not verdict))

    def _save(self, access: _Access) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=".tokens-")  # created with mode 0600
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(msgspec.json.encode(access))
            Path(name).replace(self._file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise


class Attempts:
    """Counts wrong guesses within a window of `window_seconds`: at most `each` by one address, `together` by all."""

    def __init__(
        self,
        *,
        each: int = 10,
        together: int = 100,
        window_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._each, self._together, self._window, self._clock = each, together, window_seconds, clock
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque()

    def admit(self, address: str) -> None:
        """Raise TooManyAttempts if `address`, or all together, guessed wrong too often."""
        now = self._clock()
        for failures, limit in ((self._by_address.get(address), self._each), (self._all, self._together)):
            while failures and failures[0] <= now - self._window:
                failures.popleft()
            if failures and len(failures) >= limit:
                raise TooManyAttempts(math.ceil(failures[0] + self._window - now))

    def failed(self, address: str) -> None:
        """Count a wrong guess of `address`."""
        now = self._clock()
        self._by_address.setdefault(address, deque()).append(now)
        self._by_address.move_to_end(address)
        self._all.append(now)
        if len(self._by_address) > _REMEMBERED:
            self._by_address.popitem(last=False)


def _scrypt(token: str, salt: str) -> str:
    key = hashlib.scrypt(token.encode(), salt=salt.encode(), n=_COST, r=_BLOCK, p=_LANES, dklen=32)
    return base64.b64encode(key).decode()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
