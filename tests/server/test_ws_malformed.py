"""What is no WebSocket, or no message of ours, ends in the close code of PROTOCOL §3.4, and the other readers go on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from live import PATIENCE, LiveServer, eventually
from publishing import Publisher
from server.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    RawWebSocket,
    deflated,
    framed,
)

JSON, MSGPACK = "pulsetrain.v1.json", "pulsetrain.v1.msgpack"
LIMIT = 64 * 1024
OP = b'{"op":"ping"}'
DEFLATE = {"Sec_WebSocket_Extensions": "permessage-deflate"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("server")
    live = LiveServer(folder / "data", environment={"PULSETRAIN_HOME": str(folder / "home")})
    yield live.start()
    live.stop()


@pytest.fixture(scope="module")
def publisher(server: LiveServer) -> Iterator[Publisher]:
    with Publisher(server) as one:
        yield one


def connections(server: LiveServer) -> int:
    """How many the server holds."""
    assert server.process is not None
    held = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED for one in held)


def most_memory(server: LiveServer) -> int:
    """Bytes of memory that the server had when it had most."""
    assert server.process is not None
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.fixture
def undisturbed(server: LiveServer, publisher: Publisher) -> Iterator[None]:
    """Another reader goes on while the test does its mischief, and nothing of that is left afterwards."""
    address = f"ws://127.0.0.1:{server.port}/api/events?run={publisher.run}&type=run.log&cursor=now"
    with connect(address, subprotocols=[Subprotocol(JSON)]) as other:
        messages = (json.loads(text) for text in other)
        assert any(message["op"] == "live" for message in messages)

        def passes(text: str) -> bool:
            cursor = publisher.log(text)
            events = next(message for message in messages if message["op"] == "events")
            return (events["cursor"], len(events["events"])) == (cursor, 1)

        assert passes("before that")
        before = connections(server)
        yield
        assert passes("after that")
        eventually(lambda: connections(server) <= before, "the end of the connection")


def fragments(payload: bytes, size: int, opcode: int = TEXT) -> list[bytes]:
    """The payload in frames of so many bytes, without a last one."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    return [framed(CONTINUATION if n else opcode, piece, final=False) for n, piece in enumerate(pieces)]


NOT_WEBSOCKET = {
    "reserved bit 1 that was not agreed": [framed(TEXT, OP, reserved=RSV1)],
    "reserved bit 2": [framed(TEXT, OP, reserved=RSV2)],
    "reserved bit 3": [framed(TEXT, OP, reserved=RSV3)],
    "reserved bit on a ping": [framed(PING, b"", reserved=RSV2)],
    **{f"opcode {opcode}": [framed(opcode, OP)] for opcode in (3, 7, 11, 15)},
    "a continuation without a start": [framed(CONTINUATION, OP)],
    "a continuation after a whole message": [framed(TEXT, OP), framed(CONTINUATION, OP)],
    "a new message within a fragmented one": [framed(TEXT, OP[:4], final=False), framed(TEXT, OP)],
    "a fragmented ping": [framed(PING, b"x", final=False)],
    "a fragmented close": [framed(CLOSE, b"\x03\xe8", final=False)],
    "a ping of 126 bytes": [framed(PING, b"x" * 126)],
    "a pong of 126 bytes": [framed(PONG, b"x" * 126)],
    "a frame without a mask": [framed(TEXT, OP, masked=False)],
    "a ping without a mask": [framed(PING, masked=False)],
    "a close frame of one byte": [framed(CLOSE, b"\x03")],
    "a close frame with a code that is not for the wire": [framed(CLOSE, b"\x03\xed")],
    "a close frame with a code that is none": [framed(CLOSE, b"\x00\x01")],
    "HTTP again": [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
}


@pytest.mark.parametrize("sent", NOT_WEBSOCKET.values(), ids=NOT_WEBSOCKET)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "by the byte"])
@pytest.mark.usefixtures("undisturbed")
def test_what_is_not_websocket_is_1002(server: LiveServer, sent: list[bytes], cut: bool) -> None:
    with RawWebSocket(server, JSON) as client:
        assert client.status == 101
        stream = b"".join(sent)
        client.send(*([stream[at : at + 1] for at in range(len(stream))] if cut else [stream]))
        assert client.close_code() == 1002


