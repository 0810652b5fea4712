"""Ingest: what producers send becomes events, exactly once (PROTOCOL §5)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

import msgspec

from pulsetrain.model.errors import Gap, RunNotFound, Unauthorized
from pulsetrain.model.events import NewEvent
from pulsetrain.model.records import Batch, accept, check
from pulsetrain.ports import EventLog, Transaction

from .runs import token_digest


class Accepted(msgspec.Struct, frozen=True):
    """The answer to a batch, after its commit."""

    last_n: int
    """The producer's last row that the log has."""
    cursor: str
    state: str
    lease_seconds: float


class Ingest:
    """Takes the batches of all producers."""

    def __init__(self, log: EventLog, seen: Callable[[str], None], lease_seconds: float = 15.0) -> None:
        """`seen(run)` is called on the event loop for each sign of life of a run's own producers."""
        self._log = log
        self._seen = seen
        self._lease_seconds = lease_seconds

    async def records(self, run: str, token: str | None, batch: Batch) -> Accepted:
        """Append what of `batch` the log does not have yet.

        Raises BadRequest, RunNotFound, Unauthorized, Gap (send again from `expected`) or Fenced (stop sending).
        """
        check(batch)
        decision = _Records(run, token_digest(token or ""), batch)
        try:
            appended = await self._log.append(decision)
        except Gap:
            # It lives, it has only lost its place.
            self._seen(run)
            raise
        self._seen(run)
        return Accepted(decision.last_n, str(appended.cursor), decision.state, self._lease_seconds)

    async def authorize(self, run: str, token: str | None) -> None:
        """Check that `token` is the run's own; a sign of life if it is. Raises RunNotFound or Unauthorized."""
        known = await self._log.run_token_digest(run)
        if known is None and (await self._log.run(run))[1] is None:
            raise RunNotFound(f"There is no run {run!r}.")
        _check_token(known, token_digest(token or ""))
        self._seen(run)


def _check_token(known: str | None, digest: str) -> None:
    if known is None or not hmac.compare_digest(known, digest):
        raise Unauthorized("This is not the token of this run.", hint="Send 'Authorization: Bearer <run token>'.")


class _Records:
    """The decision on one batch; it keeps what the answer needs."""

    def __init__(self, run: str, digest: str, batch: Batch) -> None:
        self._run, self._digest, self._batch = run, digest, batch
        self.last_n = 0
        self.state = ""

    def __call__(self, log: Transaction) -> Sequence[NewEvent]:
        run = log.run(self._run)
        if run is None:
            raise RunNotFound(f"There is no run {self._run!r}.")
        _check_token(log.run_token_digest(self._run), self._digest)
        position = log.position(self._run, self._batch.producer)
        events, after = accept(run, position, log.newest_attempt(self._run), self._batch)
        if after != position:
            log.advance(self._run, self._batch.producer, after)
        self.last_n = after.last_n
        moves = [event.data["state"] for event in events if event.type == "run.status"]
        self.state = moves[-1] if moves else run.state
        return events
