"""The results as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from goals import goals

Row = dict[str, Any]
Cell = Callable[[Row], object]


def markdown(report: dict[str, Any]) -> str:
    parts = ["# Fan-out: one event of 250 bytes to many readers", ""]
    for scenario, result in report.items():
        where = result["machine"]
        title, columns = TABLES[scenario]
        parts += [
            f"## {title}",
            "",
            f"{where['date']}, {where['cpu']}, {where['cores']} cores, {where['system']}, Python {where['python']}, "
            f"load before {where['load_before']:.1f}, commit {where['commit']}.",
            "",
            *_table(_with_peers(result["rows"]), columns),
            "",
            *([NOTES[scenario], ""] if scenario in NOTES else []),
        ]
        parts += [f"{name} is not measured: this machine lacks {what}.\n" for name, what in result["missing"].items()]
    parts += ["## The goals", "", "| wanted | measured | reached |", "|---|--:|---|"]
    parts += [f"| {wanted} | {measured} | {'yes' if met else '**no**'} |" for wanted, measured, met in goals(report)]
    return "\n".join(parts) + "\n"


def _table(rows: Sequence[Row], columns: Sequence[tuple[str, Cell]]) -> list[str]:
    lines = ["| server | " + " | ".join(name for name, _ in columns) + " |", "|---|" + "--:|" * len(columns)]
    for row in rows:
        cells = ["failed: see the raw numbers"] if "failed" in row else [str(cell(row)) for _, cell in columns]
        lines.append(f"| {row['server']} | " + " | ".join(cells) + " |")
    return lines


def _with_peers(rows: list[Row]) -> list[Row]:
    """Each row with those that it is compared with: the same case of the yardstick, of nchan, and without deflate."""
    kept = {(row["server"], *_case(row)): row for row in rows}
    found = []
    for row in rows:
        kind = "WebSocket" if "WebSocket" in row["server"] or "websockets" in row["server"] else "SSE"
        peers = {who: kept.get((f"{who} {kind}", *_case(row))) for who in ("C", "nchan", "pulsetrain")}
        found.append({**row, "peers": peers})
    return found


def _case(row: Row) -> tuple[object, ...]:
    return row.get("readers"), row.get("rate"), row.get("publication")


def _value(row: Row, path: str) -> Any:
    value: Any = row
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _against(who: str, path: str, digits: int = 2) -> Cell:
    def cell(row: Row) -> str:
        own, other = _value(row, path), _value(row["peers"][who] or {}, path)
        return f"{own / other:.{digits}f} ×" if own and other else ""

    return cell


def _thousands(path: str) -> Cell:
    return lambda row: f"{_value(row, path):,}"


def _milliseconds(path: str) -> Cell:
    return lambda row: f"{(_value(row, path) or 0) / 1000:.2f}"


def _share(path: str) -> Cell:
    return lambda row: f"{100 * (_value(row, path) or 0) / row['wall_seconds']:.0f} %"


def _plain(path: str) -> Cell:
    return lambda row: _value(row, path)


TABLES: dict[str, tuple[str, list[tuple[str, Cell]]]] = {
    "saturation": (
        "Saturation: published without a pause",
        [
            ("readers", _thousands("readers")),
            ("events", _thousands("events")),
            ("deliveries/s", _thousands("deliveries_per_second")),
            ("deliveries / s of server CPU", _thousands("deliveries_per_cpu_second")),
            ("events per read", _plain("events_per_read")),
            ("against C", _against("C", "deliveries_per_cpu_second")),
            ("against nchan", _against("nchan", "deliveries_per_cpu_second", 1)),
            ("server CPU", _share("server_cpu_seconds")),
            ("readers' CPU", _share("client_cpu_seconds")),
            ("publisher's CPU", _share("publisher_cpu_seconds")),
        ],
    ),
    "latency": (
        "Low rates: from before the publication to the reader, one event at a time, in ms",
        [
            ("readers", _thousands("readers")),
            ("events/s", _plain("rate")),
            ("p50", _milliseconds("latency_us.p50")),
            ("p99", _milliseconds("latency_us.p99")),
            ("max", _milliseconds("latency_us.max")),
            ("p50 against nchan", _against("nchan", "latency_us.p50")),
            ("p99 against nchan", _against("nchan", "latency_us.p99")),
            ("server CPU", _share("server_cpu_seconds")),
        ],
    ),
    "idle": (
        "Idle connections",
        [
            ("connections", _thousands("readers")),
            ("KiB each", _plain("kib_per_connection")),
            ("CPU of a core", lambda row: f"{row['cpu_percent']} %"),
            ("measured for", lambda row: f"{row['wall_seconds']:.0f} s"),
            ("opened in", lambda row: f"{row['opening_seconds']} s"),
        ],
    ),
    "deflate": (
        "Deflate: compressed once for all",
        [
            ("readers", _thousands("readers")),
            ("publications × events", _plain("publication")),
            ("bytes a delivery", _plain("bytes_per_delivery")),
            ("bytes against plain", _against("pulsetrain", "bytes_per_delivery", 3)),
            ("server CPU s", _plain("server_cpu_seconds")),
            ("CPU against plain", _against("pulsetrain", "server_cpu_seconds")),
            ("events per read", _plain("events_per_read")),
        ],
    ),
    "replay": (
        "Replay of a long log to one reader, beside live ones",
        [
            ("events", _thousands("events")),
            ("events/s", _thousands("events_per_second")),
            ("live readers' p50, ms", _milliseconds("live_quiet_us.p50")),
            ("meanwhile", _milliseconds("live_meanwhile_us.p50")),
            ("live readers' p99, ms", _milliseconds("live_quiet_us.p99")),
            ("meanwhile", _milliseconds("live_meanwhile_us.p99")),
        ],
    ),
    "restart": (
        "A restart: SIGTERM, and all readers come back at once",
        [
            ("readers", _thousands("readers")),
            ("told `bye`", _thousands("farewells")),
            ("all closed after", lambda row: f"{row['drain_seconds']} s"),
            ("events missed", _plain("missed")),
            ("all caught up after", lambda row: f"{row['caught_up_seconds']} s"),
            ("reads from the store", lambda row: f"{row['store_reads']:.0f}"),
            ("server CPU", lambda row: f"{row['server_cpu_seconds']} s"),
        ],
    ),
}

NOTES = {
    "saturation": (
        "Events come faster than sockets drain, and one write takes many events to a reader: that is where the many "
        "times of nchan come from. For lone events they are not reached, and not claimed: there each event is a write "
        "of its own here as there."
    ),
    "latency": (
        "pulsetrain has synced an event to the disk before it tells anybody; the others keep it in memory. "
        "All readers' times count: the last of a thousand waits for those before it."
    ),
    "idle": (
        "The server's own memory, without the kernel's socket buffers. pulsetrain sends each connection a heartbeat "
        "every 15 s and `websockets` a ping every 20 s; nchan, Redis and Starlette send nothing."
    ),
}