BAD_TEXT = {
    "a byte that is none": [framed(TEXT, b'{"op":"\xff"}')],
    "a surrogate": [framed(TEXT, b'{"op":"\xed\xa0\x80"}')],
    "an overlong slash": [framed(TEXT, b'{"op":"\xc0\xaf"}')],
    "a character that does not end": [framed(TEXT, b'{"op":"ping"} \xf0\x9f\x98')],
    "split over fragments": [framed(TEXT, b'{"op":"\xe2\x82', final=False), framed(CONTINUATION, b'("}')],
    "in the reason of a close": [framed(CLOSE, b"\x03\xe8\xff\xfe")],
}


@pytest.mark.parametrize("sent", BAD_TEXT.values(), ids=BAD_TEXT)
@pytest.mark.usefixtures("undisturbed")
def test_bad_utf_8_is_1007(server: LiveServer, sent: list[bytes]) -> None:
    with RawWebSocket(server, JSON) as client:
        client.send(*sent)
        assert client.close_code() == 1007


@pytest.mark.usefixtures("undisturbed")
def test_good_utf_8_split_over_fragments_is_no_harm(server: LiveServer) -> None:
    said = '{"op":"ping","id":"漢"}'.encode()
    with RawWebSocket(server, JSON) as client:
        at = said.index("漢".encode()) + 1
        client.send(framed(TEXT, said[:at], final=False), framed(PING, b"in between"), framed(CONTINUATION, said[at:]))
        heard = [client.frame() for _ in range(3)]
        assert (PONG, b"in between") in heard
        assert {"op": "pong", "id": "漢"} in [json.loads(body) for opcode, body in heard if opcode == TEXT]


LARGE = b'{"op":"ping","id":"' + b"x" * LIMIT + b'"}'
BOMB = deflated(bytes(32 * 2**20))
TOO_LARGE = {
    "one frame": [framed(TEXT, LARGE)],
    "a frame that claims more than it sends": [framed(TEXT, b"x", size=LIMIT + 1)],
    "a frame that claims 2**62 bytes": [framed(BINARY, b"x", size=2**62)],
    "few fragments": fragments(LARGE, 40_000),
    "many fragments": fragments(LARGE, 1000),
}


@pytest.mark.parametrize("sent", TOO_LARGE.values(), ids=TOO_LARGE)
@pytest.mark.usefixtures("undisturbed")
def test_a_message_over_the_limit_is_1009(server: LiveServer, sent: list[bytes]) -> None:
    with RawWebSocket(server, JSON) as client:
        client.send(*sent)
        assert client.close_code() == 1009


@pytest.mark.parametrize("subprotocol", [JSON, MSGPACK])
@pytest.mark.usefixtures("undisturbed")
def test_a_message_at_the_limit_is_taken(server: LiveServer, subprotocol: str) -> None:
    opcode, codec = (TEXT, msgspec.json) if subprotocol == JSON else (BINARY, msgspec.msgpack)
    empty = len(codec.encode({"op": "ping", "id": "x" * 60_000})) - 60_000
    said = codec.encode({"op": "ping", "id": "x" * (LIMIT - empty)})
    assert len(said) == LIMIT
    with RawWebSocket(server, subprotocol) as client:
        client.send(framed(opcode, said))
        heard = [codec.decode(client.frame()[1]) for _ in range(2)]
        assert [message["op"] for message in heard] == ["ready", "pong"]


BOMBS = {
    "in one frame": [framed(TEXT, BOMB, reserved=RSV1)],
    "in fragments": [
        framed(TEXT, BOMB[:9000], reserved=RSV1, final=False),
        framed(CONTINUATION, BOMB[9000:20_000], final=False),
        framed(CONTINUATION, BOMB[20_000:]),
    ],
}


@pytest.mark.parametrize("sent", BOMBS.values(), ids=BOMBS)
@pytest.mark.usefixtures("undisturbed")
def test_a_deflate_bomb_is_1009_and_is_not_inflated(server: LiveServer, sent: list[bytes]) -> None:
    assert len(BOMB) < LIMIT, "small on the wire"
    before = most_memory(server)
    for _ in range(3):
        with RawWebSocket(server, JSON, **DEFLATE) as client:
            assert "permessage-deflate" in client.headers["sec-websocket-extensions"]
            client.send(*sent)
            assert client.close_code() == 1009
    assert most_memory(server) - before < 8 * 2**20, "32 MiB inflated"


