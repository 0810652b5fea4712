"""The main job in a real browser, from the built wheel: choose, start, watch, stop, take the result."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from live import FINAL, LiveServer, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
OpenPage = Callable[..., Page]
MINUTES = 60_000
LOSSES = ("generator_loss", "discriminator_loss")


def by(page: Page, testid: str) -> Any:
    return page.get_by_test_id(testid)


def start(page: Page, dataset: str, epochs: int) -> str:
    """Choose `dataset` on the first page and press ▶; the answer is the run's id."""
    by(page, f"dataset-card-{dataset}").click()
    expect(by(page, "preview")).to_contain_text("rows")
    page.get_by_label("Epochs", exact=True).fill(str(epochs))
    by(page, "start-training").click()
    page.wait_for_url(re.compile(r"/runs/r_[a-z2-7]{10}"))
    found = re.search(r"r_[a-z2-7]{10}", page.url)
    assert found is not None
    return found[0]


def points(page: Page, chart: str) -> int:
    panel = by(page, f"chart-{chart}")
    # Charts that cannot be seen draw nothing.
    panel.scroll_into_view_if_needed()
    return int(panel.get_attribute("data-points") or 0)


def drawn_equals_logged(page: Page, server: LiveServer, run: str) -> None:
    """Every chart holds each logged point once: none missing, none twice."""
    series = server.get(f"/api/runs/{run}/series")["series"]
    for chart, keys in (*((loss, (loss,)) for loss in LOSSES), ("scores", ("real_scores", "fake_scores"))):
        logged = sum(len(series[key]["value"]) for key in keys)
        assert all(len(set(series[key]["step"])) == len(series[key]["step"]) for key in keys), "a step was logged twice"
        eventually(lambda chart=chart, logged=logged: points(page, chart) == logged, f"{logged} points in {chart}")


def test_a_person_without_code_gets_synthetic_wines(server: LiveServer, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(server.url)
    expect(by(page, "connection-badge")).to_contain_text("Live")
    run = start(page, "wine.csv", 30)
    expect(by(page, "run-state")).to_contain_text("Running")
    eventually(lambda: points(page, "generator_loss") >= 2, "live points")
    expect(by(page, "run-state")).to_contain_text("Succeeded", timeout=3 * MINUTES)
    drawn_equals_logged(page, server, run)

    series = server.get(f"/api/runs/{run}/series")["series"]
    assert series["generator_loss"]["step"] == list(range(1, 31))
    assert all(0 <= score <= 1 for key in ("real_scores", "fake_scores") for score in series[key]["value"])
    ended = server.run(run)
    assert [(stage["name"], stage["state"]) for stage in ended["stages"]] == [
        (name, "done") for name in ("Prepare data", "Train", "Evaluate", "Export")
    ]
    assert ended["progress"]["percent"] == 100
    assert (ended["return_code"], ended["processes_left"]) == (0, 0)

    with page.expect_download() as download:
        by(page, "download-data").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text())))
    real = list(csv.reader(io.StringIO((server.data / "datasets" / "wine.csv").read_text())))
    assert rows[0] == real[0]
    assert len(rows) == len(real)
    assert rows[1:] != real[1:]

    page.get_by_text("How good is it?").click()
    expect(by(page, "quality-report")).to_be_visible()
    expect(by(page, "overall-quality")).to_contain_text(re.compile(r"\d"))

    with page.expect_download() as download:
        by(page, "download-model").click()
    out = tmp_path / "more.csv"
    command = [
        sys.executable,
        "-m",
        "pulsetrain.cli.main",
        "sample",
        str(download.value.path()),
        "-n",
        "7",
        "-o",
        str(out),
    ]
    subprocess.run(command, check=True, timeout=120, env=server.environment)
    assert len(out.read_text().splitlines()) == 8


def test_stop_on_the_order_book_ends_it_at_a_safe_point_with_its_checkpoint(
    server: LiveServer, open_page: OpenPage
) -> None:
    page = open_page(server.url)
    run = start(page, "order-book.csv", 1000)
    eventually(lambda: points(page, "generator_loss") >= 2, "live points")
    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped", timeout=MINUTES)
    expect(by(page, "stop-proof")).to_be_visible()
    ended = server.run(run)
    assert (ended["state"], ended["ended_by"], ended["processes_left"]) == ("stopped", "safe point", 0)
    assert "checkpoint" in {artifact["kind"] for artifact in ended["artifacts"]}
    expect(by(page, "continue-training")).to_be_enabled()


def test_the_order_book_trains_to_its_end(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url, scheme="light", width=1024)
    run = start(page, "order-book.csv", 3)
    expect(by(page, "run-state")).to_contain_text("Succeeded", timeout=3 * MINUTES)
    kinds = {artifact["kind"] for artifact in server.run(run)["artifacts"]}
    assert {"data", "model", "report"} <= kinds
    drawn_equals_logged(page, server, run)


