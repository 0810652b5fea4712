"""A run is steered from its page, what happened is marked on its charts, and a real trainer's report is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from live import LiveServer, end_runs, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
OpenPage = Callable[..., Page]
MINUTES = 180_000

TRAINERS = '''
from __future__ import annotations

import time

import pulsetrain


@pulsetrain.trainer("descent", title="Descent", stages=["Fit"])
def descent(run, *, rate: float = 0.1) -> None:
    """Logistic regression by hand, on points that it makes."""
    import numpy as np

    dice = np.random.default_rng(1)
    points, truth = dice.normal(size=(2000, 8)), dice.normal(size=8)
    answers = (points @ truth > 0).astype(float)
    weights = np.zeros(8)

    def evaluate():
        run.log({"held_out": float(((points @ weights > 0) == answers).mean())})

    run.on("evaluate", evaluate)
    epoch = 0
    with run.stage("Fit"):
        while not run.should_stop:
            epoch += 1
            step_size = run.param("rate", rate, minimum=0, maximum=10, help="Size of a step.")
            sure = 1 / (1 + np.exp(-(points @ weights)))
            weights -= step_size * points.T @ (sure - answers) / len(answers)
            run.log({"loss": float(np.abs(sure - answers).mean()), "step_size": step_size}, step=epoch)
            run.table("Weights", ["feature", "weight"], [[f"x{at}", float(each)] for at, each in enumerate(weights)])
            # Slow enough to be watched; it trains on until it is told to stop.
            time.sleep(0.02)
'''


@pytest.fixture
def server(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "mine.py").write_text(TRAINERS)
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    flags = ("--trainers", str(tmp_path / "mine.py"), "--slots", "1")
    live = LiveServer(tmp_path / "data", *flags, environment=environment, samples=True).start()
    yield live
    live.stop()
    end_runs(tmp_path)


def by(page: Page, testid: str) -> Any:
    return page.get_by_test_id(testid)


def start(server: LiveServer, page: Page, **request: Any) -> str:
    run: str = server.post("/api/runs", json=request)["run"]["id"]
    page.goto(f"{server.url}/runs/{run}")
    return run


def series(server: LiveServer, run: str, key: str) -> dict[int, float]:
    points = server.get(f"/api/runs/{run}/series")["series"][key]
    return dict(zip(points["step"], points["value"], strict=True))


def test_a_run_is_steered_paused_noted_and_stopped(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    watchdogs = [{"kind": "bound", "metric": "step_size", "above": 0.3, "action": "warn"}]
    run = start(server, page, trainer="descent", watchdogs=watchdogs)

    # A value out of its range is not even sent; one within takes effect at a step, and is marked there.
    control = by(page, "control-rate")
    control.get_by_label("Rate", exact=True).fill("11")
    expect(control).to_contain_text("This must be from 0 to 10.")
    expect(control.get_by_test_id("apply")).to_be_disabled()
    control.get_by_label("Rate", exact=True).press("Escape")
    expect(control.get_by_label("Rate", exact=True)).to_have_value("0.1")
    control.get_by_label("Rate", exact=True).fill("0.5")
    control.get_by_label("Rate", exact=True).press("Enter")
    expect(control).to_contain_text(re.compile(r"Took effect after step [\d,]+"))
    found = re.search(r"after step ([\d,]+)", control.inner_text())
    assert found is not None
    step = int(found[1].replace(",", ""))
    after = eventually(lambda: (rows := series(server, run, "step_size")).get(step + 1) and rows, "the next step")
    assert (after[step], after[step + 1]) == (0.1, 0.5)
    mark = by(page, "chart-loss").get_by_role(
        "button", name=re.compile(rf"rate 0.1 → 0.5 · after step {found[1]} · by")
    )
    expect(mark).to_be_attached()

    # The watchdog saw it, and says so on the page and in the list.
    expect(by(page, "alert")).to_contain_text("above 0.3")
    expect(by(page, "alert")).to_contain_text("Watchdog “bound”")

    by(page, "action-evaluate").click()
    expect(by(page, "action-told")).to_contain_text(re.compile(r"Evaluate done after step [\d,]+"))
    expect(by(page, "chart-held_out")).to_be_visible()

    # What people type is shown as text.
    by(page, "note").fill("slower <b>now</b>")
    by(page, "note").press("Enter")
    expect(by(page, "timeline-entry").filter(has_text="slower <b>now</b>")).to_be_visible()

    # It is shown as paused when it is; what is asked for meanwhile waits, and takes effect when it goes on.
    by(page, "pause-run").click()
    expect(by(page, "run-state")).to_contain_text("Paused")
    expect(by(page, "paused")).to_contain_text("safe point")
    assert server.run(run)["state"] == "paused"
    control.get_by_label("Rate", exact=True).fill("0.25")
    control.get_by_test_id("apply").click()
    expect(control).to_contain_text("the run takes it when it goes on")
    by(page, "resume-run").click()
    expect(by(page, "run-state")).to_contain_text("Running")
    expect(control).to_contain_text("Took effect after step")
    assert server.run(run)["controls"][0]["value"] == 0.25

    # After a reload the marks are where they were, and the keyboard reaches what they say.
    page.reload()
    marks = by(page, "chart-loss").get_by_test_id("chart-mark")
    expect(marks.first).to_be_attached()
    marks.first.focus()
    expect(by(page, "chart-loss").locator(".mark-tip")).to_be_visible()
    labels = eventually(lambda: _labels(marks, "slower"), "the note's mark")
    assert "rate 0.1 → 0.5" in labels
    expect(by(page, "table-Weights").get_by_role("row")).to_have_count(9)

    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped")
    expect(by(page, "steer")).to_have_count(0)
    expect(by(page, "clone-run")).to_have_attribute("href", f"/start?clone={run}")
    page.goto(f"{server.url}/runs")
    expect(by(page, f"run-row-{run}").get_by_test_id("alert-dot")).to_be_visible()


def _labels(marks: Any, wanted: str) -> str | None:
    told = "; ".join(each.get_attribute("aria-label") or "" for each in marks.all())
    return told if wanted in told else None


def test_a_waiting_run_says_its_place_and_is_steered_from_a_phone(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url, width=390, height=844, scheme="light")
    first = start(server, page, trainer="descent")
    eventually(lambda: server.run(first)["state"] == "running", "the first run")
    second = start(server, page, trainer="descent")
    expect(by(page, "run-facts")).to_contain_text("next in the queue")
    expect(by(page, "stop-run")).to_contain_text("Cancel")
    page.goto(f"{server.url}/runs/{first}")
    by(page, "steer-fold").click()
    raise_it = by(page, "control-rate").get_by_role("button", name="Raise rate")
    raise_it.click()
    expect(by(page, "control-rate").get_by_label("Rate", exact=True)).not_to_have_value("0.1")
    by(page, "control-rate").get_by_test_id("apply").click()
    expect(by(page, "control-rate")).to_contain_text("Took effect after step")
    # Nothing makes the page wider than the phone.
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped")
    page.goto(f"{server.url}/runs/{second}")
    expect(by(page, "run-state")).to_contain_text("Running")
    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped")
    # Without a checkpoint it is tried again from its beginning.
    by(page, "start-again").click()
    page.wait_for_url(lambda url: second not in url)
    found = re.search(r"r_[a-z2-7]{10}", page.url)
    assert found is not None
    assert server.run(found[0])["retry_of"] == second
    by(page, "stop-run").click()
    expect(by(page, "run-state")).to_contain_text("Stopped")


def test_the_report_of_a_classifier_is_drawn(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    # The sample sets are made while the server starts.
    eventually(lambda: "iris.csv" in str(server.get("/api/datasets")["datasets"]), "the sample set")
    run = start(server, page, trainer="classifier", dataset="iris.csv")
    expect(by(page, "table-Leaderboard")).to_be_visible(timeout=MINUTES)
    expect(by(page, "run-state")).to_contain_text("Succeeded", timeout=MINUTES)
    by(page, "tab-report").click()
    report = server.get(f"/api/runs/{run}/artifacts/report.json?inline=1")
    expect(by(page, "report")).to_contain_text(report["summary"])
    blocks = [block for section in report["sections"] for block in section["blocks"]]
    for kind in {block["kind"] for block in blocks}:
        expect(by(page, f"block-{kind}")).to_have_count(sum(block["kind"] == kind for block in blocks))
    expect(page.get_by_text("is not in a form that can be drawn")).to_have_count(0)
    # The matrix holds the counts of the report, tells a row's shares, and can be walked with the arrow keys.
    [matrix] = [block for block in blocks if block["kind"] == "matrix"]
    cells = by(page, "block-matrix").locator("table.matrix tbody td")
    counts = [int(text.replace(",", "")) for text in cells.all_inner_texts()]
    assert counts == [int(value) for row in matrix["values"] for value in row]
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    foot = by(page, "block-matrix").locator(".matrix-foot")
    expect(foot).to_contain_text(f"{matrix['rows'][0]} → {matrix['column_title']} {matrix['columns'][1]}")
    expect(foot).to_contain_text("of the row's")
    # Each plot has its numbers as a table.
    lines = by(page, "block-lines").first
    expect(lines.get_by_role("img")).to_have_accessible_name(re.compile(".+: .+"))
    lines.get_by_text("As a table").click()
    expect(lines.get_by_role("table")).to_be_visible()
