"""The pages of data sets in a real browser, from the built wheel: upload, look, edit examples, take a version back."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from playwright.sync_api import Page, Route, expect

from live import PATIENCE, LiveServer, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
OpenPage = Callable[..., Page]
MIB = 1024 * 1024

JAZZ = {"text": "play some jazz", "intent": "play", "entities": [{"start": 10, "end": 14, "label": "genre"}]}
RAIN = {"text": "🌧 will it rain in Zürich", "intent": "weather", "entities": []}
WRONG = {"text": "stop", "intent": "stop", "entities": [{"start": 0, "end": 9, "label": "what"}]}


def by(page: Page, testid: str) -> Any:
    return page.get_by_test_id(testid)


def choose(page: Page, name: str, content: bytes) -> None:
    mime = "application/octet-stream"
    by(page, "upload-input").set_input_files({"name": name, "mimeType": mime, "buffer": content})


def lines(server: LiveServer, id: str = "assistant.jsonl") -> list[dict[str, Any]]:
    text = httpx.get(f"{server.url}/api/datasets/{id}/file", timeout=PATIENCE).text
    return [json.loads(line) for line in text.splitlines()]


def content_of(*examples: dict[str, Any]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in examples).encode()


def test_examples_are_edited_in_place(bare: LiveServer, open_page: OpenPage) -> None:
    page = open_page(f"{bare.url}/data")
    choose(page, "assistant.jsonl", content_of(JAZZ, RAIN, WRONG))
    page.wait_for_url(re.compile(r"/data/assistant\.jsonl"))
    expect(by(page, "example-0")).to_contain_text("jazz")
    expect(by(page, "example-0").locator("mark small")).to_have_text("genre")
    expect(by(page, "example-2")).to_contain_text("ends at 9, and the text has 4 characters")

    # By its words, with the mouse; the label by keyboard.
    page.get_by_label("Edit example 2", exact=True).click()
    page.get_by_role("button", name="Zürich", exact=True).click()
    expect(by(page, "mark-label")).to_be_focused()
    page.keyboard.type("city")
    page.keyboard.press("Enter")
    expect(by(page, "example-editor").locator("mark small")).to_have_text("city")
    # In the text field, with the keyboard alone; what was marked moves along.
    field = by(page, "example-text")
    field.fill("🌧 tell me: will it rain in Zürich tomorrow")
    field.press("End")
    for _ in "tomorrow":
        page.keyboard.press("Shift+ArrowLeft")
    by(page, "mark-label").fill("day")
    by(page, "mark").click()
    by(page, "example-intent").fill("forecast")
    by(page, "save-example").click()
    expect(by(page, "example-1").locator("mark small")).to_have_text(["city", "day"])
    expect(by(page, "example-1")).to_contain_text("forecast")
    text = "🌧 tell me: will it rain in Zürich tomorrow"
    city, day = text.index("Zürich"), text.index("tomorrow")
    assert lines(bare)[1] == {
        "text": text,
        "intent": "forecast",
        "entities": [
            {"start": city, "end": city + 6, "label": "city"},
            {"start": day, "end": day + 8, "label": "day"},
        ],
    }
    # A mark is removed, and Escape leaves all as it was.
    page.get_by_label("Edit example 1", exact=True).click()
    page.get_by_label("Remove the mark genre of jazz").click()
    by(page, "example-text").press("Escape")
    expect(by(page, "example-0").locator("mark small")).to_have_text("genre")
    page.get_by_label("Delete example 3", exact=True).click()
    by(page, "confirm").click()
    expect(by(page, "example-2")).to_have_count(0)
    assert len(lines(bare)) == 2
    expect(page.get_by_test_id("data-tab-problems")).to_have_count(0)
    expect(by(page, "data-tab-versions")).to_have_text("Versions (3)")


def test_examples_are_added_and_found(bare: LiveServer, open_page: OpenPage) -> None:
    bare.post("/api/datasets", files={"file": ("assistant.jsonl", content_of(JAZZ))})
    page = open_page(f"{bare.url}/data/assistant.jsonl", width=390, height=844, scheme="light")
    by(page, "add-example").click()
    by(page, "example-text").fill("good morning")
    by(page, "example-intent").fill("greet")
    by(page, "example-intent").press("Enter")
    expect(by(page, "example-1")).to_contain_text("good morning")
    by(page, "bulk-add").click()
    bad = {"text": "x", "intent": "y", "entities": [{"start": 0, "end": 2, "label": "z"}]}
    by(page, "bulk-text").fill(content_of(RAIN).decode() + "\nnonsense\n")
    expect(by(page, "bulk-problems")).to_contain_text("Line 3 The line is no JSON.")
    expect(by(page, "bulk-save")).to_be_disabled()
    by(page, "bulk-text").fill(content_of(RAIN).decode() + "\n" + json.dumps(bad))
    by(page, "bulk-save").click()
    expect(by(page, "bulk-problems")).to_contain_text("Line 3 Entity 1 (z) ends at 2")
    by(page, "bulk-text").fill("\n".join(json.dumps({"text": f"say {n}", "intent": "say"}) for n in range(120)))
    by(page, "bulk-save").click()
    expect(by(page, "bulk")).to_have_count(0)
    expect(by(page, "examples")).to_contain_text("122 examples, 3 intents")
    page.get_by_label("Later examples").click()
    expect(by(page, "example-50")).to_be_visible()
    by(page, "example-search").fill("say 11")
    expect(by(page, "examples")).to_contain_text("11 examples found")
    assert "q=say" in page.url
    # What somebody else adds shows by itself, and what was found stays what is asked for.
    bare.post("/api/datasets/assistant.jsonl/examples", json={"examples": [{"text": "say 11 more", "intent": "say"}]})
    expect(by(page, "examples")).to_contain_text("12 examples found")


def test_nothing_is_lost_when_two_edit_the_same_set(bare: LiveServer, open_page: OpenPage) -> None:
    bare.post("/api/datasets", files={"file": ("assistant.jsonl", content_of(JAZZ, RAIN))})
    page = open_page(f"{bare.url}/data/assistant.jsonl")
    page.get_by_label("Edit example 1", exact=True).click()
    by(page, "example-text").fill("play some blues")
    httpx.delete(f"{bare.url}/api/datasets/assistant.jsonl/examples/0", timeout=PATIENCE).raise_for_status()
    by(page, "save-example").click()
    expect(by(page, "example-error")).to_contain_text("has been changed")
    expect(by(page, "example-text")).to_have_value("play some blues")
    assert lines(bare) == [RAIN]


def test_versions_and_rows_with_problems(bare: LiveServer, open_page: OpenPage) -> None:
    page = open_page(bare.url)
    rows = [f"{number},{number / 10},x" for number in range(1, 101)]
    rows[6], rows[40] = "7", "41,many,y"
    choose(page, "readings.csv", ("id,value,kind\n" + "\n".join(rows)).encode())
    expect(by(page, "preview")).to_contain_text("99 rows × 3 columns")
    page.get_by_role("link", name="See which").click()
    expect(by(page, "problems")).to_contain_text("The row (line 8) has 1 field, and the header has 3.")
    expect(by(page, "problems").get_by_role("row").nth(2)).to_contain_text("41value is 'many'")
    choose(
        page, "mended.csv", ("id,value,kind\n" + "\n".join(row for row in rows if row.count(",") == 2)[:400]).encode()
    )
    expect(by(page, "data-tab-versions")).to_have_text("Versions (2)")
    by(page, "data-tab-versions").click()
    page.get_by_label("Look at version 1").click()
    expect(by(page, "data-table")).to_contain_text("99 rows × 3 columns")
    with page.expect_download() as download:
        by(page, "data-tab-versions").click()
        page.get_by_label("Download version 1").click()
    assert Path(download.value.path()).read_text().splitlines()[7] == "7"
    # A file of another format is another data set, and that is said.
    choose(page, "x.jsonl", b'{"a": 1}\n')
    expect(by(page, "upload-error")).to_contain_text("a version of another format")
    by(page, "delete-dataset").click()
    by(page, "confirm").click()
    page.wait_for_url(re.compile(r"/data$"))
    expect(page.get_by_text("No data yet")).to_be_visible()


def test_parquet_is_looked_at_and_trained_on(bare: LiveServer, open_page: OpenPage, tmp_path: Path) -> None:
    pl.DataFrame({"n": range(60), "tags": [["a"], []] * 30}).write_parquet(tmp_path / "trips.parquet")
    page = open_page(bare.url)
    choose(page, "trips.parquet", (tmp_path / "trips.parquet").read_bytes())
    expect(by(page, "preview")).to_contain_text("60 rows × 2 columns")
    expect(by(page, "preview")).to_contain_text('["a"]')
    expect(by(page, "dataset-card-trips.parquet")).to_contain_text("Parquet")
    expect(by(page, "start-training")).to_be_enabled()
    by(page, "nav-data").click()
    by(page, "data-row-trips.parquet").click()
    by(page, "train-on-it").click()
    expect(by(page, "dataset-card-trips.parquet")).to_have_attribute("aria-pressed", "true")


def test_a_large_file_survives_a_broken_connection_and_a_killed_server(bare: LiveServer, open_page: OpenPage) -> None:
    content = b"a,b\n" + b"".join(b"%08d,%08d\n" % (row, row * 7) for row in range(1_100_000))
    assert len(content) > 2 * 8 * MIB
    page = open_page(f"{bare.url}/data")
    pieces: list[str] = []
    killed = threading.Event()

    def passing(route: Route) -> None:
        pieces.append(route.request.headers["upload-offset"])
        if len(pieces) == 2:
            bare.kill()
            killed.set()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(
        "**/api/uploads/*", lambda route: passing(route) if route.request.method == "PATCH" else route.continue_()
    )
    choose(page, "large.csv", content)
    expect(page.get_by_text("The connection broke. Trying again…")).to_be_visible()
    eventually(killed.is_set, "the second piece")
    bare.start()
    page.wait_for_url(re.compile(r"/data/large\.csv"))
    assert pieces[:2] == ["0", str(8 * MIB)]
    assert "0" not in pieces[1:], "what had arrived was sent again"
    assert httpx.get(f"{bare.url}/api/datasets/large.csv/file", timeout=PATIENCE).content == content
