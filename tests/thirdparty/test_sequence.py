"""Clients that others wrote see the log as it is: each event once, in order, through a death and a restart."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import StartServer
from live import PATIENCE, eventually
from publishing import Publisher
from thirdparty.clients import NATIVE, SCRIPTS, Script
from thirdparty.conftest import TEXTS, Scenario
from thirdparty.packages import install

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", [*SCRIPTS, *NATIVE])
def test_it_sees_what_the_log_holds(scenario: Scenario, name: str) -> None:
    client = scenario.clients[name]
    lines = [event["data"]["lines"][0]["text"] for _, event in scenario.log if event["type"] == "run.log"]
    assert lines == TEXTS * 5
    eventually(lambda: client.told()[-1][0] == scenario.log[-1][0], f"the last event at {name}")
    assert client.told() == scenario.log


class _Gateway(BaseHTTPRequestHandler):
    """A proxy whose server is away."""

    def do_GET(self) -> None:
        self.send_error(502)
        self.server.asked.set()  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_reconnecting_eventsource_goes_on_after_a_502(start_server: StartServer) -> None:
    """EventSource gives up for good there. The package opens a new one, and says where it was by `lastEventId=`."""
    install()
    server = start_server()
    with Publisher(server) as publisher:
        first = publisher.log("first")
        address = f"{server.url}/api/events?run={publisher.run}&type=run.log&cursor=0"
        client = Script("node/reconnecting-eventsource.mjs", address)
        try:
            eventually(lambda: [id for id, _ in client.told()] == [first], "the first event")
            server.stop()
            with ThreadingHTTPServer(("127.0.0.1", server.port), _Gateway) as gateway:
                gateway.asked = threading.Event()  # type: ignore[attr-defined]
                threading.Thread(target=gateway.serve_forever, daemon=True).start()
                assert gateway.asked.wait(PATIENCE)  # type: ignore[attr-defined]
                gateway.shutdown()
            server.start()
            second = publisher.log("second")
            eventually(lambda: len(client.told()) > 1, "the second event")
            assert [id for id, _ in client.told()] == [first, second], "it began where it was"
        finally:
            client.stop()
