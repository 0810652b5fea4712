"""The queue as the log tells it: who waits and who holds what, kept in memory from the commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, RunNotFound, RunNotQueued
from pulsetrain.model.events import Event, NewEvent, unix_time
from pulsetrain.model.log import Stored
from pulsetrain.model.queue import MAX_PRIORITY, MIN_PRIORITY, Gpu, Grant, Holder, Machine, Queue, Waiting
from pulsetrain.model.runs import ENDED, Resources, Run
from pulsetrain.ports import Clock, EventLog, Transaction
from pulsetrain.wire.codec import event_from_json

TOLD = 20
"""Who is further back is not told where it stands: each move of the queue would move all of them."""
_TYPES = frozenset({"run.created", "run.status", "run.queue", "run.progress"})

Expected = Callable[[str | None, str | None, dict[str, Any]], float | None]
"""`(trainer, dataset, parameters)` → seconds that such a run takes, where earlier ones tell."""


class QueueMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a waiting run shall stand: `before` or `after` another one, which gives it that one's priority too."""

    priority: int | None = None
    before: str | None = None
    after: str | None = None


class WaitingRun(msgspec.Struct, frozen=True):
    run: str
    name: str
    position: int
    priority: int
    resources: Resources
    start_seconds: float | None
    reason: str


class HoldingRun(msgspec.Struct, frozen=True):
    run: str
    name: str
    resources: Resources
    eta_seconds: float | None


class MachinePage(msgspec.Struct, frozen=True):
    cores: float
    memory_bytes: int
    gpus: tuple[Gpu, ...]
    slots: int


class QueuePage(msgspec.Struct, frozen=True):
    """Who waits, in order, who runs, and what there is in all."""

    cursor: str
    waiting: list[WaitingRun]
    running: list[HoldingRun]
    machine: MachinePage


