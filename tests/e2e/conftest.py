"""The built wheel, a server that runs from it, and a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from chromium import system_chromium
from live import LiveServer, end_runs

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A shared machine may take its time; what must come is waited for.
expect.set_options(timeout=30_000)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, installed into a folder of its own; what it needs is there already."""
    folder = tmp_path_factory.mktemp("wheel")
    python = [sys.executable, "-m"]
    subprocess.run(
        [*python, "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=600,
    )
    [built] = folder.glob("*.whl")
    place = folder / "installed"
    subprocess.run(
        [*python, "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(place), str(built)],
        check=True,
        timeout=120,
    )
    return place


@pytest.fixture
def server(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server from the wheel with sample data, on a data folder of this test."""
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home")}
    # Two slots on two cores make one thread a run: more would fight with the browser for them.
    live = LiveServer(tmp_path / "data", "--slots", "2", environment=environment, samples=True).start()
    yield live
    live.stop()
    end_runs(tmp_path)


@pytest.fixture
def bare(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server from the wheel, without samples."""
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home")}
    live = LiveServer(tmp_path / "data", environment=environment).start()
    yield live
    live.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: Playwright's event loop holds the thread, and other tests run loops of their own."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=system_chromium(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One browser profile: its tabs share their workers."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens pages whose errors fail the test."""
    problems: list[str] = []
    pages: list[Page] = []

    def opened(url: str, *, width: int = 1440, height: int = 900, scheme: str = "dark") -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="light" if scheme == "light" else "dark",
            accept_downloads=True,
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.set_default_timeout(60_000)
        page.goto(url)
        pages.append(page)
        return page

    yield opened
    keep = os.environ.get("PULSETRAIN_SCREENSHOTS")
    for number, page in enumerate(pages):
        if keep:
            page.screenshot(path=Path(keep) / f"{tmp_path.name}-{number}.png", full_page=True)
        page.close()
    assert problems == []
