"""The configurations of docs/how-to/reverse-proxy.md, each run by its proxy."""

from __future__ import annotations

import subprocess

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from live import LiveServer
from proxies.conftest import TOKEN, StartProxy
from proxies.proxy import KINDS, NAME, Proxy, documented
from proxies.reader import Reader, arrives_at_once, reading
from publishing import Publisher

BEARER = {"Authorization": f"Bearer {TOKEN}"}

COMPRESSION = {
    "nginx": ("proxy_buffering off;", "proxy_buffering off; gzip on; gzip_types application/json text/event-stream;"),
    "haproxy": (
        "mode http\n    timeout connect",
        "mode http\n    compression algo gzip\n    compression type application/json\n    timeout connect",
    ),
    "caddy": ("reverse_proxy", "encode gzip\n    reverse_proxy"),
}
"""Where the guide's advice on compression goes, for each proxy."""


def test_an_event_arrives_before_the_next_is_sent(proxy: Proxy, server: LiveServer) -> None:
    with (
        Publisher(server, TOKEN) as publisher,
        proxy.client(**BEARER) as client,
        reading(client, publisher.run) as reader,
    ):
        reader.until("live")
        arrives_at_once(publisher, reader)


@pytest.mark.parametrize("kind", KINDS)
def test_compression_holds_nothing_back(kind: str, server: LiveServer, start_proxy: StartProxy) -> None:
    place, with_compression = COMPRESSION[kind]
    plain = documented(kind)
    assert place in plain
    proxy = start_proxy(kind, plain.replace(place, with_compression))
    with proxy.client(**BEARER) as client:
        assert client.get("/api/runs").headers.get("content-encoding") == "gzip", "compression is on"
        with Publisher(server, TOKEN) as publisher, reading(client, publisher.run) as reader:
            reader.until("live")
            arrives_at_once(publisher, reader)


@pytest.mark.parametrize("subprotocol", ["pulsetrain.v1.json", "pulsetrain.v1.msgpack"])
def test_a_websocket_passes(proxy: Proxy, server: LiveServer, subprotocol: str) -> None:
    decode = msgspec.json.decode if subprotocol.endswith("json") else msgspec.msgpack.decode
    with Publisher(server, TOKEN) as publisher:
        cursor = publisher.log("before")
        with proxy.websocket(f"/api/events?run={publisher.run}&cursor=0", subprotocol, **BEARER) as socket:
            assert socket.subprotocol == subprotocol
            messages = (decode(message) for message in socket)
            assert next(messages)["op"] == "ready"
            assert any(message["op"] == "events" and message["cursor"] == cursor for message in messages)
            assert any(message["op"] == "live" for message in messages)
            for text in ("first", "second"):
                cursor = publisher.log(text)
                message = next(messages)
                assert (message["op"], message["cursor"]) == ("events", cursor)


def test_no_foreign_page_opens_a_websocket(proxy: Proxy) -> None:
    for origin, status in (("https://evil.example", 403), (proxy.url, 101)):
        try:
            with proxy.websocket("/api/events", "pulsetrain.v1.json", **BEARER, Origin=origin) as socket:
                got = socket.response.status_code if socket.response else 0
        except InvalidStatus as refusal:
            got = refusal.response.status_code
        assert got == status


def test_last_event_id_passes(proxy: Proxy, server: LiveServer) -> None:
    with Publisher(server, TOKEN) as publisher, proxy.client(**BEARER) as client:
        cursors = [publisher.log(text) for text in "abcde"]
        with reading(client, publisher.run, **{"Last-Event-ID": cursors[1]}) as reader:
            assert reader.next().name == "hello"
            assert [reader.line() for _ in range(3)] == list(zip(cursors[2:], "cde", strict=True))


