"""What the writer remembers: folded runs, producers' positions, token digests. The file is always the truth."""

from __future__ import annotations

import sqlite3

import msgspec

from pulsetrain.model.errors import BadRequest
from pulsetrain.model.events import Event
from pulsetrain.model.fold import fold
from pulsetrain.model.records import Position
from pulsetrain.model.runs import Run
from pulsetrain.wire.codec import encode_json

from . import sql

_decode_run = msgspec.json.Decoder(Run).decode
_REMEMBERED_RUNS = 1000


def decode_run(state: bytes) -> Run:
    """The run that a row of `runs` holds."""
    return _decode_run(state)


class States:
    """The writer's working copy. Between commits it may be dropped whole: everything in it is in the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._runs: dict[str, Run | None] = {}
        self._producers: dict[str, dict[str, Position]] = {}
        self._tokens: dict[str, str | None] = {}
        self._dirty_runs: set[str] = set()
        self._dirty_producers: dict[tuple[str, str], Position] = {}
        self._dirty_tokens: dict[str, str] = {}
        self._uncommitted: list[Event] = []

    @property
    def changed(self) -> bool:
        """Whether a commit would write anything."""
        return bool(self._uncommitted or self._dirty_producers or self._dirty_tokens)

    def run(self, id: str) -> Run | None:
        if id not in self._runs:
            row = self._connection.execute(sql.GET_RUN, (id,)).fetchone()
            self._runs[id] = None if row is None else decode_run(row[0])
        return self._runs[id]

    def producers(self, run: str) -> dict[str, Position]:
        known = self._producers.get(run)
        if known is None:
            rows = self._connection.execute(sql.GET_PRODUCERS, (run,))
            known = self._producers[run] = {name: Position(attempt, last_n) for name, attempt, last_n in rows}
        return known

    def token(self, run: str) -> str | None:
        if run not in self._tokens:
            row = self._connection.execute(sql.GET_TOKEN, (run,)).fetchone()
            self._tokens[run] = None if row is None else row[0]
        return self._tokens[run]

    def fold(self, events: list[Event]) -> None:
        """Fold the events of one request, all or none. Raises BadRequest when one of them cannot be folded."""
        try:
            for event in events:
                if event.run is not None:
                    self._runs[event.run] = fold(self.run(event.run), event)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, msgspec.MsgspecError) as problem:
            self._restore({event.run for event in events})
            raise BadRequest(f"An event of type {event.type!r} does not hold what its type needs: {problem}.") from None
        self._uncommitted += events
        self._dirty_runs.update(event.run for event in events if event.run is not None)

    def keep(self, positions: dict[tuple[str, str], Position], tokens: dict[str, str]) -> None:
        """Take over what one request wants kept beside its events."""
        for (run, producer), position in positions.items():
            self.producers(run)[producer] = position
        self._tokens.update(tokens)
        self._dirty_producers.update(positions)
        self._dirty_tokens.update(tokens)

    def write(self) -> None:
        """Write all that changed, inside the open transaction."""
        execute = self._connection.executemany
        runs = [run for run in map(self.run, self._dirty_runs) if run is not None]
        execute(sql.UPSERT_RUN, [(run.id, run.first_seq, not run.active, encode_json(run)) for run in runs])
        positions = self._dirty_producers.items()
        execute(sql.UPSERT_PRODUCER, [(*key, position.attempt, position.last_n) for key, position in positions])
        execute(sql.UPSERT_TOKEN, list(self._dirty_tokens.items()))

    def committed(self) -> None:
        """The file holds all of it now."""
        self._clean()
        if len(self._runs) > _REMEMBERED_RUNS:
            self._forget()

    def rolled_back(self) -> None:
        """The file holds none of it: forget everything, the next look reads the truth."""
        self._clean()
        self._forget()

    def _restore(self, runs: set[str | None]) -> None:
        """Bring runs that half a request was folded into back to where the last whole request left them."""
        for id in runs - {None}:
            assert id is not None
            self._runs.pop(id, None)
            for event in self._uncommitted:
                if event.run == id:
                    self._runs[id] = fold(self.run(id), event)

    def _clean(self) -> None:
        self._dirty_runs.clear()
        self._dirty_producers.clear()
        self._dirty_tokens.clear()
        self._uncommitted.clear()

    def _forget(self) -> None:
        self._runs.clear()
        self._producers.clear()
        self._tokens.clear()


class Staged:
    """The `Transaction` of one decision: it sees all before it, and what it wants kept waits until it succeeds."""

    def __init__(self, states: States) -> None:
        self._states = states
        self.positions: dict[tuple[str, str], Position] = {}
        self.tokens: dict[str, str] = {}

    def run(self, id: str) -> Run | None:
        return self._states.run(id)

    def position(self, run: str, producer: str) -> Position | None:
        return self.positions.get((run, producer)) or self._states.producers(run).get(producer)

    def newest_attempt(self, run: str) -> int:
        """The highest attempt that any producer of the run has come with; 0 before the first."""
        staged = [position.attempt for (id, _), position in self.positions.items() if id == run]
        return max([position.attempt for position in self._states.producers(run).values()] + staged, default=0)

    def advance(self, run: str, producer: str, position: Position) -> None:
        if self.position(run, producer) != position:
            self.positions[run, producer] = position

    def run_token_digest(self, run: str) -> str | None:
        return self.tokens.get(run) or self._states.token(run)

    def set_run_token_digest(self, run: str, digest: str) -> None:
        self.tokens[run] = digest
