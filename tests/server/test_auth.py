"""The doors of a real server: foreign pages, foreign names, tokens, sessions and run tokens."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from live import LiveServer
from pulsetrain.http.app import all_routes
from pulsetrain.http.auth import OPEN
from pulsetrain.http.static import PageRoute

TOKEN = "a-token-of-some-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def _server(folder: Path, *flags: str) -> Iterator[LiveServer]:
    server = LiveServer(folder / "data", *flags, environment={"PULSETRAIN_HOME": str(folder / "home")})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """On loopback without a token, as most people run it."""
    yield from _server(tmp_path_factory.mktemp("open"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Asks for a token, and is reachable from other machines."""
    yield from _server(tmp_path_factory.mktemp("guarded"), "--host", "0.0.0.0", "--token", TOKEN)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[LiveServer]:
    """A guarded server of the test's own, for what changes its state."""
    yield from _server(tmp_path, "--token", TOKEN)


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# Foreign pages and names, on loopback and without a token: a run is code, and any page can reach 127.0.0.1.


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8787", "192.168.1.5"])
def test_a_foreign_host_name_is_refused_everywhere(open_server: LiveServer, host: str) -> None:
    for path in ("/", "/health", "/api/runs", "/api/events"):
        assert _code(httpx.get(open_server.url + path, headers={"Host": host})) == (403, "forbidden")


def test_two_host_headers_and_none_are_refused(open_server: LiveServer) -> None:
    for head in (b"Host: localhost\r\nHost: evil.example\r\n", b"Host: \r\n"):
        with socket.create_connection(("127.0.0.1", open_server.port), timeout=30) as raw:
            raw.sendall(b"GET /api/runs HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")
            assert raw.recv(12).split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "http://evil.example/"},
    ],
    ids=str,
)
def test_no_foreign_page_starts_uploads_stops_or_logs_in(open_server: LiveServer, headers: dict[str, str]) -> None:
    url = open_server.url
    before = httpx.get(f"{url}/api/runs").json()["total"]
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/api/runs", {"json": {"command": ["x"]}}),
        ("/api/datasets", {"files": {"file": ("a.csv", b"a,b\n1,2\n")}}),
        ("/api/start_training", {"json": {"data_source": "wine.csv"}}),
        ("/api/stop_training", {}),
        ("/api/login", {"json": {"token": TOKEN}}),
    ]
    for path, body in requests:
        assert _code(httpx.post(url + path, headers=headers, **body)) == (403, "forbidden")
    assert httpx.get(f"{url}/api/runs").json()["total"] == before


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_a_form_post_from_elsewhere_is_refused(open_server: LiveServer, kind: str) -> None:
    headers = {"Origin": "http://evil.example", "Content-Type": kind, "Sec-Fetch-Mode": "navigate"}
    answer = httpx.post(f"{open_server.url}/api/runs", content=b'{"command":["x"]}', headers=headers)
    assert _code(answer) == (403, "forbidden")


def test_programs_and_the_own_page_are_served(open_server: LiveServer) -> None:
    url = open_server.url
    assert httpx.post(f"{url}/api/runs", json={"command": ["x"]}).status_code == 201
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    assert httpx.post(f"{url}/api/runs", json={"command": ["x"]}, headers=own).status_code == 201