CORRUPT = {
    "no deflate stream": [framed(TEXT, b"\xff" * 40, reserved=RSV1)],
    "a stream of another beginning": [framed(TEXT, deflated(b'{"op":"ping"}' * 20)[7:], reserved=RSV1)],
    "the bit on a continuation": [framed(TEXT, OP[:4], final=False), framed(CONTINUATION, OP[4:], reserved=RSV1)],
    "the bit on a ping": [framed(PING, b"x", reserved=RSV1)],
}


@pytest.mark.parametrize("sent", CORRUPT.values(), ids=CORRUPT)
@pytest.mark.usefixtures("undisturbed")
def test_corrupt_compression_is_1002(server: LiveServer, sent: list[bytes]) -> None:
    with RawWebSocket(server, JSON, **DEFLATE) as client:
        client.send(*sent)
        assert client.close_code() == 1002


FLOODS = {
    "pings": [framed(PING, b"x")] * 400,
    "pongs": [framed(PONG, b"x")] * 400,
    "empty fragments": [framed(TEXT, final=False), *[framed(CONTINUATION, final=False)] * 400],
    "messages": [framed(TEXT, OP)] * 400,
}


@pytest.mark.parametrize("sent", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("how", ["at once", "one by one"])
@pytest.mark.usefixtures("undisturbed")
def test_a_flood_of_frames_is_1008(server: LiveServer, sent: list[bytes], how: str) -> None:
    with RawWebSocket(server, JSON) as client:
        client.send(*([b"".join(sent)] if how == "at once" else sent))
        assert client.close_code() == 1008


NO_MESSAGE = {
    "no JSON": (JSON, [framed(TEXT, b"{")], 4400),
    "nothing": (JSON, [framed(TEXT)], 4400),
    "a list": (JSON, [framed(TEXT, b"[]")], 4400),
    "two objects": (JSON, [framed(TEXT, OP + OP)], 4400),
    "no op": (JSON, [framed(TEXT, b"{}")], 4400),
    "an unknown op": (JSON, [framed(TEXT, b'{"op":"publish"}')], 4400),
    "an op that is no text": (JSON, [framed(TEXT, b'{"op":["ping"]}')], 4400),
    "a depth without end": (JSON, [framed(TEXT, b"[" * 60_000)], 4400),
    "binary where text was agreed": (JSON, [framed(BINARY, OP)], 1003),
    "binary where nothing was agreed": (None, [framed(BINARY, OP)], 1003),
    "text where binary was agreed": (MSGPACK, [framed(TEXT, OP)], 1003),
    "no MessagePack": (MSGPACK, [framed(BINARY, b"\xc1")], 1007),
    "MessagePack that does not end": (MSGPACK, [framed(BINARY, msgspec.msgpack.encode({"op": "ping"})[:-1])], 1007),
    "MessagePack with bad UTF-8": (MSGPACK, [framed(BINARY, b"\x81\xa2op\xa1\xff")], 1007),
    "nothing at all in binary": (MSGPACK, [framed(BINARY)], 1007),
    "an unknown op in MessagePack": (MSGPACK, [framed(BINARY, msgspec.msgpack.encode({"op": "publish"}))], 4400),
    "a subprotocol's other name": ("PULSETRAIN.V1.JSON, pulsetrain.v1.json", [framed(TEXT, b"[]")], 4400),
}


@pytest.mark.parametrize(("subprotocol", "sent", "code"), NO_MESSAGE.values(), ids=NO_MESSAGE)
@pytest.mark.usefixtures("undisturbed")
def test_what_is_no_message_of_ours(server: LiveServer, subprotocol: str | None, sent: list[bytes], code: int) -> None:
    with RawWebSocket(server, subprotocol) as client:
        client.send(*sent)
        assert client.close_code() == code


@pytest.mark.usefixtures("undisturbed")
def test_a_close_in_good_order_is_answered_in_kind(server: LiveServer) -> None:
    for body, code in ((b"\x03\xe8bye", 1000), (b"\x03\xe9", 1001), (b"", NO_CODE)):
        with RawWebSocket(server, JSON, query="?cursor=0") as client:
            client.send(framed(CLOSE, body))
            assert client.close_code() == code


@pytest.mark.usefixtures("undisturbed")
def test_who_leaves_without_a_word_is_let_go(server: LiveServer) -> None:
    for said in (b"", b"\x81", framed(TEXT, OP, final=False), framed(TEXT, b"half", size=400)):
        with RawWebSocket(server, JSON, query="?cursor=0") as client:
            client.send(said)


HANDSHAKES = {
    "a page of another origin": ({"Origin": "http://evil.example"}, 403),
    "a page without an origin": ({"Origin": "null"}, 403),
    "another name": ({"Host": "evil.example"}, 403),
    "an unknown subprotocol": ({"Sec_WebSocket_Protocol": "soap"}, 400),
    "a later version of ours": ({"Sec_WebSocket_Protocol": "pulsetrain.v2.json"}, 400),
    "no key": ({"Sec_WebSocket_Key": None}, 400),
    "a short key": ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400),
    "an older version of WebSocket": ({"Sec_WebSocket_Version": "8"}, 400),
}


