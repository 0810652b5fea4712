"""What goes wrong, and what does not, behind proxies without the lines of the guide."""

from __future__ import annotations

import httpx
import pytest

from live import LiveServer
from proxies.conftest import TOKEN, StartProxy
from proxies.proxy import NAME, Proxy, documented
from proxies.reader import arrives_at_once, reading
from publishing import Publisher

BEARER = {"Authorization": f"Bearer {TOKEN}"}

BARE_NGINX = f"""
server {{
    listen 443 ssl;
    server_name {NAME};
    ssl_certificate     /etc/ssl/train.pem;
    ssl_certificate_key /etc/ssl/train.key;
    location / {{ proxy_pass http://127.0.0.1:8787; }}
}}
"""


@pytest.fixture(scope="module")
def bare(start_proxy: StartProxy) -> Proxy:
    """nginx with `proxy_pass` and nothing else."""
    return start_proxy("nginx", BARE_NGINX)


def test_streams_pass_at_once_since_they_ask_for_it(bare: Proxy, server: LiveServer) -> None:
    with (
        Publisher(server, TOKEN) as publisher,
        bare.client(**BEARER) as client,
        reading(client, publisher.run) as reader,
    ):
        reader.until("live")
        arrives_at_once(publisher, reader)
        assert "x-accel-buffering" not in reader.answer.headers, "nginx took the word for itself"


def test_nginx_that_ignores_what_the_stream_asks_holds_it_back(server: LiveServer, start_proxy: StartProxy) -> None:
    ignoring = BARE_NGINX.replace("proxy_pass", "proxy_ignore_headers X-Accel-Buffering; proxy_pass")
    proxy = start_proxy("nginx", ignoring)
    with Publisher(server, TOKEN) as publisher, proxy.client(**BEARER) as client:
        publisher.log(*(f"{n}" * 100 for n in range(60)))
        with pytest.raises(httpx.ReadTimeout), reading(client, publisher.run, "0", seconds=3) as reader:
            reader.until("live")


def test_haproxy_that_compresses_streams_holds_them_back(server: LiveServer, start_proxy: StartProxy) -> None:
    compressing = "mode http\n    compression algo gzip\n    compression type text/event-stream\n    timeout connect"
    snippet = documented("haproxy").replace("mode http\n    timeout connect", compressing)
    assert compressing in snippet
    proxy = start_proxy("haproxy", snippet)
    with Publisher(server, TOKEN) as publisher, proxy.client(**BEARER) as client:
        publisher.log("first")
        with pytest.raises(httpx.ReadTimeout), reading(client, publisher.run, "0", seconds=3) as reader:
            reader.until("live")


def test_without_host_the_own_page_is_taken_for_a_foreign_one(bare: Proxy) -> None:
    with bare.client() as browser:
        login = browser.post("/api/login", json={"token": TOKEN}, headers={"Origin": bare.url})
        assert login.status_code == 403
        assert "let it pass the Host header on" in login.json()["error"]["hint"]


def test_without_the_forwarded_scheme_the_cookie_is_not_for_tls_alone(bare: Proxy) -> None:
    with bare.client() as program:
        assert "Secure" not in program.post("/api/login", json={"token": TOKEN}).headers["set-cookie"]


def test_without_a_limit_of_its_own_nginx_refuses_more_than_a_megabyte(bare: Proxy) -> None:
    with bare.client(**BEARER) as client:
        answer = client.post("/api/datasets", content=b"x" * (2**20 + 1))
        assert (answer.status_code, answer.headers["content-type"]) == (413, "text/html")


def test_without_upgrade_a_websocket_is_answered_as_any_request(bare: Proxy) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "cHVsc2V0cmFpbi1rZXktMQ==",
    }
    with bare.client(**BEARER) as client, client.stream("GET", "/api/events", headers=handshake) as answer:
        assert answer.status_code == 200, "no client takes that for a WebSocket"


SHORT = {
    "nginx": ("proxy_read_timeout 60s", "proxy_read_timeout 1s"),
    "haproxy": ("timeout server 60s", "timeout server 1s"),
}


@pytest.mark.parametrize("kind", sorted(SHORT))
def test_a_timeout_below_the_heartbeat_cuts_streams_and_they_go_on(
    kind: str, server: LiveServer, start_proxy: StartProxy
) -> None:
    documented_one, short = SHORT[kind]
    assert documented_one in documented(kind)
    proxy = start_proxy(kind, documented(kind).replace(documented_one, short))
    with Publisher(server, TOKEN) as publisher, proxy.client(**BEARER) as client:
        first = publisher.log("first")
        with reading(client, publisher.run, "0") as reader:
            cut = reader.to_the_end()
        last = [message.id for message in cut if message.name != "bye"][-1]
        assert first in [message.id for message in cut], "it came before the cut"
        second = publisher.log("between")
        with reading(client, publisher.run, **{"Last-Event-ID": last}) as reader:
            assert reader.next().name == "hello"
            assert reader.line() == (second, "between")
