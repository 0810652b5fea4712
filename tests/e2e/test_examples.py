"""The examples of embedding, from another origin than the server's."""

from __future__ import annotations

import functools
import re
import runpy
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from e2e.by_hand import Producer, connections
from live import LiveServer

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its address: a page of somebody else's."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_to_site(wheel: Path, site: tuple[Path, str], tmp_path: Path) -> Iterator[LiveServer]:
    """A server that lets pages of the site read."""
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home")}
    live = LiveServer(tmp_path / "data", "--allow-origin", site[1], environment=environment).start()
    yield live
    live.stop()


def test_the_plain_page_shows_a_run(open_to_site: LiveServer, site: tuple[Path, str], context: BrowserContext) -> None:
    folder, url = site
    shutil.copy(EXAMPLES / "embed.html", folder)
    run = Producer(open_to_site, "embedded")
    run.write("run.progress", percent=12.5)
    page = context.new_page()
    page.goto(f"{url}/embed.html?server={open_to_site.url}&run={run.id}")
    expect(page.locator("#name")).to_have_text("embedded")
    expect(page.locator("#percent")).to_have_text("12.5 %")
    # EventSource goes on by itself, after the last event that it has.
    open_to_site.kill()
    open_to_site.start()
    run.write("run.progress", percent=80)
    expect(page.locator("#percent")).to_have_text("80.0 %")
    run.write("run.status", state="succeeded")
    expect(page.locator("#state")).to_have_text("succeeded")


def node() -> str:
    """The Node that the page was built with: the machine's, or that of a package."""
    found: str = runpy.run_path(str(ROOT / "hatch_build.py"))["_node"]()[0]
    return found


@pytest.fixture(scope="module")
def react_page(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The React example, checked and built with the packages of the page."""
    assert wheel
    folder = tmp_path_factory.mktemp("react") / "example"
    shutil.copytree(EXAMPLES / "react", folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "node_modules").symlink_to(ROOT / "web/node_modules")
    for script, *flags in (["typescript/bin/tsc", "--noEmit"], ["vite/bin/vite.js", "build", "--logLevel", "warn"]):
        subprocess.run([node(), f"node_modules/{script}", *flags], cwd=folder, check=True, timeout=300)
    return folder / "dist"


def test_the_react_page_follows_every_run(
    react_page: Path, open_to_site: LiveServer, site: tuple[Path, str], context: BrowserContext
) -> None:
    folder, url = site
    shutil.copytree(react_page, folder, dirs_exist_ok=True)
    before = Producer(open_to_site, "before")
    page, other = context.new_page(), context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    for each in (page, other):
        each.goto(f"{url}/?server={open_to_site.url}")
        expect(each.get_by_test_id("connection")).to_have_text("Live over websocket")
        expect(each.get_by_role("row", name="before")).to_contain_text("running")
    assert connections(open_to_site) == {"websocket": 1}
    after = Producer(open_to_site, "after")
    for each in (page, other):
        expect(each.get_by_test_id("news")).to_contain_text("after was created")
        expect(each.get_by_test_id("news")).to_contain_text("after is running")
        expect(each.get_by_role("row", name="after")).to_contain_text("running")
    page.get_by_role("button", name="after").click()
    after.write("run.metrics", step=[7], time=[1.0], values={"loss": [0.25]})
    expect(page.get_by_test_id("details")).to_contain_text("loss: 0.25 at step 7")
    expect(page.get_by_test_id("line")).to_have_text("No line since you look.")
    after.write("run.log", lines=[{"stream": "stdout", "text": "epoch 3 of 9", "time": 1.0}])
    expect(page.get_by_test_id("line")).to_have_text("epoch 3 of 9")
    assert connections(open_to_site) == {"websocket": 1}

    open_to_site.kill()
    expect(page.get_by_test_id("connection")).to_have_text(re.compile(r"Reconnecting, attempt \d+"))
    expect(page.get_by_test_id("news")).to_contain_text("The connection was lost")
    open_to_site.start()
    expect(page.get_by_test_id("connection")).to_have_text(re.compile("Live over"))
    before.write("run.status", state="succeeded")
    expect(page.get_by_role("row", name="before")).to_contain_text("succeeded")
    expect(page.get_by_test_id("news")).to_contain_text("before is succeeded")
    assert problems == []
