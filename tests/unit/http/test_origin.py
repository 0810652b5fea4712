"""Who may address the server, and whose pages may ask it for something."""

from __future__ import annotations

import socket

import pytest
from starlette.datastructures import Headers

from pulsetrain.http.origin import Hosts, check_origin
from pulsetrain.model.errors import Forbidden

HOST = "127.0.0.1:8787"
OWN = f"http://{HOST}"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8787", "127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:8787", "127.8.9.1", "localhost."]
)
def test_loopback_names_are_always_allowed(host: str) -> None:
    Hosts("127.0.0.1").check([host])
    Hosts("train.example.com").check([host])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.1.5:8787",
        "",
        "[::1",
        "[evil]:80",
        "0",
    ],
)
def test_a_foreign_name_is_refused_on_loopback(host: str) -> None:
    with pytest.raises(Forbidden):
        Hosts("127.0.0.1").check([host])


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_a_request_names_one_host(hosts: list[str]) -> None:
    with pytest.raises(Forbidden, match="one Host"):
        Hosts("127.0.0.1").check(hosts)


def test_the_bound_and_the_configured_names_are_allowed() -> None:
    hosts = Hosts("gpu-box.lan", ["Train.Example.com"])
    hosts.check(["gpu-box.lan:8787"])
    hosts.check(["train.example.com"])
    with pytest.raises(Forbidden, match="example") as refused:
        hosts.check(["other.example.com"])
    assert "--allow-host other.example.com" in refused.value.hint


def test_a_server_on_every_address_answers_to_addresses_and_its_own_name_but_to_no_foreign_one() -> None:
    hosts = Hosts("0.0.0.0")
    for host in ("192.168.1.5:8787", "[2001:db8::1]:8787", socket.gethostname()):
        hosts.check([host])
    with pytest.raises(Forbidden):
        hosts.check(["evil.example"])


def _check(method: str, *, websocket: bool = False, **headers: str) -> None:
    named = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    check_origin(method, Headers(named), websocket=websocket)


FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "http://localhost:8787"},
    {"origin": "https://127.0.0.1:8787.evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "file://"},
    {"origin": "chrome-extension://127.0.0.1:8787"},
    {"origin": "http://[evil"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"origin": OWN, "sec_fetch_site": "cross-site"},
    {"referer": "http://evil.example/form.html"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_no_foreign_page_changes_anything(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        _check(method, **headers)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_foreign_page_opens_a_websocket(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        _check("GET", websocket=True, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": OWN},
        {"origin": f"https://{HOST}"},
        {"origin": OWN, "sec_fetch_site": "same-origin", "referer": f"{OWN}/runs"},
        {"referer": f"{OWN}/runs"},
        {"sec_fetch_site": "none"},
    ],
    ids=str,
)
def test_own_pages_and_programs_may(headers: dict[str, str]) -> None:
    _check("POST", **headers)
    _check("GET", websocket=True, **headers)


def test_a_foreign_page_may_link_here_but_not_read() -> None:
    _check("GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    _check("GET", sec_fetch_site="same-site", sec_fetch_mode="cors")
    for mode in ("cors", "no-cors"):
        with pytest.raises(Forbidden):
            _check("GET", sec_fetch_site="cross-site", sec_fetch_mode=mode)