class Line:
    """Follows the log; `moved` is called when somebody may have become able to start."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        machine: Machine,
        *,
        granted: Callable[[Run], Grant],
        expected: Expected = lambda trainer, dataset, parameters: None,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`granted(run)` says what a run was given that this process did not start itself."""
        self.queue = Queue(machine)
        self.moved = moved
        self._log = log
        self._clock = clock
        self._granted = granted
        self._expected = expected
        self._lost: dict[str, Holder] = {}
        self._works: dict[str, tuple[str | None, str | None, dict[str, Any]]] = {}
        self._told: dict[str, tuple[int, float | None]] = {}
        self._early: list[Stored] | None = []

    async def start(self) -> None:
        """Take what the log holds now; from then on the commits tell."""
        self._log.on_commit(self._committed)
        runs = await self._log.active_runs()
        held = {run.id: await asyncio.to_thread(self._granted, run) for run in runs if _is_held(run)}
        for run in runs:
            if run.trainer is not None:
                self._take_in(run, held.get(run.id))
        early, self._early = self._early or [], None
        known = {run.id: run.last_seq for run in runs}
        self._committed([event for event in early if event.seq > known.get(event.run or "", 0)])

    def _take_in(self, run: Run, grant: Grant | None) -> None:
        resources = run.resources or Resources()
        if grant is not None:
            ends = _end(run.progress.eta_seconds, run.progress.time) if run.progress is not None else None
            self.queue.hold(Holder(run.id, run.name, grant, resources, run.state == "paused", ends))
            return
        order = run.first_seq if run.order is None else run.order
        self._works[run.id] = (run.trainer, run.dataset, run.parameters)
        self.queue.add(Waiting(run.id, run.name, order, resources, run.priority))
        if run.progress is not None and run.progress.queue_position is not None:
            self._told[run.id] = (run.progress.queue_position, run.progress.start_seconds)

    # ---- what the log tells ----

    def _committed(self, events: Sequence[Stored]) -> None:
        if self._early is not None:
            self._early += events
            return
        moves = [self._follow(event_from_json(event.body)) for event in events if self._concerns(event)]
        if any(moves):
            self.moved()

    def _concerns(self, event: Stored) -> bool:
        if event.type not in _TYPES or event.run is None:
            return False
        if event.type == "run.created":
            return True
        queue = self.queue
        return event.run in queue.holders or event.run in queue.waiting or event.run in self._lost

    def _follow(self, event: Event) -> bool:
        """Take one event in; whether the queue has moved."""
        assert event.run is not None
        data = event.data
        if event.type == "run.created":
            return self._created(event.run, event.seq, data)
        if event.type == "run.status":
            return self._status(event.run, data["state"])
        if event.type == "run.queue":
            waiting = self.queue.waiting.get(event.run)
            if waiting is not None:
                order = waiting.order if data.get("order") is None else data["order"]
                self.queue.add(msgspec.structs.replace(waiting, priority=data["priority"], order=order))
            return waiting is not None
        holder = self.queue.holders.get(event.run)
        if holder is not None and data.get("eta_seconds") is not None:
            holder.ends_at = _end(data["eta_seconds"], event.time)
        return False

    def _created(self, run: str, seq: int, data: dict[str, Any]) -> bool:
        if data.get("trainer") is None or run in self.queue.holders:
            return False
        resources = msgspec.convert(data.get("resources") or {}, Resources)
        self._works[run] = (data["trainer"], data.get("dataset"), data.get("parameters") or {})
        self.queue.add(Waiting(run, data["name"], seq, resources, data.get("priority") or 0))
        return True

    def _status(self, run: str, state: str) -> bool:
        if state == "queued":
            return False
        if state in ENDED:
            self._works.pop(run, None)
            waited = self.queue.remove(run)
            holder = self.queue.release(run) or self._lost.pop(run, None)
            if state == "lost" and holder is not None:
                self._lost[run] = holder
            return holder is not None or waited is not None
        holder = self.queue.holders.get(run) or self._lost.pop(run, None)
        if holder is None:
            # Started by nobody here, so nothing was given to it; it counts as what it asked for.
            waiting = self.queue.waiting.get(run)
            if waiting is None:
                return False
            holder = Holder(run, waiting.name, asked(waiting.resources), waiting.resources)
        holder.paused = state == "paused"
        self.queue.hold(holder)
        return True

    # ---- what it tells ----

    def expected(self, run: str) -> float | None:
        """Seconds that a run will take, by what is known of earlier ones now."""
        work = self._works.get(run)
        return self._expected(*work) if work is not None else None

    def _starts(self) -> list[float | None]:
        for one in list(self.queue.line(TOLD)):
            self.queue.waiting[one.run] = msgspec.structs.replace(one, seconds=self.expected(one.run))
        return self.queue.start_seconds(self._clock.time(), TOLD)

    async def tell(self) -> None:
        """Tell the first of those who wait where they stand, if that is new to them."""
        first = list(self.queue.line(TOLD))
        starts = self._starts()
        now = {
            one.run: (position, None if start is None else round(start, 1))
            for position, (one, start) in enumerate(zip(first, starts, strict=True), 1)
        }
        news = {run: place for run, place in now.items() if _is_news(self._told.get(run), place)}
        gone = [run for run in self._told if run not in now]
        self._told = {run: news.get(run) or self._told[run] for run in now}
        if news or gone:
            left = {run: self._left_of(run) for run in gone}
            await self._log.append(lambda log: [*_placed(log, news), *_gone(log, left)])

    def _left_of(self, run: str) -> float | None:
        holder = self.queue.holders.get(run)
        return None if holder is None else _left_of(holder, self._clock.time())

    async def move(self, run: str, wanted: QueueMove) -> Cursor:
        """Give a waiting run another place. Raises RunNotFound, RunNotQueued or BadRequest."""
        orders = self._orders(run, wanted)
        neighbour = wanted.before or wanted.after
        priority = self.queue.waiting[neighbour].priority if neighbour is not None else wanted.priority
        assert priority is not None

        def decide(log: Transaction) -> Sequence[NewEvent]:
            known = log.run(run)
            if known is None:
                raise RunNotFound(f"There is no run {run!r}.")
            if known.state != "queued" or known.trainer is None:
                raise RunNotQueued(f"Run {known.name} is {known.state}; it does not wait.")
            waits = [(id, other) for id in orders if (other := log.run(id)) is not None and other.state == "queued"]
            events = [NewEvent("run.queue", {"priority": priority, "order": orders[id]}, id) for id, _ in waits]
            return events or [NewEvent("run.queue", {"priority": priority, "order": known.order}, run)]

        return (await self._log.append(decide)).cursor

    def _orders(self, run: str, wanted: QueueMove) -> dict[str, float]:
        if (wanted.priority is None) + (wanted.before is None) + (wanted.after is None) != 2:
            raise BadRequest("Say one of 'priority', 'before' and 'after'.")
        if wanted.priority is not None:
            check_priority(wanted.priority)
            return {}
        neighbour = wanted.before or wanted.after
        if neighbour == run:
            raise BadRequest("A run cannot stand before or after itself.")
        if neighbour not in self.queue.waiting:
            raise RunNotQueued(f"There is no waiting run {neighbour!r}.")
        # A run that waits no longer is told so by the decision on the log.
        return self.queue.between(run, neighbour, after=wanted.after is not None)

    def page(self) -> QueuePage:
        """The queue now."""
        view, now, machine = self._log.view(), self._clock.time(), self.queue.machine
        starts = self._starts()
        starts += [None] * (len(self.queue.waiting) - len(starts))
        reasons = self.queue.reasons()
        waiting = [
            WaitingRun(one.run, one.name, position, one.priority, one.resources, start, reasons[one.run])
            for position, (one, start) in enumerate(zip(self.queue.line(), starts, strict=True), 1)
        ]
        running = [HoldingRun(one.run, one.name, _held(one), _left_of(one, now)) for one in self.queue.holders.values()]
        has = MachinePage(machine.cores, machine.memory_bytes, machine.gpus, machine.slots)
        return QueuePage(str(Cursor(view.generation, view.tail)), waiting, running, has)


