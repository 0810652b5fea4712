"""The load client of the fan-out benchmark: a figure is worth something if it finds every gap and every double."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).parents[2] / "benchmarks" / "fanout" / "load"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
WEBSOCKET_HEAD = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

Saw = dict[str, Any]
Load = Callable[..., Saw]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    target = tmp_path_factory.mktemp("load") / "load"
    sources = sorted(map(str, SOURCES.glob("*.c")))
    made = subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target, *sources, "-lz"], check=False)
    if made.returncode:
        header = subprocess.run(
            ["cc", "-E", "-"], input="#include <zlib.h>", text=True, capture_output=True, check=False
        )
        if header.returncode:
            pytest.skip("no zlib to compile with")
    assert made.returncode == 0
    return target


@pytest.fixture
def load(program: Path) -> Load:
    """Run the client against a server that says `pieces`, one send each, and give what it reports.

    With `heard`, the server puts there what the client says between the last piece but one and the last.
    """

    def run(pieces: Sequence[bytes], *options: str, heard: list[bytes] | None = None) -> Saw:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            saying = threading.Thread(target=_say, args=(listener, pieces, heard), daemon=True)
            saying.start()
            command = [program, "--port", str(listener.getsockname()[1]), "--timeout", "30", *options]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                lines = process.stdout.read().splitlines()
            saying.join(10)
        saw: Saw = json.loads(lines[-1])
        return saw

    return run


def _say(listener: socket.socket, pieces: Sequence[bytes], heard: list[bytes] | None) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(4096)
        # The client may leave as soon as it has seen the last event.
        with contextlib.suppress(ConnectionError):
            for piece in pieces[:-1]:
                connection.sendall(piece)
            if heard is not None:
                heard.append(connection.recv(4096))
            connection.sendall(pieces[-1])


def event(seq: int, at: int = 1) -> bytes:
    return b'{"seq":%d,"run":"r_x","type":"run.system","data":{"at":%d,"text":"xx"}}' % (seq, at)


def sse(*numbers: int) -> bytes:
    return b"".join(b"id: g-%d\ndata: %b\n\n" % (number, event(number)) for number in numbers)


def frame(payload: bytes, opcode: int = 1, *, final: bool = True, compressed: bool = False) -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([size])
    else:
        length = b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")
    return bytes([0x80 * final | 0x40 * compressed | opcode]) + length + payload


def batch(*numbers: int) -> bytes:
    return b'{"op":"events","sub":0,"events":[%b]}' % b",".join(event(number) for number in numbers)


def deflated(*numbers: int) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(batch(*numbers)) + packer.flush(zlib.Z_SYNC_FLUSH)
    return frame(packed.removesuffix(b"\0\0\xff\xff"), compressed=True)


SSE = ("--protocol", "sse", "--first", "1")
WEBSOCKET = ("--protocol", "websocket", "--first", "1")


@pytest.mark.parametrize("options", [(), ("--latency",)])
def test_counts_each_event_once_however_the_bytes_are_cut(load: Load, options: tuple[str, ...]) -> None:
    stream = SSE_HEAD + sse(*range(1, 41))
    whole = load([stream], *SSE, "--until", "40", *options)
    cut = load([stream[i : i + 1] for i in range(len(stream))], *SSE, "--until", "40", *options)
    for saw in (whole, cut):
        assert (saw["deliveries"], saw["faults"], saw["complete"]) == (40, 0, 1)


@pytest.mark.parametrize(
    ("numbers", "faults"),
    [((2, 3, 4), 1), ((1, 2, 4), 1), ((1, 2, 2, 3, 4), 1), ((1, 3, 2, 4), 3)],
    ids=["late", "gap", "double", "order"],
)
def test_sees_what_is_wrong_in_a_stream(load: Load, numbers: tuple[int, ...], faults: int) -> None:
    assert load([SSE_HEAD, sse(*numbers)], *SSE, "--until", "4")["faults"] == faults
    assert load([WEBSOCKET_HEAD, frame(batch(*numbers))], *WEBSOCKET, "--until", "4")["faults"] == faults
    packed = load([WEBSOCKET_HEAD, deflated(*numbers)], *WEBSOCKET, "--deflate", "--until", "4")
    assert packed["faults"] > 0


def test_a_stream_that_ends_early_is_not_complete(load: Load) -> None:
    saw = load([SSE_HEAD, sse(1, 2)], *SSE, "--until", "3")
    assert (saw["complete"], saw["closed"], saw["deliveries"]) == (0, 1, 2)


@pytest.mark.parametrize("cut", [1, 3, 100_000])
def test_reads_every_form_of_a_websocket_frame(load: Load, cut: int) -> None:
    stream = WEBSOCKET_HEAD + frame(event(1)) + frame(batch(2, 3)) + frame(batch(*range(4, 1500)))
    whole = batch(1500, 1501, 1502)
    # The cut goes through the middle of an event, and a ping lies between the halves.
    stream += frame(whole[:70], final=False) + frame(b"still there?", 9) + frame(whole[70:], 0)
    heard: list[bytes] = []
    pieces = [stream[i : i + cut] for i in range(0, len(stream), cut)]
    saw = load([*pieces, frame(event(1503))], *WEBSOCKET, "--latency", "--until", "1503", heard=heard)
    assert (saw["deliveries"], saw["faults"], saw["complete"]) == (1503, 0, 1)
    assert b"".join(heard) == bytes([0x8A, 0x80 | 12, 0, 0, 0, 0]) + b"still there?"


def test_inflates_a_message_once_for_all_that_are_the_same(load: Load) -> None:
    messages = [deflated(*range(1, 200)), deflated(200), deflated(*range(201, 300))]
    saw = load([WEBSOCKET_HEAD, *messages], *WEBSOCKET, "--deflate", "--until", "299")
    assert (saw["deliveries"], saw["faults"], saw["inflations"]) == (299, 0, 3)
    again = load([WEBSOCKET_HEAD, messages[0], messages[0]], *WEBSOCKET, "--deflate", "--until", "300")
    assert (again["deliveries"], again["faults"], again["inflations"]) == (398, 1, 1)


def test_takes_the_time_from_the_stamp_to_the_read(load: Load) -> None:
    stamps = [time.monotonic_ns() - 50_000_000] * 3
    frames = b"".join(b"data: %b\n\n" % event(number, at) for number, at in enumerate(stamps, 1))
    latency = load([SSE_HEAD, frames], *SSE, "--latency", "--until", "3")["latency_us"]
    assert latency["count"] == 3
    assert latency["p50"] >= 50_000 * 0.98
