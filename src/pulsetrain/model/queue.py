"""Who waits, who holds what, and who starts next (PROTOCOL §9, *Queue*). Pure: no clock, no log.

Runs that need the same are of one kind: if the first of them does not fit, none of them does. So a decision looks at
the kinds, not at the runs, and costs the same with twenty waiting runs and with two thousand.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Callable, Iterable, Iterator

import msgspec

from .runs import Resources

MIN_PRIORITY, MAX_PRIORITY = -100, 100
_DUST = 1e-9
"""Cores are floats: what is left of a sum that should be whole."""


class Gpu(msgspec.Struct, frozen=True):
    index: int
    name: str | None = None


class Machine(msgspec.Struct, frozen=True):
    """What runs may take in all."""

    cores: float
    memory_bytes: int
    gpus: tuple[Gpu, ...] = ()
    slots: int = 1


class Need(msgspec.Struct, frozen=True):
    """What one run takes; `named` are the GPUs that it must have, `gpus` how many it takes in all."""

    cores: float
    memory_bytes: int
    gpus: int
    named: frozenset[int]

    @classmethod
    def of(cls, resources: Resources) -> Need:
        named = frozenset(resources.gpu_indices or ())
        return cls(resources.cores, resources.memory_bytes or 0, max(len(named), resources.gpus), named)


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a run stands: places are sorted, the first one goes first."""

    descent: int
    """The priority, negated."""
    order: float
    run: str


class Waiting(msgspec.Struct, frozen=True):
    """A run that waits."""

    run: str
    name: str
    order: float
    resources: Resources
    priority: int = 0
    seconds: float | None = None
    """How long it will take, where earlier runs tell."""

    @property
    def place(self) -> Place:
        return Place(-self.priority, self.order, self.run)


class Grant(msgspec.Struct, frozen=True):
    """What a run was given."""

    cores: float
    memory_bytes: int = 0
    gpus: frozenset[int] = frozenset()


class Holder(msgspec.Struct):
    """A run that was started, and what it holds."""

    run: str
    name: str
    grant: Grant
    resources: Resources
    paused: bool = False
    ends_at: float | None = None
    """When it will end by its own reckoning; the caller's clock."""

    @property
    def cores(self) -> float:
        return 0 if self.paused else self.grant.cores

    @property
    def slots(self) -> int:
        return 0 if self.paused else 1


class Room(msgspec.Struct):
    """What is free, or set aside, while a decision is made."""

    slots: int
    cores: float
    memory_bytes: int
    gpus: set[int]

    @classmethod
    def of(cls, machine: Machine) -> Room:
        return cls(machine.slots, machine.cores, machine.memory_bytes, {gpu.index for gpu in machine.gpus})

    def copy(self) -> Room:
        return Room(self.slots, self.cores, self.memory_bytes, set(self.gpus))

    def lacks(self, need: Need) -> frozenset[str]:
        """Of what there is too little for `need`."""
        short = {
            "slots": self.slots < 1,
            "cores": self.cores + _DUST < need.cores,
            "memory": self.memory_bytes < need.memory_bytes,
            "gpus": len(self.gpus) < need.gpus or not need.named <= self.gpus,
        }
        return frozenset(name for name, missing in short.items() if missing)

    def fits(self, need: Need) -> bool:
        return not self.lacks(need)

    def take(self, grant: Grant, slots: int = 1, cores: float | None = None) -> None:
        self.slots -= slots
        self.cores -= grant.cores if cores is None else cores
        self.memory_bytes -= grant.memory_bytes
        self.gpus -= grant.gpus

    def give_back(self, grant: Grant) -> None:
        self.slots += 1
        self.cores += grant.cores
        self.memory_bytes += grant.memory_bytes
        self.gpus |= grant.gpus

    def grant(self, need: Need, avoid: frozenset[int] = frozenset()) -> Grant:
        """What a run gets for `need`, which fits: of the GPUs the named ones, then those not in `avoid`."""
        others = sorted(self.gpus - need.named, key=lambda index: (index in avoid, index))
        chosen = [*need.named, *others[: need.gpus - len(need.named)]]
        return Grant(need.cores, need.memory_bytes, frozenset(chosen))


