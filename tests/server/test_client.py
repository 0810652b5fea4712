"""The thin client against a real server: finding runs, errors, and a stream that keeps its place."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from live import LiveServer
from pulsetrain.model.errors import RunNotFound
from pulsetrain.sdk.answers import Refused, Unreachable
from pulsetrain.sdk.client import Client
from pulsetrain.sdk.reader import Pace


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("client")
    server = LiveServer(folder / "data", environment={"PULSETRAIN_HOME": str(folder / "home")})
    yield server.start()
    server.stop()


@pytest.fixture
def client(server: LiveServer) -> Iterator[Client]:
    with Client(server.url, pace=Pace(longest_seconds=0.05)) as client:
        yield client


def _register(server: LiveServer, id: str, name: str) -> None:
    server.post("/api/runs", json={"command": ["x"], "id": id, "name": name, "token": "t" * 20})


def test_a_run_is_found_by_id_by_the_beginning_of_one_and_by_its_newest_name(
    server: LiveServer, client: Client
) -> None:
    _register(server, "r_aaaaaaaaaa", "same")
    _register(server, "r_aaaaaaaaab", "same")
    _register(server, "r_bbbbbbbbbb", "aaaa")
    assert client.find_run("r_aaaaaaaaaa").id == "r_aaaaaaaaaa"
    assert client.find_run("same").id == "r_aaaaaaaaab"
    assert client.find_run("r_b").id == client.find_run("bbb").id == "r_bbbbbbbbbb"
    assert client.find_run("aaaa").id == "r_bbbbbbbbbb", "a whole name goes before the beginning of an id"
    with pytest.raises(RunNotFound, match="2 runs have an id that begins"):
        client.find_run("r_aaa")
    for nothing in ("", "r_zzz", "nobody"):
        with pytest.raises(RunNotFound, match="There is no run"):
            client.find_run(nothing)


def test_what_the_server_says_of_an_error_is_kept(client: Client) -> None:
    with pytest.raises(Refused) as refused:
        client.run("r_zzzzzzzzzz")
    assert (refused.value.status, refused.value.reason) == (404, "run_not_found")
    assert refused.value.hint
    with pytest.raises(Refused) as refused:
        next(client.events("now", runs=["no run id"]))
    assert refused.value.reason == "bad_request"


def test_the_stream_brings_each_event_once_and_says_when_it_has_caught_up(server: LiveServer, client: Client) -> None:
    _register(server, "r_cccccccccc", "streamed")
    seen = []
    for news in client.events("0", runs=["r_cccccccccc"]):
        if news.about == "live":
            break
        assert news.event is not None
        seen.append(news.event.type)
    assert seen == ["run.created", "run.status"]


def test_a_position_that_cannot_be_served_is_told_and_not_guessed(client: Client) -> None:
    news = next(client.events("aaaaaaaa-5"))
    assert news.about == "reset" and "generation" in news.detail
    assert news.cursor == client.runs().cursor


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://", "ftp://127.0.0.1", "http://[::1"])
def test_no_server_is_one_clear_error(url: str) -> None:
    with pytest.raises(Unreachable) as lost, Client(url) as client:
        client.runs()
    assert lost.value.hint
    with pytest.raises(Unreachable), Client(url) as client:
        next(client.events())


def test_another_program_at_the_address_is_no_server_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            pytest.raises(Unreachable, match="not understood"),
            Client(f"http://127.0.0.1:{other.getsockname()[1]}") as c,
        ):
            c.runs()
        thread.join()
