"""Many tabs of one browser: one connection, and every tab as true as if it had its own."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from e2e.by_hand import Producer, connections, eventually
from live import LiveServer

NO_WORKER = "delete window.SharedWorker"
HIDEABLE = """
  let state = "visible";
  Object.defineProperty(document, "visibilityState", { get: () => state });
  Object.defineProperty(document, "hidden", { get: () => state === "hidden" });
  window.show = (next) => { state = next; document.dispatchEvent(new Event("visibilitychange")); };
"""
"""A browser that is driven never hides its tabs, so the page is told that it is hidden."""


def opened(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_test_id("connection-badge")).to_have_text("Live")
    return page


def test_twelve_tabs_hold_one_connection_and_miss_nothing(bare: LiveServer, context: BrowserContext) -> None:
    first = Producer(bare, "before")
    tabs = [opened(context, f"{bare.url}/runs") for _ in range(6)]
    second = Producer(bare, "meanwhile")
    # Other pages ask for other events; they come over the same connection.
    tabs += [opened(context, f"{bare.url}/runs/{run.id}") for run in (first, second, first, second, first)]
    tabs.append(opened(context, bare.url))
    assert connections(bare) == {"websocket": 1}
    second.write("run.progress", percent=37.0)
    third = Producer(bare, "after")
    for tab in tabs[:6]:
        for run in (first, second, third):
            expect(tab.locator(f'a[href="/runs/{run.id}"]').first).to_be_visible()
        expect(tab.locator("main")).to_contain_text("37")
    for tab in (tabs[7], tabs[9]):
        expect(tab.locator("main")).to_contain_text("37")
    # The tab that came first goes, and the others do not notice.
    tabs[0].close()
    fourth = Producer(bare, "last")
    for tab in tabs[1:6]:
        expect(tab.locator(f'a[href="/runs/{fourth.id}"]').first).to_be_visible()
        expect(tab.get_by_test_id("connection-badge")).to_have_text("Live")
    assert connections(bare) == {"websocket": 1}
    for tab in tabs[1:]:
        tab.close()
    eventually(lambda: connections(bare) == {}, "the connection goes with the last tab")


def test_a_killed_server_is_said_in_every_tab(bare: LiveServer, context: BrowserContext) -> None:
    tabs = [opened(context, f"{bare.url}/runs") for _ in range(3)]
    bare.kill()
    for tab in tabs:
        expect(tab.get_by_test_id("connection-badge")).to_contain_text(re.compile("Reconnecting|Offline"))
    bare.start()
    run = Producer(bare, "afterwards")
    for tab in tabs:
        expect(tab.get_by_test_id("connection-badge")).to_have_text("Live")
        expect(tab.locator(f'a[href="/runs/{run.id}"]').first).to_be_visible()


def test_the_connection_is_let_go_only_when_every_tab_is_hidden(bare: LiveServer, context: BrowserContext) -> None:
    context.add_init_script(HIDEABLE)
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.clock.install()
        tab.goto(f"{bare.url}/runs")
        expect(tab.get_by_test_id("connection-badge")).to_have_text("Live")

    def hide(tab: Page) -> None:
        tab.evaluate("show('hidden')")
        tab.clock.fast_forward(61_000)
        expect(tab.get_by_test_id("connection-badge")).to_have_text("Paused")

    hide(tabs[0])
    run = Producer(bare, "seen-by-one")
    expect(tabs[1].locator(f'a[href="/runs/{run.id}"]').first).to_be_visible()
    assert connections(bare) == {"websocket": 1}
    hide(tabs[1])
    eventually(lambda: connections(bare) == {}, "no connection while nobody looks")
    unseen = Producer(bare, "seen-by-nobody")
    for tab in tabs:
        tab.evaluate("show('visible')")
        expect(tab.get_by_test_id("connection-badge")).to_have_text("Live")
        expect(tab.locator(f'a[href="/runs/{unseen.id}"]').first).to_be_visible()
    assert connections(bare) == {"websocket": 1}


def test_without_shared_workers_a_tab_reads_for_itself(bare: LiveServer, context: BrowserContext) -> None:
    context.add_init_script(NO_WORKER)
    tab = opened(context, f"{bare.url}/runs")
    run = Producer(bare, "alone")
    expect(tab.locator(f'a[href="/runs/{run.id}"]').first).to_be_visible()
    assert connections(bare) == {"sse": 1}


def test_a_tab_polls_where_streams_are_held_back_and_streams_again_when_they_are_not(
    bare: LiveServer, context: BrowserContext
) -> None:
    context.add_init_script(NO_WORKER)
    tab = context.new_page()
    held = "**/api/events*"
    streams = lambda route: (  # noqa: E731
        route.abort() if "text/event-stream" in route.request.headers["accept"] else route.continue_()
    )
    tab.route(held, streams)
    tab.goto(f"{bare.url}/runs")
    badge = tab.get_by_test_id("connection-badge")
    while not badge.inner_text().startswith("Live"):
        if badge.get_attribute("data-state") in ("reconnecting", "offline"):
            badge.click(timeout=1000, no_wait_after=True)
    expect(badge).to_have_text("Live, polling")
    run = Producer(bare, "polled")
    expect(tab.locator(f'a[href="/runs/{run.id}"]').first).to_be_visible()
    tab.unroute(held, streams)
    expect(badge).to_have_text("Live", timeout=120_000)
    assert connections(bare) == {"sse": 1}
    again = Producer(bare, "streamed")
    expect(tab.locator(f'a[href="/runs/{again.id}"]').first).to_be_visible()
