"""A guarded server, and proxies in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live import LiveServer
from proxies import debian
from proxies.proxy import KINDS, NAME, Proxy, documented

TOKEN = "a-token-of-some-length"

StartProxy = Callable[..., Proxy]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in debian.PACKAGES if debian.program(name) is None]
    if missing:
        reason = f"{', '.join(missing)}: not installed, and not fetched from Debian (tests/proxies/debian.py)"
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """As the guide starts it, with a low limit on uploads."""
    folder = tmp_path_factory.mktemp("server")
    flags = ("--allow-host", NAME, "--token", TOKEN, "--upload-limit", "2")
    live = LiveServer(folder / "data", *flags, environment={"PULSETRAIN_HOME": str(folder / "home")})
    yield live.start()
    live.stop()


@pytest.fixture(scope="module")
def start_proxy(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartProxy]:
    """Starts proxies that end with the module."""
    proxies: list[Proxy] = []

    def start(kind: str, snippet: str) -> Proxy:
        proxy = Proxy(kind, snippet, tmp_path_factory.mktemp(kind), server.port)
        proxies.append(proxy)
        return proxy.start()

    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture(scope="module", params=KINDS)
def proxy(request: pytest.FixtureRequest, start_proxy: StartProxy) -> Proxy:
    """Each of them, as the guide configures it."""
    return start_proxy(request.param, documented(request.param))
