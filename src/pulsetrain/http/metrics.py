"""`GET /metrics`: what this server counts of its own work, for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.hub import Hub
from pulsetrain.core.meter import Histogram, Meter

from .services import services


async def metrics(request: Request) -> Response:
    """All of it, in the form that the scraper accepts: OpenMetrics or the older text."""
    registry = CollectorRegistry()
    registry.register(_Hub(services(request).hub))
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Cache-Control": "no-store", "Content-Type": media_type})


class _Hub(Collector):
    """The hub's numbers at this moment."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        return families(self._hub, tasks=len(asyncio.all_tasks()))


def families(hub: Hub, *, tasks: int) -> Iterator[Metric]:
    """Every metric that there is."""
    meter, view = hub.meter, hub.view()
    yield from _lanes(meter)
    yield _histogram(
        "pulsetrain_delivery_seconds",
        "From an event's commit to its write to the socket of a reader at the tail.",
        meter.delivery,
    )
    yield GaugeMetricFamily("pulsetrain_log_tail", "Newest seq that has been announced.", view.tail)
    yield GaugeMetricFamily("pulsetrain_log_oldest", "First seq that is still kept.", view.oldest)
    yield GaugeMetricFamily("pulsetrain_cursor_lag_events", "Events that the slowest reader is behind.", hub.lag())
    yield GaugeMetricFamily("pulsetrain_readers", "Subscriptions that are open.", hub.readers)
    yield GaugeMetricFamily("pulsetrain_tasks", "Tasks of the event loop.", tasks)
    misses = "Pages that a reader asked for and that memory did not hold."
    yield CounterMetricFamily("pulsetrain_ring_misses", misses, meter.ring_misses)
    yield CounterMetricFamily("pulsetrain_store_reads", "Pages read from the store.", meter.store_reads)
    yield CounterMetricFamily("pulsetrain_skipped_events", "Events left out on request (latest=).", meter.skipped)
    yield CounterMetricFamily("pulsetrain_stalled", "Readers given up: they took nothing.", meter.stalled)
    resumes = "Readers that came with a cursor: served, or why not."
    yield _labelled("pulsetrain_resumes", resumes, "result", meter.resumes.items())
    yield _labelled("pulsetrain_resets", "Resets that readers were told of.", "reason", meter.resets.items())


def _lanes(meter: Meter) -> Iterator[Metric]:
    open_now = GaugeMetricFamily("pulsetrain_connections", "Open connections of readers.", labels=["transport"])
    for name, lane in meter.lanes.items():
        open_now.add_metric([name], lane.connections)
    yield open_now
    events = [(name, lane.events) for name, lane in meter.lanes.items()]
    yield _labelled("pulsetrain_events_out", "Events written, once for each reader.", "transport", events)
    sizes = [(name, lane.bytes) for name, lane in meter.lanes.items()]
    yield _labelled("pulsetrain_bytes_out", "Bytes of events and signals written.", "transport", sizes)


def _labelled(name: str, about: str, label: str, values: Iterable[tuple[str, int]]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family


def _histogram(name: str, about: str, seen: Histogram) -> Metric:
    sums = list(accumulate(seen.counts))
    names = [*map(str, seen.bounds), "+Inf"]
    return HistogramMetricFamily(name, about, buckets=list(zip(names, sums, strict=True)), sum_value=seen.sum)


routes: list[BaseRoute] = [Route("/metrics", metrics)]
