"""The doors of the WebSocket, and of pages of other origins that whoever started the server lets in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from live import LiveServer

TOKEN = "a-token-of-some-length"
LAB = "https://lab.example:8443"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    home = {"PULSETRAIN_HOME": str(folder / "home")}
    server = LiveServer(folder / "data", "--token", TOKEN, "--allow-origin", LAB + "/", environment=home)
    yield server.start()
    server.stop()


def socket(server: LiveServer, query: str = "", **headers: str) -> ClientConnection:
    address = server.url.replace("http", "ws") + "/api/events" + query
    return connect(address, additional_headers=headers, proxy=None)


def say(connection: ClientConnection, **message: Any) -> None:
    connection.send(json.dumps(message))


def hear(connection: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(connection.recv(timeout=30))
    return found


def code(connection: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            connection.recv(timeout=30)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_a_token_in_the_head_or_in_the_first_message_opens(guarded: LiveServer) -> None:
    with socket(guarded, "?cursor=0", Authorization=f"Bearer {TOKEN}") as connection:
        assert [hear(connection)["op"] for _ in range(2)] == ["ready", "hello"]
    with socket(guarded, "?cursor=0") as connection:
        say(connection, op="auth", token=TOKEN)
        assert [hear(connection)["op"] for _ in range(2)] == ["ready", "hello"]
        say(connection, op="auth", token=TOKEN)
        say(connection, op="ping")
        while hear(connection)["op"] != "pong":
            pass


@pytest.mark.parametrize(
    "first",
    [{"op": "auth", "token": "wrong"}, {"op": "auth"}, {"op": "subscribe", "sub": 1}, {"op": "ping"}],
)
def test_no_token_no_word(guarded: LiveServer, first: dict[str, Any]) -> None:
    with socket(guarded, "?cursor=0") as connection:
        say(connection, **first)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                assert hear(connection)["op"] == "error"
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    with pytest.raises(InvalidStatus), socket(guarded, "?cursor=0", Authorization="Bearer wrong"):
        pass


def test_a_runs_token_opens_that_run_alone(guarded: LiveServer) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    entered = guarded.post("/api/runs", json={"command": ["x"]}, headers=headers)
    run, token = entered["run"]["id"], entered["token"]
    other = guarded.post("/api/runs", json={"command": ["y"]}, headers=headers)["run"]["id"]
    for bearer in (True, False):
        with socket(guarded, f"?run={run}&cursor=0", **({"Authorization": f"Bearer {token}"} if bearer else {})) as one:
            if not bearer:
                say(one, op="auth", token=token)
            assert [hear(one)["op"] for _ in range(3)] == ["ready", "hello", "events"]
            say(one, op="subscribe", sub=1, cursor="0", run=[run])
            while (message := hear(one)).get("sub") != 1 or message["op"] != "events":
                pass
            say(one, op="subscribe", sub=2, cursor="0", run=[other])
            assert code(one) == 4403
        with socket(guarded, f"?run={run}", **({"Authorization": f"Bearer {token}"} if bearer else {})) as one:
            if not bearer:
                say(one, op="auth", token=token)
            say(one, op="subscribe", sub=1, cursor="0")
            assert code(one) == 4403, "no filter means all runs"
    with socket(guarded, f"?run={other}") as foreign:
        say(foreign, op="auth", token=token)
        assert code(foreign) == 4401


def test_a_page_that_is_let_in_reads_starts_and_streams_and_others_do_not(guarded: LiveServer) -> None:
    asked = {"Origin": LAB, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = httpx.options(guarded.url + "/api/runs", headers=asked)
    assert preflight.status_code == 200 and preflight.headers["access-control-allow-origin"] == LAB
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    there = {"Origin": LAB, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", **bearer}
    read = httpx.get(guarded.url + "/api/runs", headers=there)
    assert read.status_code == 200 and read.headers["access-control-allow-origin"] == LAB
    assert httpx.post(guarded.url + "/api/runs", json={"command": ["x"]}, headers=there).status_code == 201
    with httpx.stream("GET", guarded.url + "/api/events", headers=there) as stream:
        assert stream.headers["access-control-allow-origin"] == LAB
    with socket(guarded, "?cursor=0", **{"Origin": LAB, **bearer}) as connection:
        assert hear(connection)["op"] == "ready"
    assert httpx.get(guarded.url + "/api/runs", headers={"Origin": LAB}).status_code == 401, "it still needs the token"

    foreign = {**there, "Origin": "https://evil.example"}
    assert httpx.get(guarded.url + "/api/runs", headers=foreign).status_code == 403
    assert httpx.post(guarded.url + "/api/runs", json={"command": ["x"]}, headers=foreign).status_code == 403
    assert "access-control-allow-origin" not in httpx.get(guarded.url + "/health", headers=foreign).headers


@pytest.mark.parametrize("text", ["lab.example", "*", "https://lab.example/page", "ftp://lab.example", "https://"])
def test_what_is_no_origin_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    server = LiveServer(tmp_path / "data", "--allow-origin", text)
    with pytest.raises(AssertionError, match="is not an origin"):
        server.start()
