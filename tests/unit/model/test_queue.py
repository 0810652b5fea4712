"""Who starts next: in order, never more than there is, and nobody ahead of those whom it would put off."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.model.queue import Gpu, Holder, Machine, Need, Queue, Room, Waiting, misfit
from pulsetrain.model.runs import Resources

GIB = 2**30


def machine(slots: int = 4, cores: float = 4, gpus: int = 2) -> Machine:
    return Machine(cores, 8 * GIB, tuple(Gpu(index) for index in range(gpus)), slots)


def waits(queue: Queue, run: str, *, priority: int = 0, seconds: float | None = None, **resources: Any) -> None:
    order = float(len(queue.waiting) + len(queue.holders) + 1)
    queue.add(Waiting(run, run, order, Resources(**resources), priority, seconds))


def holds(queue: Queue, run: str, *, paused: bool = False, ends_at: float | None = None, **resources: Any) -> None:
    wanted = Resources(**resources)
    grant = Room.of(queue.machine).grant(Need.of(wanted))
    queue.hold(Holder(run, run, grant, wanted, paused, ends_at))


def fill(queue: Queue) -> list[str]:
    """Start all that may start now."""
    started: list[str] = []
    while (found := queue.next()) is not None:
        waiting, grant = found
        queue.hold(Holder(waiting.run, waiting.name, grant, waiting.resources))
        started.append(waiting.run)
    return started


def test_the_higher_priority_goes_first_and_then_the_older_one() -> None:
    queue = Queue(machine(slots=1))
    for run, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -5)):
        waits(queue, run, priority=priority)
    assert [one.run for one in queue.line()] == ["b", "c", "a", "d"]
    assert fill(queue) == ["b"]


def test_a_later_run_goes_first_where_the_first_one_waits_for_a_gpu_that_it_does_not_take() -> None:
    queue = Queue(machine(slots=2, gpus=1))
    holds(queue, "busy", gpus=1)
    waits(queue, "gpu", gpus=1)
    waits(queue, "plain")
    # The GPU comes with the slot of whoever holds it now.
    assert fill(queue) == ["plain"]


def test_a_later_run_waits_where_it_would_take_the_cores_that_the_first_one_needs_then() -> None:
    queue = Queue(machine(slots=3, cores=4, gpus=1))
    holds(queue, "busy", gpus=1, cores=1)
    waits(queue, "gpu", gpus=1, cores=3)
    waits(queue, "wide", cores=2)
    waits(queue, "slim", cores=1)
    assert fill(queue) == ["slim"]


def test_nobody_takes_of_what_the_first_one_lacks() -> None:
    queue = Queue(machine(cores=4))
    holds(queue, "busy", cores=3)
    waits(queue, "wide", cores=4)
    waits(queue, "slim", cores=1)
    assert fill(queue) == []
    queue.release("busy")
    assert fill(queue) == ["wide"]


def test_two_that_wait_for_gpus_of_one_holder_both_keep_their_slots() -> None:
    queue = Queue(machine(slots=2, gpus=2))
    holds(queue, "busy", gpus=2)
    waits(queue, "one", gpus=1)
    waits(queue, "two", gpus=1)
    waits(queue, "plain")
    assert fill(queue) == []


def test_named_gpus_are_given_and_do_not_hold_up_those_who_need_others() -> None:
    queue = Queue(machine(gpus=3))
    holds(queue, "busy", gpu_indices=[1])
    waits(queue, "same", gpu_indices=[1])
    waits(queue, "any", gpus=1)
    assert fill(queue) == ["any"]
    assert queue.holders["any"].grant.gpus == {0}


def test_a_gpu_that_is_lent_is_given_last() -> None:
    queue = Queue(machine())
    waits(queue, "any", gpus=1)
    found = queue.next(avoid=frozenset({0}))
    assert found is not None and found[1].gpus == {1}


def test_a_paused_run_holds_its_memory_and_gpus_alone() -> None:
    queue = Queue(machine(slots=1, cores=1, gpus=1))
    holds(queue, "asleep", gpus=1, memory_bytes=6 * GIB, paused=True)
    waits(queue, "big", memory_bytes=4 * GIB)
    waits(queue, "gpu", gpus=1)
    assert fill(queue) == []
    waits(queue, "plain", priority=1)
    assert fill(queue) == ["plain"]


def test_a_run_that_can_never_fit_holds_up_nobody() -> None:
    queue = Queue(machine(gpus=0))
    waits(queue, "dream", gpus=1)
    waits(queue, "plain")
    assert fill(queue) == ["plain"]
    assert queue.reasons() == {"dream": "It asks for a GPU; this machine has no GPU."}
    assert misfit(Need.of(Resources(cores=2, memory_bytes=9 * GIB)), queue.machine) is not None


def test_starts_are_reckoned_from_the_ends_of_those_who_run() -> None:
    queue = Queue(machine(slots=1))
    holds(queue, "now", ends_at=130.0)
    waits(queue, "a", seconds=50)
    waits(queue, "b", seconds=None)
    waits(queue, "c", seconds=10)
    assert queue.start_seconds(100.0, 20) == [30.0, 80.0, None]
    assert queue.start_seconds(500.0, 1) == [0.0], "never negative"


def test_a_place_between_neighbours_is_found_however_often_it_is_asked_for() -> None:
    queue = Queue(machine(slots=1))
    for run in "abcd":
        waits(queue, run)
    for _ in range(200):
        first, second = [one.run for one in queue.line()][:2]
        moved = queue.between(second, first, after=False)
        for run, order in moved.items():
            old = queue.waiting[run]
            queue.add(Waiting(run, old.name, order, old.resources, old.priority))
        assert [one.run for one in queue.line()][:2] == [second, first]
    for _ in range(200):
        first, second, third = [one.run for one in queue.line()][:3]
        for run, order in queue.between(third, first, after=True).items():
            old = queue.waiting[run]
            queue.add(Waiting(run, old.name, order, old.resources, old.priority))
        assert [one.run for one in queue.line()][:3] == [first, third, second]


resources = st.builds(
    Resources,
    cores=st.sampled_from([0.5, 1, 2, 3, 4]),
    memory_bytes=st.sampled_from([None, GIB, 3 * GIB, 8 * GIB]),
    gpus=st.integers(0, 2),
    gpu_indices=st.sampled_from([None, None, [0], [1], [0, 1]]),
)
small = st.builds(Resources, cores=st.integers(1, 3), gpus=st.integers(0, 1))


@settings(max_examples=400, deadline=None)
@given(st.lists(resources | small, max_size=4), st.lists(resources | small, min_size=2, max_size=6), st.integers(2, 5))
def test_nothing_is_given_twice_and_the_first_one_is_never_put_off(
    running: list[Resources], waiting: list[Resources], slots: int
) -> None:
    """Whichever run ends: the first one that waits starts then if it would have, had nobody gone ahead of it."""
    queue = Queue(machine(slots=slots))
    for number, wanted in enumerate(running):
        queue.add(Waiting(f"r{number}", f"r{number}", number, wanted))
    fill(queue)
    for waits_still in list(queue.waiting):
        queue.remove(waits_still)
    before = dict(queue.holders)
    for number, wanted in enumerate(waiting, 100):
        queue.add(Waiting(f"w{number}", f"w{number}", number, wanted))
    fill(queue)
    free = queue.free()
    assert free.slots >= 0 and free.cores > -1e-6 and free.memory_bytes >= 0
    gpus = [gpu for holder in queue.holders.values() for gpu in holder.grant.gpus]
    assert len(gpus) == len(set(gpus))
    first = next((one for one in queue.line() if queue.ever_fits(Need.of(one.resources))), None)
    if first is None:
        return
    ahead = [one.grant for run, one in queue.holders.items() if run not in before and int(run[1:]) > first.order]
    for holder in before.values():
        then = queue.free()
        then.give_back(holder.grant)
        alone = then.copy()
        for grant in ahead:
            alone.give_back(grant)
        assert then.fits(Need.of(first.resources)) or not alone.fits(Need.of(first.resources)), (holder, first)


@settings(max_examples=100, deadline=None)
@given(st.lists(resources, min_size=1, max_size=30))
def test_everybody_who_fits_the_machine_starts_in_the_end(wanted: list[Resources]) -> None:
    queue = Queue(machine(slots=2))
    for number, one in enumerate(wanted):
        queue.add(Waiting(f"w{number}", f"w{number}", number, one))
    possible = {one.run for one in queue.line() if queue.ever_fits(Need.of(one.resources))}
    started: set[str] = set()
    while True:
        started |= set(fill(queue))
        if not queue.holders:
            break
        queue.release(min(queue.holders))
    assert started == possible
