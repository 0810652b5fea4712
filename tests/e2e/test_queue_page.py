"""The queue in a real browser: who runs, who waits and why; moved by buttons, keys and priority; cancelled; live."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from live import LiveServer, end_runs, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
OpenPage = Callable[..., Page]

GATED = '''
from pathlib import Path

import pulsetrain


@pulsetrain.trainer("gated", title="Gated")
def gated(run, *, gate: str) -> None:
    """Goes on when somebody opens the gate, which is a pipe."""
    Path(gate).read_text()
'''


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    pipe = tmp_path / "gate"
    os.mkfifo(pipe)
    return pipe


@pytest.fixture
def server(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "gated.py").write_text(GATED)
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    flags = ("--trainers", str(tmp_path / "gated.py"), "--cores", "2", "--memory", "1G", "--slots", "1")
    live = LiveServer(tmp_path / "data", *flags, environment=environment).start()
    yield live
    live.stop()
    end_runs(tmp_path)


def by(page: Page, testid: str) -> Any:
    return page.get_by_test_id(testid)


def start(server: LiveServer, gate: Path, name: str, **more: Any) -> str:
    body = {"trainer": "gated", "parameters": {"gate": str(gate)}, "name": name, **more}
    id: str = server.post("/api/runs", json=body)["run"]["id"]
    return id


def shown(page: Page) -> Any:
    return by(page, "waiting").locator(".what a")


def order(server: LiveServer) -> list[str]:
    return [one["name"] for one in server.get("/api/queue")["waiting"]]


def test_the_queue_is_seen_moved_and_cancelled(server: LiveServer, open_page: OpenPage, gate: Path) -> None:
    page = open_page(f"{server.url}/queue")
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    first = start(server, gate, "first")
    expect(by(page, f"holds-{first}")).to_contain_text("Running")
    ids = {name: start(server, gate, name) for name in "abc"}
    ids["d"] = start(server, gate, "d", resources={"cores": 2, "memory_bytes": 500_000_000})
    expect(shown(page)).to_have_text(["a", "b", "c", "d"])
    expect(by(page, f"waits-{ids['d']}")).to_contain_text("2 cores · 500 MB")
    expect(by(page, f"waits-{ids['a']}")).to_contain_text("a slot")
    expect(by(page, f"waits-{ids['a']}").get_by_test_id("start-estimate")).to_have_text("Start not known yet")
    expect(page.get_by_label("Move a up")).to_be_disabled()
    page.get_by_label("Move a down").click()
    expect(shown(page)).to_have_text(["b", "a", "c", "d"])
    # By the keyboard, twice in a row: the row keeps the focus where it goes.
    page.get_by_label("Move c up").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(shown(page)).to_have_text(["b", "c", "a", "d"])
    expect(page.get_by_label("Move c up")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(shown(page)).to_have_text(["c", "b", "a", "d"])
    page.keyboard.press("Alt+ArrowDown")
    expect(shown(page)).to_have_text(["b", "c", "a", "d"])
    expect(page.get_by_label("Move c up")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(shown(page)).to_have_text(["c", "b", "a", "d"])
    page.get_by_label("Priority of d").fill("5")
    page.keyboard.press("Enter")
    expect(shown(page)).to_have_text(["d", "c", "b", "a"])
    assert order(server) == ["d", "c", "b", "a"]
    page.get_by_label("Cancel b", exact=True).click()
    by(page, "confirm").click()
    expect(shown(page)).to_have_text(["d", "c", "a"])
    assert server.run(ids["b"])["state"] == "stopped"
    # What others do shows by itself, and so does the next one's start.
    server.post(f"/api/runs/{ids['a']}/queue", json={"before": ids["c"]})
    expect(shown(page)).to_have_text(["d", "a", "c"])
    gate.write_text("open")
    expect(by(page, f"holds-{ids['d']}")).to_be_visible()
    expect(shown(page)).to_have_text(["a", "c"])
    expect(by(page, f"holds-{first}")).to_have_count(0)


def test_the_runs_page_tells_who_waits(server: LiveServer, open_page: OpenPage, gate: Path) -> None:
    first = start(server, gate, "first")
    eventually(lambda: server.run(first)["state"] == "running", "its start")
    waiting = start(server, gate, "second")
    page = open_page(f"{server.url}/runs", width=390, height=844, scheme="light")
    expect(by(page, "waiting-strip")).to_contain_text("1 run waits")
    expect(by(page, f"run-row-{waiting}")).to_contain_text("place 1 in the queue")
    by(page, "waiting-strip").get_by_text("See the queue").click()
    expect(by(page, f"waits-{waiting}")).to_be_visible()
    server.post(f"/api/runs/{waiting}/stop", json={})
    expect(by(page, f"waits-{waiting}")).to_have_count(0)
