"""The servers that are compared, each on a core of its own and with its own way to publish."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from payload import RUN, Payload
from publisher import Http

HERE = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = "0", "1"
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
TOKEN = "a-token-for-the-benchmark"
UP = "from pulsetrain.cli.main import main; main()"
PRODUCERS = 4
"""That post to pulsetrain in turn, as supervisors of several runs do: one waits for the disk, the next one posts."""
PIPELINE = 32
"""Requests that nchan is sent before its answers to earlier ones are read."""


@dataclass
class Server:
    """One that runs: where it is, what to measure, and `publish(first number, count)`."""

    port: int
    pids: list[int]
    publish: Callable[[int, int], None]
    reader: list[str]
    """What the load client is told beside the port and the number of connections."""
    offset: int = 0
    """The seq of publication number 1 is this + 1."""


@contextlib.contextmanager
def process(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """`command` on the server's core; ended on leaving."""
    pinned = ["taskset", "-c", SERVER_CORE, *command]
    with subprocess.Popen(pinned, text=True, **options) as server:  # type: ignore[call-overload]
        try:
            yield server
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()


@contextlib.contextmanager
def pulsetrain(
    reader: list[str], payload: Payload, data: Path | None = None, durability: str = "full"
) -> Iterator[Server]:
    """The whole server, as `pulsetrain up` starts it; `data` may hold a log already."""
    with tempfile.TemporaryDirectory() as fresh:
        folder = str(data or fresh)
        command = [sys.executable, "-c", UP, "up", "--port", "0", "--no-browser", "--no-samples", "--data", folder]
        command += ["--durability", durability]
        with process(command, stdout=subprocess.PIPE) as server:
            port = _announced_port(server)
            body = {"command": ["benchmark"], "name": "benchmark", "id": RUN, "token": TOKEN}
            _json(port, "/api/runs", body)
            tail = health(port)["tail"]
            producers = cycle([_Producer(port, f"bench-{server.pid}-{number}", payload) for number in range(PRODUCERS)])
            yield Server(port, [server.pid], lambda first, count: next(producers).publish(first, count), reader, tail)


class _Producer:
    """One of several that post records; it waits for an answer only when it posts again."""

    def __init__(self, port: int, name: str, payload: Payload) -> None:
        self._http = Http(port)
        self._name = name
        self._payload = payload
        self._n = 0
        self._waiting = False

    def publish(self, first: int, count: int) -> None:
        if self._waiting:
            self._http.answer()
        records = b",".join(
            self._payload.record(number, self._n + number - first + 1) for number in range(first, first + count)
        )
        body = b'{"attempt":1,"producer":"%b","records":[%b]}' % (self._name.encode(), records)
        self._http.send(f"/api/runs/{RUN}/records", body, f"Authorization: Bearer {TOKEN}\r\n")
        self._n += count
        self._waiting = True


