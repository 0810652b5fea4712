"""What the project wants to reach, held against what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
Goal = tuple[str, str, bool]
"""What is wanted of what, what was measured, and whether that is it."""

DELIVERIES, OF_C, OF_NCHAN = 4_000_000, 0.5, 1.5
KIB = {"SSE": 12, "WebSocket": 20}
IDLE_PERCENT, DEFLATED, DEFLATE_CPU = 3.0, 0.15, 1.2
REPLAYED, DISTURBED = 150_000, 2.0


def goals(report: dict[str, Any]) -> Iterator[Goal]:
    """Every goal that the report has figures for."""
    rows = {scenario: [row for row in part["rows"] if "failed" not in row] for scenario, part in report.items()}
    for kind in ("SSE", "WebSocket"):
        yield from _saturation(rows.get("saturation", []), kind)
        yield from _latency(rows.get("latency", []), kind)
        for row in _of(rows.get("idle", []), f"pulsetrain {kind}"):
            size, cpu = row["kib_per_connection"], row["cpu_percent"]
            yield f"{kind}, an idle connection: ≤ {KIB[kind]} KiB", f"{size} KiB", size <= KIB[kind]
            yield f"{kind}, {row['readers']:,} idle: < {IDLE_PERCENT:.0f} % of a core", f"{cpu} %", cpu < IDLE_PERCENT
        for row in _of(rows.get("replay", []), f"pulsetrain {kind}"):
            rate, ratio = row["events_per_second"], row["live_meanwhile_us"]["p99"] / row["live_quiet_us"]["p99"]
            yield f"{kind}, replay: ≥ {REPLAYED:,} events/s", f"{rate:,}", rate >= REPLAYED
            yield f"{kind}, live p99 meanwhile: ≤ {DISTURBED:.0f} ×", f"{ratio:.2f} ×", ratio <= DISTURBED
    yield from _deflate(rows.get("deflate", []))


def _of(rows: list[Row], server: str) -> list[Row]:
    return [row for row in rows if row["server"] == server]


def _saturation(rows: list[Row], kind: str) -> Iterator[Goal]:
    others = {row["readers"]: row["deliveries_per_cpu_second"] for row in _of(rows, f"C {kind}")}
    for row in _of(rows, f"pulsetrain {kind}"):
        rate, count = row["deliveries_per_cpu_second"], row["readers"]
        case = f"{kind}, saturation, {count:,} readers"
        yield f"{case}: ≥ {DELIVERIES:,} deliveries/s of a core", f"{rate:,}", rate >= DELIVERIES
        if count in others:
            yield f"{case}: ≥ {OF_C} of C", f"{rate / others[count]:.2f}", rate / others[count] >= OF_C


def _latency(rows: list[Row], kind: str) -> Iterator[Goal]:
    others = {(row["readers"], row["rate"]): row["latency_us"] for row in _of(rows, f"nchan {kind}")}
    for row in _of(rows, f"pulsetrain {kind}"):
        if other := others.get((row["readers"], row["rate"])):
            for which in ("p50", "p99"):
                ratio = row["latency_us"][which] / other[which]
                case = f"{kind}, {row['readers']:,} readers, {row['rate']} events/s: {which} ≤ {OF_NCHAN} × nchan's"
                yield case, f"{ratio:.2f} ×", ratio <= OF_NCHAN


def _deflate(rows: list[Row]) -> Iterator[Goal]:
    plain = {row["publication"]: row for row in _of(rows, "pulsetrain WebSocket")}
    for row in _of(rows, "pulsetrain WebSocket deflate"):
        if other := plain.get(row["publication"]):
            size = row["bytes_per_delivery"] / other["bytes_per_delivery"]
            cpu = row["server_cpu_seconds"] / other["server_cpu_seconds"]
            yield f"deflate, {row['publication']}: ≤ {DEFLATED:.0%} of the bytes", f"{size:.1%}", size <= DEFLATED
            yield f"deflate, {row['publication']}: ≤ {DEFLATE_CPU} × the CPU", f"{cpu:.2f} ×", cpu <= DEFLATE_CPU