def test_a_stopped_run_goes_on_from_its_checkpoint(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    first = start(page, "wine.csv", 200)
    eventually(lambda: points(page, "generator_loss") >= 12, "some epochs")
    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped", timeout=MINUTES)
    reached = server.run(first)["progress"]["epoch"]
    by(page, "continue-training").click()
    page.wait_for_url(lambda url: first not in url)
    found = re.search(r"r_[a-z2-7]{10}", page.url)
    assert found is not None
    eventually(lambda: points(page, "generator_loss") >= 1, "the first new epoch")
    steps = server.get(f"/api/runs/{found[0]}/series")["series"]["generator_loss"]["step"]
    assert steps[0] > 1
    assert steps[0] <= reached + 1
    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped", timeout=MINUTES)


def test_a_reload_in_the_middle_misses_and_doubles_nothing(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    run = start(page, "wine.csv", 60)
    eventually(lambda: points(page, "generator_loss") >= 5, "live points")
    page.reload()
    eventually(lambda: points(page, "generator_loss") >= 10, "points after the reload")
    expect(by(page, "run-state")).to_contain_text("Succeeded", timeout=3 * MINUTES)
    drawn_equals_logged(page, server, run)
    assert server.get(f"/api/runs/{run}/series")["series"]["generator_loss"]["step"] == list(range(1, 61))


def test_a_killed_server_costs_the_run_and_the_page_nothing(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    run = start(page, "wine.csv", 150)
    eventually(lambda: points(page, "generator_loss") >= 5, "live points")
    server.kill()
    expect(by(page, "connection-badge")).to_contain_text(re.compile("Reconnecting|Offline"))
    server.start()
    expect(by(page, "connection-badge")).to_contain_text("Live", timeout=MINUTES)
    expect(by(page, "run-state")).to_contain_text("Succeeded", timeout=3 * MINUTES)
    drawn_equals_logged(page, server, run)
    assert server.get(f"/api/runs/{run}/series")["series"]["generator_loss"]["step"] == list(range(1, 151))


def test_an_uploaded_table_is_looked_at_and_trained(server: LiveServer, open_page: OpenPage, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    lines = [
        f"{20 + n % 50},{('red', 'green', 'blue')[n % 3]},2024-01-{n % 28 + 1:02d},{n * 1.5 if n % 7 else ''}"
        for n in range(200)
    ]
    table.write_text("\n".join(["age,colour,<b>day</b>,amount", *lines]))
    page = open_page(server.url)
    by(page, "upload-input").set_input_files(str(table))
    expect(by(page, "preview")).to_contain_text("200 rows")
    # What a user typed is text, never markup.
    expect(by(page, "preview")).to_contain_text("<b>day</b>")
    page.get_by_label("Epochs", exact=True).fill("2")
    by(page, "start-training").click()
    expect(by(page, "run-state")).to_contain_text("Succeeded", timeout=3 * MINUTES)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"a,b,c\n", "header"), (b"a,b\n1,2\n3,4,5\n", "row"), (b"\x00\x01\x02\x89PNG", "binary")],
    ids=["empty", "header only", "ragged", "binary"],
)
def test_a_bad_file_is_refused_in_words(
    server: LiveServer, open_page: OpenPage, tmp_path: Path, content: bytes, says: str
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(content)
    page = open_page(server.url)
    before = len(server.get("/api/datasets")["datasets"])
    by(page, "upload-input").set_input_files(str(bad))
    expect(page.get_by_role("alert")).to_contain_text(re.compile(says, re.IGNORECASE))
    assert len(server.get("/api/datasets")["datasets"]) == before


@pytest.mark.parametrize("width", [390, 1024])
@pytest.mark.parametrize("path", ["/", "/runs", "/models", "/nowhere"])
def test_nothing_overflows_sideways(server: LiveServer, open_page: OpenPage, width: int, path: str) -> None:
    page = open_page(server.url + path, width=width)
    page.get_by_role("heading").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_run_that_crashes_shows_its_last_lines(server: LiveServer, open_page: OpenPage) -> None:
    script = "print('the last words'); raise RuntimeError('the disk is on fire')"
    command = [
        sys.executable,
        "-m",
        "pulsetrain.cli.main",
        "run",
        "--name",
        "crash",
        "--",
        sys.executable,
        "-c",
        script,
    ]
    environment = {**server.environment, "PULSETRAIN_URL": server.url}
    done = subprocess.run(command, check=False, env=environment, timeout=120, capture_output=True)
    assert done.returncode == 1
    run = server.get("/api/runs")["runs"][0]
    assert run["state"] in FINAL
    page = open_page(f"{server.url}/runs/{run['id']}")
    expect(by(page, "run-state")).to_contain_text("Failed")
    expect(by(page, "outcome")).to_contain_text("the disk is on fire")
    expect(by(page, "last-lines")).to_contain_text("the last words")
