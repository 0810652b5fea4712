"""From what a reader asks for to the machine that serves it."""

from __future__ import annotations

from pulsetrain import __version__
from pulsetrain.core.hub import Hub
from pulsetrain.model.runs import FINAL
from pulsetrain.ports import EventLog
from pulsetrain.wire.reading import Reading
from pulsetrain.wire.subscription import Subscription

from .delivery import Wishes

HEARTBEAT_SECONDS = 15.0


def subscribe(hub: Hub, reading: Reading) -> Subscription:
    """The subscription of `reading`; how its start was met is counted."""
    subscription = Subscription(
        hub.newest_view(),
        reading.cursor,
        filter=reading.filter,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        version=__version__,
    )
    if reading.cursor not in (None, "", "0", "now"):
        hub.meter.resumes[subscription.refused or "served"] += 1
    return subscription


async def wishes_of(log: EventLog, reading: Reading) -> Wishes:
    """What is wished beside the filter; where a run that the reading ends with has ended already, its end."""
    if reading.until is None:
        return Wishes(reading.latest_seconds)
    cursor, run = await log.run(reading.until)
    ended = run is not None and run.state in FINAL
    return Wishes(reading.latest_seconds, reading.until, cursor.seq if ended else None)