def _announced_port(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise SystemExit("The server did not start.")


def health(port: int) -> dict[str, Any]:
    """What the server says of itself: its tail among it."""
    return _json(port, "/health")


def _json(port: int, path: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return dict(json.load(answer))


@contextlib.contextmanager
def nchan(reader: list[str], payload: Payload) -> Iterator[Server]:
    """nginx with one worker; messages are kept in its shared memory."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        configuration = Path(folder) / "nginx.conf"
        text = (HERE / "nginx.conf").read_text()
        for name, value in {"@FOLDER@": folder, "@PORT@": str(port), "@MODULE@": str(NCHAN)}.items():
            text = text.replace(name, value)
        configuration.write_text(text)
        with process(["nginx", "-p", folder, "-c", str(configuration)], stderr=subprocess.DEVNULL) as server:
            wait_for(port)
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
            while not children.read_text():
                time.sleep(0.02)
            http = Http(port)

            def publish(first: int, count: int) -> None:
                for start in range(first, first + count, PIPELINE):
                    numbers = range(start, min(start + PIPELINE, first + count))
                    for number in numbers:
                        http.send("/publish", payload.event(number), "Content-Type: application/json\r\n")
                    for _ in numbers:
                        http.answer()

            yield Server(port, [server.pid, *map(int, children.read_text().split())], publish, reader)


@contextlib.contextmanager
def redis(reader: list[str], payload: Payload) -> Iterator[Server]:
    """Redis pub/sub, without persistence and without its limit on what waits for a slow subscriber."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        command += ["--maxclients", "12000", "--tcp-backlog", "2048", "--client-output-buffer-limit", "pubsub 0 0 0"]
        with process(command, stdout=subprocess.DEVNULL) as server:
            wait_for(port)
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = connection.makefile("rb")

            def publish(first: int, count: int) -> None:
                commands = []
                for number in range(first, first + count):
                    event = payload.event(number)
                    commands.append(b"*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$%d\r\n%b\r\n" % (len(event), event))
                connection.sendall(b"".join(commands))
                for _ in range(count):
                    answers.readline()

            yield Server(port, [server.pid], publish, reader)


@contextlib.contextmanager
def starlette(reader: list[str], payload: Payload) -> Iterator[Server]:
    """starlette_sse.py: a queue for each client, a StreamingResponse over it."""
    port = free_port()
    with process([sys.executable, str(HERE / "starlette_sse.py"), str(port)]) as server:
        wait_for(port)
        http = Http(port)

        def publish(first: int, count: int) -> None:
            http.send("/publish", b"\n".join(payload.event(n) for n in range(first, first + count)))
            http.answer()

        yield Server(port, [server.pid], publish, reader)


@contextlib.contextmanager
def _lines(command: list[str], reader: list[str], payload: Payload) -> Iterator[Server]:
    """A server with two ports, PORT for readers and PUBLISH for a connection that sends an event a line."""
    port, publishing = free_port(), free_port()
    with process([*command, str(port), str(publishing)]) as server:
        wait_for(port)
        wait_for(publishing)
        connection = socket.create_connection(("127.0.0.1", publishing))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def publish(first: int, count: int) -> None:
            connection.sendall(b"".join(payload.event(n) + b"\n" for n in range(first, first + count)))

        yield Server(port, [server.pid], publish, reader)


@contextlib.contextmanager
def websockets(reader: list[str], payload: Payload) -> Iterator[Server]:
    """websockets_broadcast.py: `websockets.broadcast`, without compression."""
    with _lines([sys.executable, str(HERE / "websockets_broadcast.py")], reader, payload) as server:
        yield server


@contextlib.contextmanager
def yardstick(reader: list[str], payload: Payload) -> Iterator[Server]:
    """yardstick.c: what a loop in C makes of it when it coalesces as we do."""
    with _lines([os.environ["YARDSTICK"]], reader, payload) as server:
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


SSE, WEBSOCKET = ["--protocol", "sse"], ["--protocol", "websocket"]
_EVENTS = ["--path", "/api/events?cursor=now"]

Open = Callable[[Payload], contextlib.AbstractContextManager[Server]]
SERVERS: dict[str, Open] = {
    "pulsetrain SSE": lambda p: pulsetrain([*SSE, *_EVENTS, "--ready", "event: live"], p),
    "pulsetrain WebSocket": lambda p: pulsetrain([*WEBSOCKET, *_EVENTS, "--ready", '"op":"live"'], p),
    "pulsetrain WebSocket deflate": lambda p: pulsetrain([*WEBSOCKET, *_EVENTS, "--ready", "live", "--deflate"], p),
    "pulsetrain SSE, no disk sync": lambda p: pulsetrain([*SSE, *_EVENTS, "--ready", "event: live"], p, None, "normal"),
    "C SSE": lambda p: yardstick([*SSE], p),
    "C WebSocket": lambda p: yardstick([*WEBSOCKET], p),
    "nchan SSE": lambda p: nchan([*SSE, "--path", "/sse"], p),
    "nchan WebSocket": lambda p: nchan([*WEBSOCKET, "--path", "/websocket"], p),
    "Starlette SSE": lambda p: starlette([*SSE], p),
    "websockets.broadcast": lambda p: websockets([*WEBSOCKET, "--ready", "hello"], p),
    "Redis pub/sub": lambda p: redis(["--protocol", "redis", "--path", "bench", "--ready", "subscribe"], p),
}


def missing(name: str) -> str | None:
    """What this server needs and this machine lacks, and how to get it; None if nothing."""
    if name.startswith("nchan") and not (shutil.which("nginx") and NCHAN.exists()):
        return "nginx with nchan (Debian: nginx libnginx-mod-nchan)"
    if name.startswith("Redis") and not shutil.which("redis-server"):
        return "redis-server (Debian: redis-server)"
    return None
