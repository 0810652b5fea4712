"""What protocol/fixtures/sse.json expects is what a browser does: the standard, not our reading of it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from chromium import system_chromium
from thirdparty.conftest import CHROMIUM

FIXTURE = Path(__file__).parents[2] / "protocol/fixtures/sse.json"
CASES: list[dict[str, Any]] = json.loads(FIXTURE.read_text("utf-8"))["cases"]

READ = """([url, names]) => new Promise((resolve) => {
    const messages = [];
    const source = new EventSource(url);
    const tell = ({ type, data, lastEventId }) => messages.push({ event: type, data, id: lastEventId });
    for (const name of names) source.addEventListener(name, tell);
    source.onerror = () => { source.close(); resolve(messages); };
})"""


class _Streams(BaseHTTPRequestHandler):
    """A page at /, and the stream of each case under its number."""

    def do_GET(self) -> None:
        number = self.path.strip("/")
        kind, body = "text/html", b"<!doctype html>"
        if number.isdigit():
            case = CASES[int(number)]
            kind = "text/event-stream"
            body = base64.b64decode(case["base64"]) if "base64" in case else case["stream"].encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of the server that has the streams."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Streams) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=CHROMIUM)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        browser.close()
        server.shutdown()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_chromium_reads_it_so(page: Page, number: int) -> None:
    wanted = CASES[number]["messages"]
    names = sorted({"message", "bye", "live", *(message["event"] for message in wanted)})
    assert page.evaluate(READ, [f"/{number}", names]) == wanted
