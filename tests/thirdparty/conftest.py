"""One server, one log, two cuts, and every client at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import sync_playwright

from chromium import system_chromium
from live import LiveServer, eventually
from publishing import Publisher
from thirdparty.clients import NATIVE, SCRIPTS, Client, Native, Script, Told
from thirdparty.packages import install

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

TEXTS = [
    "plain",
    "",
    " leading and trailing ",
    "lines\nof\r\nevery\rkind\n\n",
    'data: forged\n\nid: forged-1\nevent: bye\ndata: {"forged": true}\n\n',
    "NUL \0 and BOM \ufeff",
    "line separators \u2028 \u2029 \x85 \x0b \x0c \x1c \x1d \x1e",
    "ä ß € 漢字 😀 \U0010ffff",
    '"quoted" \\ back \\u0000 </script>',
    "large " + "0123456789ä" * 20_000,
]


@dataclass
class Scenario:
    """What every client was shown, and the clients."""

    clients: dict[str, Client]
    log: list[Told]


def log_of(server: LiveServer, run: str) -> list[Told]:
    """The run's events, read as pages of plain HTTP."""
    events: list[Told] = []
    cursor, live = "0", False
    while not live:
        page = server.get("/api/events", params={"run": run, "cursor": cursor}, headers={"Accept": "application/json"})
        events += [(f"{page['generation']}-{event['seq']}", event) for event in page["events"]]
        cursor, live = page["cursor"], page["live"]
    return events


def all_were_told(clients: dict[str, Client], id: str) -> None:
    """Wait until each client was told the event `id`."""
    for name, client in clients.items():
        eventually(lambda client=client: id in [told[0] for told in client.told()], f"{id} at {name}")


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A log that every client saw from its beginning on, through a death and a restart of the server."""
    install()
    folder = tmp_path_factory.mktemp("server")
    server = LiveServer(folder / "data", environment={"PULSETRAIN_HOME": str(folder / "home")}).start()
    with sync_playwright() as playwright, Publisher(server) as publisher:
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=CHROMIUM)
        url = f"{server.url}/api/events?run={publisher.run}&cursor=0"
        clients: dict[str, Client] = {name: Script(name, url) for name in SCRIPTS}
        for kind in NATIVE:
            page = browser.new_page()
            page.goto(server.url)
            clients[kind] = Native(page, kind, url)
        try:
            all_were_told(clients, publisher.log(*TEXTS))
            publisher.log(*TEXTS)
            server.kill()
            server.start()
            all_were_told(clients, publisher.log(*TEXTS))
            publisher.log(*TEXTS)
            server.stop()
            server.start()
            publisher.log(*TEXTS)
            yield Scenario(clients, log_of(server, publisher.run))
        finally:
            for client in clients.values():
                client.stop()
            browser.close()
            server.stop()