class Queue:
    """The waiting and the holding runs of one machine, in memory."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.waiting: dict[str, Waiting] = {}
        self.holders: dict[str, Holder] = {}
        self._line: list[Place] = []
        self._kinds: dict[Need, list[Place]] = {}

    # ---- what happens ----

    def add(self, waiting: Waiting) -> None:
        """`waiting` is in the line, where it says; it may have stood elsewhere in it."""
        self.remove(waiting.run)
        self.waiting[waiting.run] = waiting
        bisect.insort(self._line, waiting.place)
        bisect.insort(self._kinds.setdefault(Need.of(waiting.resources), []), waiting.place)

    def remove(self, run: str) -> Waiting | None:
        """`run` waits no longer."""
        known = self.waiting.pop(run, None)
        if known is not None:
            need = Need.of(known.resources)
            _drop(self._line, known.place)
            _drop(self._kinds[need], known.place)
            if not self._kinds[need]:
                del self._kinds[need]
        return known

    def hold(self, holder: Holder) -> None:
        """A run was started and has what it was given."""
        self.remove(holder.run)
        self.holders[holder.run] = holder

    def release(self, run: str) -> Holder | None:
        """A run has given back what it held."""
        return self.holders.pop(run, None)

    # ---- what is so ----

    def line(self, limit: int | None = None) -> Iterator[Waiting]:
        """Those who wait, the first one first."""
        return (self.waiting[place.run] for place in self._line[:limit])

    def free(self) -> Room:
        """What no run holds. Below nothing where runs went on that a machine with less would not have started."""
        room = Room.of(self.machine)
        for holder in self.holders.values():
            room.take(holder.grant, holder.slots, holder.cores)
        return room

    # ---- what follows ----

    def next(self, avoid: frozenset[int] = frozenset()) -> tuple[Waiting, Grant] | None:
        """Who starts now, and with what; None if all must wait.

        A run that does not fit sets aside what it does not lack, and nobody behind it may take of what it lacks.
        GPUs in `avoid` are given last.
        """
        free = self.free()
        left, whole, first = free.copy(), Room.of(self.machine), True
        heads = [(places[0], 0, need) for need, places in self._kinds.items() if self.ever_fits(need)]
        heapq.heapify(heads)
        while heads and left.slots > 0:
            place, index, need = heapq.heappop(heads)
            if left.fits(need):
                return self.waiting[place.run], left.grant(need, avoid)
            possible = whole.fits(need)
            self._set_aside(need, free, left, claims=possible, first=first)
            first = False
            # Those that could not run beside the ones before them have no claim yet, and neither has their kind.
            if possible:
                whole.take(whole.grant(need))
                if index + 1 < len(places := self._kinds[need]):
                    heapq.heappush(heads, (places[index + 1], index + 1, need))
        return None

    def ever_fits(self, need: Need) -> bool:
        """Whether the whole machine would do."""
        return Room.of(self.machine).fits(need)

    def _set_aside(self, need: Need, free: Room, left: Room, *, claims: bool, first: bool) -> None:
        lacking = free.lacks(need)
        # Whatever it waits for is held by runs that give back more than that when they end. The first one in the line
        # may count on it; for the others it may be gone by then.
        comes = self._comes_with(lacking, need) if first else Grant(0)
        if "slots" in lacking:
            left.slots = 0
        elif claims:
            left.slots -= 0 if first and self._slot_comes(lacking, need) else 1
        if "cores" in lacking:
            left.cores = 0
        elif claims:
            left.cores -= max(0.0, need.cores - comes.cores)
        if "memory" in lacking:
            left.memory_bytes = 0
        elif claims:
            left.memory_bytes -= max(0, need.memory_bytes - comes.memory_bytes)
        if "gpus" in lacking and len(free.gpus) < need.gpus:
            left.gpus = set()
        elif claims:
            left.gpus -= need.named
            others = need.gpus - len(need.named)
            left.gpus -= set(sorted(left.gpus, reverse=True)[:others])

    def _suppliers(self, lacking: frozenset[str], need: Need) -> Iterator[list[Holder]]:
        """For each thing that `need` lacks, those who hold some of it: one of them at least must end."""
        holds: dict[str, Callable[[Holder], bool]] = {
            "slots": lambda one: one.slots > 0,
            "cores": lambda one: one.cores > 0,
            "memory": lambda one: one.grant.memory_bytes > 0,
            "gpus": lambda one: bool(one.grant.gpus & need.named if need.named else one.grant.gpus),
        }
        for name in lacking:
            yield [holder for holder in self.holders.values() if holds[name](holder)]

    def _comes_with(self, lacking: frozenset[str], need: Need) -> Grant:
        cores, memory = 0.0, 0
        for suppliers in self._suppliers(lacking, need):
            cores = max(cores, min((one.cores for one in suppliers), default=0.0))
            memory = max(memory, min((one.grant.memory_bytes for one in suppliers), default=0))
        return Grant(cores, memory)

    def _slot_comes(self, lacking: frozenset[str], need: Need) -> bool:
        return any(suppliers and all(one.slots for one in suppliers) for suppliers in self._suppliers(lacking, need))

    # ---- what can be told ----

    def start_seconds(self, now: float, limit: int) -> list[float | None]:
        """Seconds until each of the first `limit` starts, one after the other; None where it cannot be reckoned."""
        room = self.free()
        ends = [
            (max(0.0, holder.ends_at - now), number, holder.grant)
            for number, holder in enumerate(self.holders.values())
            if holder.ends_at is not None and not holder.paused
        ]
        heapq.heapify(ends)
        found: list[float | None] = []
        at: float | None = 0.0
        for number, waiting in enumerate(self.line(limit), len(self.holders)):
            need = Need.of(waiting.resources)
            if not self.ever_fits(need):
                found.append(None)
                continue
            while at is not None and not room.fits(need):
                at = _next_end(ends, room, at)
            found.append(at)
            if at is not None:
                grant = room.grant(need)
                room.take(grant)
                if waiting.seconds is not None:
                    heapq.heappush(ends, (at + waiting.seconds, number, grant))
        return found

    def reasons(self) -> dict[str, str]:
        """What each waiting run waits for, in a sentence."""
        free = self.free()
        said: dict[str, str] = {}
        for waiting in self.line():
            need = Need.of(waiting.resources)
            never = misfit(need, self.machine)
            if never is not None:
                said[waiting.run] = never
            elif lacking := free.lacks(need):
                said[waiting.run] = f"Waits for {_join(_short(name, need, free) for name in sorted(lacking))}."
            else:
                said[waiting.run] = "Waits for the runs before it."
        return said

    def between(self, run: str, neighbour: str, *, after: bool) -> dict[str, float]:
        """The order that puts `run` directly before or after `neighbour`, at its priority.

        Where no number lies between two neighbours, all of that priority get new ones.
        """
        priority = self.waiting[neighbour].priority
        same = [one for one in self.line() if one.priority == priority and one.run != run]
        index = next(number for number, one in enumerate(same) if one.run == neighbour) + after
        low = same[index - 1].order if index else same[0].order - 2
        high = same[index].order if index < len(same) else same[-1].order + 0.5
        middle = (low + high) / 2
        if low < middle < high:
            return {run: middle}
        runs = [one.run for one in same]
        runs.insert(index, run)
        begin = math.floor(same[0].order) - len(runs)
        return {one: float(begin + number) for number, one in enumerate(runs)}


def misfit(need: Need, machine: Machine) -> str | None:
    """Why `need` can never be met by `machine`; None if it can."""
    room = Room.of(machine)
    lacking = room.lacks(need)
    if not lacking:
        return None
    asked = _join(_asked(name, need) for name in sorted(lacking))
    return f"It asks for {asked}; this machine has {_join(_has(name, machine) for name in sorted(lacking))}."


def _next_end(ends: list[tuple[float, int, Grant]], room: Room, at: float) -> float | None:
    if not ends:
        return None
    seconds, _, grant = heapq.heappop(ends)
    room.give_back(grant)
    return max(at, seconds)


def _drop(places: list[Place], place: Place) -> None:
    del places[bisect.bisect_left(places, place)]


def _asked(name: str, need: Need) -> str:
    if name == "gpus" and need.named:
        return f"GPU {_join(map(str, sorted(need.named)))}"
    return {
        "slots": "a slot",
        "cores": "a core" if need.cores == 1 else f"{need.cores:g} cores",
        "memory": f"{_gib(need.memory_bytes)} of memory",
        "gpus": "a GPU" if need.gpus == 1 else f"{need.gpus} GPUs",
    }[name]


def _has(name: str, machine: Machine) -> str:
    indices = ", ".join(str(gpu.index) for gpu in machine.gpus)
    return {
        "slots": f"{machine.slots} slots",
        "cores": f"{machine.cores:g}",
        "memory": _gib(machine.memory_bytes),
        "gpus": f"GPUs {indices}" if indices else "no GPU",
    }[name]


def _short(name: str, need: Need, free: Room) -> str:
    left = {
        "slots": "",
        "cores": f" ({max(0.0, round(free.cores, 3)):g} free)",
        "memory": f" ({_gib(max(0, free.memory_bytes))} free)",
        "gpus": f" ({len(free.gpus)} free)" if not need.named else "",
    }
    return _asked(name, need) + left[name]


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"


def _join(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