def test_a_stream_passes_over_http_2(proxy: Proxy, server: LiveServer) -> None:
    with Publisher(server, TOKEN) as publisher:
        address = f"{proxy.url}/api/events?run={publisher.run}&cursor=now"
        curl = ["curl", "--no-buffer", "--silent", "--insecure", "--http2", "--include", "--max-time", "60"]
        where = ["--resolve", f"{NAME}:{proxy.port}:127.0.0.1", "-H", f"Authorization: {BEARER['Authorization']}"]
        with subprocess.Popen([*curl, *where, address], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                lines = iter(process.stdout.readline, "")
                assert next(lines).startswith("HTTP/2 200")
                assert any(line == "event: live\n" for line in lines)
                cursor = publisher.log("first")
                assert any(line == f"id: {cursor}\n" for line in lines)
                assert '"text":"first"' in next(lines)
            finally:
                process.kill()


def test_the_own_page_logs_in_and_a_foreign_one_does_not(proxy: Proxy) -> None:
    own = {"Origin": proxy.url, "Sec-Fetch-Site": "same-origin"}
    with proxy.client() as browser:
        foreign = browser.post("/api/login", json={"token": TOKEN}, headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "forbidden")
        login = browser.post("/api/login", json={"token": TOKEN}, headers=own)
        assert login.status_code == 200
        assert "Secure" in login.headers["set-cookie"], "the server knows that browsers come over TLS"
        assert browser.get("/api/runs").status_code == 200
        assert browser.post("/api/logout", headers=own).json()["authenticated"] is False


def test_another_name_is_refused(proxy: Proxy) -> None:
    with proxy.client(Host="evil.example") as client:
        answer = client.get("/health")
        # Caddy serves the names of its configuration alone, and answers others with nothing.
        assert answer.status_code == 403 or (proxy.kind == "caddy" and answer.content == b"")


def test_the_limit_on_wrong_tokens_is_per_person(proxy: Proxy) -> None:
    guesser, other = {"nginx": (2, 3), "haproxy": (4, 5), "caddy": (6, 7)}[proxy.kind]
    with proxy.client(source=f"127.0.0.{guesser}") as client:
        codes = [client.post("/api/login", json={"token": f"{proxy.kind} {n}"}).status_code for n in range(12)]
    assert (codes[0], codes[-1]) == (401, 429)
    with proxy.client(source=f"127.0.0.{other}") as client:
        assert client.post("/api/login", json={"token": "a guess of another"}).status_code == 401


@pytest.mark.parametrize("way", ["sized", "chunked"])
def test_uploads_up_to_the_servers_limit_pass(proxy: Proxy, way: str) -> None:
    limit = 2 * 2**20
    row = b"1.5,2.5,3.5\n"

    def upload(client_name: str, size: int) -> tuple[int, str]:
        table = b"a,b,c\n" + row * ((size - 6) // len(row))
        head = (
            b'--edge\r\nContent-Disposition: form-data; name="file"; filename="' + client_name.encode() + b'"\r\n'
            b"Content-Type: text/csv\r\n\r\n"
        )
        body = head + table + b"\r\n--edge--\r\n"
        pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
        with proxy.client(**BEARER) as client:
            answer = client.post(
                "/api/datasets",
                content=body if way == "sized" else iter(pieces),
                headers={"Content-Type": "multipart/form-data; boundary=edge"},
            )
        return answer.status_code, answer.headers["content-type"]

    assert upload(f"{proxy.kind}-{way}.csv", limit) == (201, "application/json")
    assert upload(f"{proxy.kind}-{way}-large.csv", limit + 2**16) == (413, "application/json")


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_an_idle_stream_outlives_the_proxys_timeouts(proxy: Proxy, server: LiveServer) -> None:
    with Publisher(server, TOKEN) as publisher, proxy.client(**BEARER) as client:
        # Lines alone: that the run's supervisor falls silent is an event too.
        address = f"/api/events?run={publisher.run}&type=run.log"
        with client.stream("GET", address, timeout=40) as answer:
            reader = Reader(answer)
            reader.until("live")
            beats = [reader.next().name for _ in range(7)]
            assert beats == ["heartbeat"] * 7, "84 s at least; the longest default timeout is 60 s"
            cursor = publisher.log("still there")
            assert reader.line() == (cursor, "still there")
