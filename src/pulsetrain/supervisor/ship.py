"""Ships the spool: tails every producer's file, sends what is new, and keeps at it while the run lives."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from pulsetrain.model.runs import FINAL
from pulsetrain.sdk.control import LINK_DOWN, LINK_REFUSED, LINK_UP
from pulsetrain.sdk.folder import SUPERVISOR, Note, SpoolFolder

from .link import Link, Refused, Unreachable
from .tail import Row, Tail, merge

HEARTBEAT_SECONDS = 5.0
_ACTIVE_POLL, _IDLE_POLL, _SLEEPY_POLL = 0.02, 0.03, 0.05
"""Seconds between looks at the files: while rows come, for half a minute after, and later. A look costs about 35 µs."""
_REST_SECONDS = 0.5
"""The same while the processes of the run stand still: nobody writes but who calls `rest()`."""
_LONGEST_PAUSE = 0.03
"""Seconds between requests while rows come without a pause: they travel together."""
_LONGEST_RETRY = 5.0
_REFUSED_RETRY = 30.0
_ACK_SECONDS = 1.0
_LOOK_SECONDS = 0.1
"""How often the folder is searched for files of new producers."""

Fix = Callable[[Row], None]


class Shipper:
    """Runs in a thread of its own. `say` takes what a person should know, `set_link` what the training process may."""

    def __init__(
        self,
        folder: SpoolFolder,
        note: Note,
        *,
        say: Callable[[str], None],
        set_link: Callable[[int], None] = lambda _: None,
        fix: Fix = lambda _: None,
        on_registered: Callable[[], None] = lambda: None,
    ) -> None:
        self.fenced = threading.Event()
        """Set when a newer attempt of this run has taken over."""
        self.done = threading.Event()
        """Set when the thread has ended."""
        self.shipped = False
        """Whether the server has everything."""
        self._folder = folder
        self._note = note
        self._link = Link(note.url, note.id, note.token)
        self._say, self._set_link, self._fix, self._on_registered = say, set_link, fix, on_registered
        self._tails: dict[str, Tail] = {}
        self._listed = 0
        self._acknowledged = folder.acknowledged()
        self._ack_written = 0.0
        self._end = threading.Event()
        self._ending = False
        self._resting = False
        self._deadline = float("inf")
        self._linger = 0.0
        self._state = 0
        self._failures = 0
        self._last_sent = 0.0
        self._last_row = time.monotonic()
        self._pause = 0.0
        self._poll = _ACTIVE_POLL
        self._look_at = 0.0

    def start(self) -> None:
        threading.Thread(target=self._run, name="ship", daemon=True).start()

    def finish(self, linger: float) -> None:
        """Nothing will be written any more. Ship the rest; give up after `linger` seconds without the server."""
        self._linger = linger
        self._deadline = time.monotonic() + linger
        self._ending = True
        self._end.set()

    def rest(self, resting: bool) -> None:
        """Whether the processes of the run stand still. What the supervisor has written is looked at now."""
        if resting or self._resting:
            self._resting = resting
            self._end.set()

    def sdk_state(self) -> tuple[bool, bool, bool]:
        """Whether the training process has a spool, has metrics in it, and has progress in it."""
        own = [tail for name, tail in list(self._tails.items()) if name != SUPERVISOR]
        return bool(own), any(tail.metrics_seen for tail in own), any(tail.progress_seen for tail in own)

    # ---- the thread ----

    def _run(self) -> None:
        try:
            while not self._over():
                if self._quiet():
                    # Asked many times a second, beside training: this way costs two small reads.
                    if self._resting:
                        self._end.wait(_REST_SECONDS)
                        self._end.clear()
                    else:
                        time.sleep(self._poll)
                    continue
                wait = self._turn()
                if wait > 0 and not self._over():
                    self._end.wait(wait)
                    self._end.clear()
        except Exception as problem:
            self._say(f"Shipping has ended, and the run goes on: {type(problem).__name__}: {problem}")
            raise
        finally:
            self._write_ack()
            self._link.close()
            self.done.set()

    def _over(self) -> bool:
        return self.fenced.is_set() or self.shipped or (self._ending and time.monotonic() > self._deadline)

    def _quiet(self) -> bool:
        """Whether there is nothing to do at the moment."""
        if self._ending or time.monotonic() >= self._look_at:
            return False
        return not any(tail.news for tail in self._tails.values())

    def _turn(self) -> float:
        """Send what there is; the answer is how many seconds to wait before the next turn."""
        try:
            if self._note.register is not None and not self._note.registered:
                self._register()
            sent = self._send_all()
        except (Unreachable, OSError) as problem:
            # A full disk passes too; nothing here is lost by trying again.
            return self._unreachable(str(problem))
        except Refused as problem:
            return self._refused(problem)
        if not sent and self._ending and self._drained():
            self.shipped = True
        return self._rest(sent)

    def _send_all(self) -> bool:
        """One batch of each producer that has something. Whether any row went out. Raises Unreachable or Refused."""
        self._look()
        sent = False
        for tail in list(self._tails.values()):
            tail.read()
            rows = tail.batch(self._hold(tail))
            if rows and not tail.broken:
                self._send(tail, rows)
                sent = True
        now = time.monotonic()
        if not sent and now - self._last_sent >= HEARTBEAT_SECONDS:
            self._post(SUPERVISOR, [])
        if now - self._ack_written >= _ACK_SECONDS:
            self._write_ack()
        return sent

    def _send(self, tail: Tail, rows: list[Row]) -> None:
        rows = self._prepared(rows)
        try:
            answer = self._post(tail.producer, merge(rows))
        except Refused as problem:
            if problem.code == "gap" and problem.expected is not None:
                tail.rewind(problem.expected)
                if tail.broken:
                    self._say(f"The server lacks row {problem.expected} of {tail.producer}, and so does the spool.")
            elif problem.status in (400, 413, 422):
                self._one_by_one(tail, rows)
            else:
                raise
        else:
            tail.acknowledge(int(answer.get("last_n", rows[-1].last)))
            self._acknowledged[tail.producer] = tail.acknowledged

    def _one_by_one(self, tail: Tail, rows: list[Row]) -> None:
        """Find the record that the server cannot take, and send a line that says so in its place: no row may be
        missing.
        """
        for row in rows:
            try:
                self._post(tail.producer, merge([row]))
            except Refused as problem:
                if problem.status not in (400, 413, 422):
                    raise
                text = f"A record of type {row.type} was refused: {problem.message}"
                self._say(text)
                _replace(row, [text] + ["(refused)"] * (row.count - 1))
                self._post(tail.producer, merge([row]))
            tail.acknowledge(row.last)

    def _post(self, producer: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        batch = {"attempt": self._note.attempt, "producer": producer, "records": records}
        answer = self._link.records(msgspec.msgpack.encode(batch))
        self._reached()
        return answer

    def _prepared(self, rows: list[Row]) -> list[Row]:
        """Rows as the server takes them: files are there before their record says so."""
        for row in rows:
            if row.type == "run.artifact" and "path" in row.data:
                self._upload(row)
            else:
                self._fix(row)
        return rows

    def _upload(self, row: Row) -> None:
        path = self._folder.path / str(row.data["path"])
        try:
            found = self._link.artifact(row.data["name"], row.data["kind"], path)
        except OSError as problem:
            _replace(row, [f"The artifact {row.data['name']} cannot be read: {problem.strerror or problem}"])
        except Refused as problem:
            if problem.status not in (400, 413, 422):
                raise
            _replace(row, [f"The artifact {row.data['name']} was refused: {problem.message}"])
        else:
            row.data = {key: found[key] for key in ("name", "kind", "size", "digest")}
            self._reached()

    def _register(self) -> None:
        assert self._note.register is not None
        self._link.register(self._note.register, os.environ.get("PULSETRAIN_TOKEN"))
        self._note.registered = True
        self._folder.write_note(self._note)
        self._on_registered()

    # ---- which rows, and when ----

    def _look(self) -> None:
        """Find files of producers that are new."""
        changed = self._folder.path.stat().st_mtime_ns
        if changed == self._listed and not self._ending:
            return
        for name in self._folder.producers():
            if name not in self._tails:
                self._tails[name] = Tail(self._folder.producer(name), name, self._acknowledged.get(name, 0))
        # The supervisor's own rows come last, since the end of the run is among them.
        self._tails = dict(sorted(self._tails.items(), key=lambda item: (item[0] == SUPERVISOR, item[0])))
        # A file that came in the same tick of the clock would not change the time again.
        self._listed = changed if time.time_ns() - changed > 100_000_000 else 0

    def _hold(self, tail: Tail) -> int | None:
        """The row before the end of the run, while others have something to say; None if all may go."""
        if tail.producer != SUPERVISOR:
            return None
        end = next((row for row in tail.pending if row.type == "run.status" and row.data["state"] in FINAL), None)
        if end is None or (self._ending and self._drained(but=SUPERVISOR)):
            return None
        return end.n - 1

    def _drained(self, but: str = "") -> bool:
        for name, tail in self._tails.items():
            if name == but or tail.broken:
                continue
            tail.read()
            if tail.pending:
                return False
        return True

    def _rest(self, sent: bool) -> float:
        now = time.monotonic()
        self._look_at = now + (_REST_SECONDS if self._resting else _LOOK_SECONDS)
        if sent:
            # The first row after a silence goes at once; a stream of them is gathered more and more.
            self._pause = min(_LONGEST_PAUSE, max(_ACTIVE_POLL / 2, 2 * self._pause))
            self._last_row = now
            return 0.0 if self._ending else self._pause
        silent = now - self._last_row
        if silent > 0.25:
            self._pause = 0.0
        self._poll = _ACTIVE_POLL if silent < 1 else _IDLE_POLL if silent < 30 else _SLEEPY_POLL
        return self._poll

    # ---- how it is going ----

    def _reached(self) -> None:
        self._last_sent = time.monotonic()
        if self._ending:
            self._deadline = self._last_sent + self._linger
        if self._state != LINK_UP:
            if self._state:
                self._say("The server is back.")
            self._state = LINK_UP
            self._set_link(LINK_UP)
        self._failures = 0

    def _unreachable(self, why: str) -> float:
        if self._state != LINK_DOWN and (self._failures or self._ending):
            self._say(f"No server at {self._link.url} ({why}). The run goes on and is kept in {self._folder.path}.")
            self._state = LINK_DOWN
        self._set_link(LINK_DOWN)
        self._failures += 1
        return min(_LONGEST_RETRY, 0.05 * 2.0 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)

    def _refused(self, problem: Refused) -> float:
        if problem.code == "fenced":
            self._say(problem.message)
            self.fenced.set()
            return 0.0
        if problem.code == "run_not_found" and self._note.register is not None and self._note.registered:
            # A server with an empty log: the run enters it again, from its first row.
            self._note.registered = False
            return 0.0
        if self._state != LINK_REFUSED:
            self._say(f"The server refuses this run: {problem.message} It is kept in {self._folder.path}.")
            self._state = LINK_REFUSED
            self._set_link(LINK_REFUSED)
        self._failures += 1
        return min(_REFUSED_RETRY, 2.0 ** min(self._failures, 5)) * random.uniform(0.5, 1.0)

    def _write_ack(self) -> None:
        self._ack_written = time.monotonic()
        if self._acknowledged:
            try:
                self._folder.write_acknowledged(self._acknowledged)
            except OSError:
                return  # a shortcut only: the server knows what it has


def _replace(row: Row, lines: list[str]) -> None:
    row.type = "run.log"
    row.data = {
        "lines": [{"stream": "pulsetrain", "text": line, "time": row.time, "level": "warning"} for line in lines]
    }