def test_no_foreign_page_opens_a_websocket(open_server: LiveServer) -> None:
    address = open_server.url.replace("http", "ws") + "/api/events"
    for origin in ("http://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers={"Origin": origin}):
            pass
        assert refused.value.response.status_code == 403
    with connect(address, additional_headers={"Origin": open_server.url}) as socket:
        assert json.loads(socket.recv(timeout=30))["op"] == "ready", "the own page is let in"


def test_every_answer_carries_the_security_headers(open_server: LiveServer) -> None:
    for path in ("/", "/api/runs", "/docs", "/openapi.json", "/nowhere", "/api/nowhere"):
        headers = httpx.get(open_server.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
    assert "default-src 'none'" in httpx.get(f"{open_server.url}/api/runs").headers["content-security-policy"]
    refused = httpx.get(f"{open_server.url}/", headers={"Host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", [b"/../pulsetrain.db", b"/..%2f..%2fpulsetrain.db", b"/assets/%2e%2e/%2e%2e/app.py", b"/%2fetc%2fpasswd"]
)
def test_no_address_leads_to_a_file_outside_the_page(open_server: LiveServer, path: bytes) -> None:
    with socket.create_connection(("127.0.0.1", open_server.port), timeout=30) as raw:
        raw.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"SQLite" not in answer and b"root:" not in answer and b"Starlette" not in answer


# With a token.


ROUTES = [route for route in all_routes() if isinstance(route, Route) and not isinstance(route, PageRoute)]
ASKED = sorted({(method, re.sub(r"\{.*?\}", "x", route.path)) for route in ROUTES for method in route.methods or ()})


@pytest.mark.parametrize(("method", "path"), ASKED, ids=lambda word: word)
def test_every_route_but_the_open_ones_asks_for_the_token(guarded: LiveServer, method: str, path: str) -> None:
    answer = httpx.request(method, guarded.url + path)
    if (method, path) in OPEN:
        assert answer.status_code != 401 or path == "/api/login"
    else:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_page_is_there_to_ask_for_the_token(guarded: LiveServer) -> None:
    assert httpx.get(f"{guarded.url}/runs/r_abcdefghij").headers["content-type"].startswith("text/html")
    session = httpx.get(f"{guarded.url}/api/session").json()
    assert (session["authenticated"], session["token_required"]) == (False, True)


def test_a_bearer_token_opens_and_a_wrong_one_does_not(guarded: LiveServer) -> None:
    assert httpx.get(f"{guarded.url}/api/runs", headers=BEARER).status_code == 200
    assert httpx.get(f"{guarded.url}/api/session", headers=BEARER).json()["authenticated"] is True
    for wrong in ("Bearer wrong-token-altogether", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x"):
        answer = httpx.get(f"{guarded.url}/api/runs", headers={"Authorization": wrong})
        assert _code(answer) == (401, "unauthorized")
    for query in (f"token={TOKEN}", f"access_token={TOKEN}"):
        assert httpx.get(f"{guarded.url}/api/runs?{query}").status_code == 401, "no token in an address"


def test_a_wide_server_answers_to_addresses_but_not_to_foreign_names(guarded: LiveServer) -> None:
    assert httpx.get(f"{guarded.url}/health", headers={"Host": "192.168.1.5:8787"}).status_code == 200
    assert httpx.get(f"{guarded.url}/health", headers={"Host": "evil.example", **BEARER}).status_code == 403


def test_a_login_opens_a_session_that_a_logout_ends_for_good(strict: LiveServer) -> None:
    with httpx.Client(base_url=strict.url) as browser:
        login = browser.post("/api/login", json={"token": TOKEN})
        cookie = login.headers["set-cookie"]
        assert login.json()["authenticated"] is True
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and TOKEN not in cookie
        assert "Secure" not in cookie, "a browser would not keep it over plain HTTP"
        assert browser.get("/api/runs").status_code == 200
        assert browser.get("/api/session").json()["authenticated"] is True
        copied = dict(browser.cookies)
        foreign = browser.post("/api/runs", json={"command": ["x"]}, headers={"Origin": "http://evil.example"})
        assert _code(foreign) == (403, "forbidden")
        assert browser.post("/api/logout").json()["authenticated"] is False
        assert browser.get("/api/runs").status_code == 401
    with httpx.Client(base_url=strict.url, cookies=copied) as thief:
        assert thief.get("/api/runs").status_code == 401


def test_a_session_outlives_a_restart_of_the_server(strict: LiveServer) -> None:
    with httpx.Client(base_url=strict.url) as browser:
        assert browser.post("/api/login", json={"token": TOKEN}).status_code == 200
        strict.kill()
        strict.start()
        assert browser.get("/api/runs").status_code == 200
    stored = strict.data / "tokens.json"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in stored.read_text()


def test_guessing_is_slowed_down_and_who_is_inside_stays_inside(strict: LiveServer) -> None:
    url = strict.url
    assert httpx.get(f"{url}/api/runs", headers=BEARER).status_code == 200
    codes = [httpx.post(f"{url}/api/login", json={"token": f"guess number {n}"}).status_code for n in range(15)]
    assert codes[0] == 401 and codes[-1] == 429
    late = httpx.post(f"{url}/api/login", json={"token": "one more guess"})
    assert _code(late) == (429, "too_many_attempts")
    assert 1 <= int(late.headers["retry-after"]) <= 60
    bearer = httpx.get(f"{url}/api/runs", headers={"Authorization": "Bearer another guess"})
    assert bearer.status_code == 429, "guesses count wherever they are made"
    assert httpx.get(f"{url}/api/runs", headers=BEARER).status_code == 200


def test_a_login_is_json_alone(guarded: LiveServer) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = httpx.post(f"{guarded.url}/api/login", content=b'{"token":"x"}', headers={"Content-Type": kind})
        assert _code(answer) == (400, "bad_request")
    assert _code(httpx.post(f"{guarded.url}/api/login", json={"token": 7})) == (400, "bad_request")


# A run's own token opens that run's routes and nothing else.


def _register(server: LiveServer) -> tuple[str, dict[str, str]]:
    made = server.post("/api/runs", json={"command": ["x"]}, headers=BEARER)
    return made["run"]["id"], {"Authorization": f"Bearer {made['token']}"}


def test_a_runs_token_opens_that_runs_routes(guarded: LiveServer) -> None:
    run, own = _register(guarded)
    heartbeat = {"attempt": 1, "producer": "sdk-1", "records": []}
    assert httpx.post(f"{guarded.url}/api/runs/{run}/records", json=heartbeat, headers=own).status_code == 200
    put = httpx.put(f"{guarded.url}/api/runs/{run}/artifacts/a.txt?kind=file", content=b"a", headers=own)
    assert put.status_code == 200
    with httpx.stream("GET", f"{guarded.url}/api/events?run={run}&cursor=0", headers=own) as stream:
        assert stream.status_code == 200
        assert next(line for line in stream.iter_lines() if line)


def test_a_runs_token_opens_nothing_else(guarded: LiveServer) -> None:
    run, own = _register(guarded)
    other, _ = _register(guarded)
    heartbeat = {"attempt": 1, "producer": "sdk-1", "records": []}
    refused = [
        ("GET", "/api/runs", {}),
        ("GET", f"/api/runs/{run}", {}),
        ("POST", f"/api/runs/{run}/stop", {"json": {}}),
        ("GET", f"/api/runs/{run}/artifacts/a.txt", {}),
        ("GET", f"/api/runs/{run}/records", {}),
        ("POST", f"/api/runs/{other}/records", {"json": heartbeat}),
        ("PUT", f"/api/runs/{other}/artifacts/a.txt", {"content": b"a"}),
        ("GET", f"/api/events?run={other}", {}),
        ("GET", f"/api/events?run={run}&run={other}", {}),
        ("GET", "/api/events", {}),
        ("GET", f"/api/events?type=run.log&xrun={run}", {}),
        ("POST", "/api/datasets", {"files": {"file": ("a.csv", b"a\n1\n")}}),
    ]
    for method, path, body in refused:
        answer = httpx.request(method, guarded.url + path, headers=own, **body)
        assert answer.status_code == 401, (method, path)


def test_without_a_run_token_nobody_writes_records(open_server: LiveServer) -> None:
    made = open_server.post("/api/runs", json={"command": ["x"]})
    url = f"{open_server.url}/api/runs/{made['run']['id']}/records"
    heartbeat = {"attempt": 1, "producer": "sdk-1", "records": []}
    assert httpx.post(url, json=heartbeat).status_code == 401
    assert httpx.post(url, json=heartbeat, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert httpx.post(url, json=heartbeat, headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200