def asked(resources: Resources) -> Grant:
    """What a run counts as holding of which nobody knows what it was given."""
    return Grant(resources.cores, resources.memory_bytes or 0, frozenset(resources.gpu_indices or ()))


def check_priority(priority: int) -> None:
    """Raises BadRequest."""
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise BadRequest(f"A priority is a whole number from {MIN_PRIORITY} to {MAX_PRIORITY}; it is {priority}.")


def _is_held(run: Run) -> bool:
    return run.trainer is not None and run.state != "queued"


def _end(eta_seconds: float | None, time: str | None) -> float | None:
    return None if eta_seconds is None or time is None else unix_time(time) + eta_seconds


def _is_news(old: tuple[int, float | None] | None, new: tuple[int, float | None]) -> bool:
    """Whether a place differs from the one told. An estimate that has moved a little is none: it moves all the time."""
    if old is None or old[0] != new[0] or (old[1] is None) != (new[1] is None):
        return True
    return old[1] is not None and new[1] is not None and abs(old[1] - new[1]) > max(5.0, 0.2 * old[1])


def _placed(log: Transaction, places: dict[str, tuple[int, float | None]]) -> Iterable[NewEvent]:
    for run, (position, start) in places.items():
        known = log.run(run)
        if known is not None and known.state == "queued":
            data = {"percent": None, "queue_position": position, "start_seconds": start}
            yield NewEvent("run.progress", data, run)


def _gone(log: Transaction, runs: dict[str, float | None]) -> Iterable[NewEvent]:
    """Take the place back from those who have none any more, unless they speak of their progress already.

    A run that was started is told how long it will take, until it knows better.
    """
    for run, left in runs.items():
        known = log.run(run)
        if known is not None and known.progress is not None and known.progress.queue_position is not None:
            data = {"percent": None, "eta_seconds": left, "queue_position": None, "start_seconds": None}
            yield NewEvent("run.progress", data, run)


def _held(holder: Holder) -> Resources:
    gpus = sorted(holder.grant.gpus)
    return Resources(holder.grant.cores, holder.grant.memory_bytes or None, len(gpus), gpus or None)


def _left_of(holder: Holder, now: float) -> float | None:
    if holder.ends_at is None or holder.paused:
        return None
    return max(0.0, round(holder.ends_at - now, 3))