@pytest.mark.parametrize(("headers", "status"), HANDSHAKES.values(), ids=HANDSHAKES)
@pytest.mark.usefixtures("undisturbed")
def test_a_handshake_that_is_refused(server: LiveServer, headers: dict[str, str], status: int) -> None:
    with RawWebSocket(server, **headers) as client:
        assert client.status == status


TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Asks for a token."""
    folder = tmp_path_factory.mktemp("guarded")
    live = LiveServer(folder / "data", "--token", TOKEN, environment={"PULSETRAIN_HOME": str(folder / "home")})
    yield live.start()
    live.stop()


TOKENLESS = {
    "another message": b'{"op":"subscribe","sub":1}',
    "a ping": OP,
    "a wrong token": b'{"op":"auth","token":"wrong-token-altogether"}',
    "no token in it": b'{"op":"auth"}',
    "a token that is no text": b'{"op":"auth","token":7}',
}


@pytest.mark.parametrize("said", TOKENLESS.values(), ids=TOKENLESS)
def test_who_brings_no_token_is_told_4401_and_nothing_else(guarded: LiveServer, said: bytes) -> None:
    with RawWebSocket(guarded, JSON, query="?cursor=0") as client:
        assert client.status == 101
        client.send(framed(TEXT, said), framed(TEXT, b'{"op":"subscribe","sub":1,"cursor":"0"}'))
        heard = []
        while (frame := client.frame())[0] == TEXT:
            heard.append(json.loads(frame[1])["op"])
        assert set(heard) <= {"error"}
        assert frame[0] == CLOSE and int.from_bytes(frame[1][:2], "big") == 4401


def test_who_says_nothing_in_time_is_told_4401(guarded: LiveServer) -> None:
    with RawWebSocket(guarded, JSON, query="?cursor=0") as client:
        opcode, body = client.frame()
        assert opcode == CLOSE and int.from_bytes(body[:2], "big") == 4401


def test_a_wrong_token_in_the_header_is_refused_before_the_handshake(guarded: LiveServer) -> None:
    with RawWebSocket(guarded, JSON, Authorization="Bearer wrong-token-altogether") as client:
        assert client.status == 401


def test_a_runs_token_that_asks_for_more_is_told_4403(guarded: LiveServer) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    made = httpx.post(f"{guarded.url}/api/runs", json={"command": ["x"]}, headers=bearer, timeout=PATIENCE).json()
    for wanted in ({}, {"run": ["r_aaaaaaaaaa"]}, {"run": [made["run"]["id"], "r_aaaaaaaaaa"]}):
        with RawWebSocket(guarded, JSON, query=f"?run={made['run']['id']}") as client:
            auth = {"op": "auth", "token": made["token"]}
            subscribe = {"op": "subscribe", "sub": 1, "cursor": "0", **wanted}
            client.send(*(framed(TEXT, json.dumps(said).encode()) for said in (auth, subscribe)))
            assert client.close_code() == 4403
