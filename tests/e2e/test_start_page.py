"""The start page for every trainer: its data, when and where, watchdogs, and runs that are like earlier ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from live import LiveServer, end_runs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
OpenPage = Callable[..., Page]

TRAINERS = '''
from pathlib import Path

import pulsetrain


@pulsetrain.trainer("count", title="Counter", data="csv")
def count(run, data: Path, *, times: int = 1, note: str = "") -> None:
    """Counts the lines of a table."""
    run.log({"lines": float(times * len(data.read_text().splitlines()))}, step=1)


@pulsetrain.trainer("lines", title="Line reader", data="jsonl")
def lines(run, data: Path) -> None:
    """Reads examples."""
'''


@pytest.fixture
def server(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "mine.py").write_text(TRAINERS)
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    live = LiveServer(tmp_path / "data", "--trainers", str(tmp_path / "mine.py"), environment=environment).start()
    live.post("/api/datasets", files={"file": ("a.csv", b"x\n1\n2\n")})
    live.post("/api/datasets", files={"file": ("b.csv", b"x\n1\n2\n3\n")})
    example = json.dumps({"text": "play some jazz", "intent": "play", "entities": []}).encode()
    live.post("/api/datasets", files={"file": ("talk.jsonl", example + b"\n" + example.replace(b"jazz", b"folk"))})
    yield live
    live.stop()
    end_runs(tmp_path)


def by(page: Page, testid: str) -> Any:
    return page.get_by_test_id(testid)


def choose(page: Page, title: str) -> None:
    page.get_by_label("Trainer", exact=True).select_option(label=title)


def started(page: Page) -> str:
    by(page, "start-training").click()
    page.wait_for_url(re.compile(r"/runs/r_[a-z2-7]{10}"))
    found = re.search(r"r_[a-z2-7]{10}", page.url)
    assert found is not None
    return found[0]


def test_each_trainer_is_offered_the_data_that_it_learns_from(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    expect(page.get_by_label("Trainer", exact=True)).to_have_value("tabular-gan")
    by(page, "dataset-card-talk.jsonl").click()
    expect(page.get_by_label("Trainer", exact=True)).to_have_value("nlu-train")
    choose(page, "Line reader")
    expect(by(page, "dataset-card-a.csv")).to_have_count(0)
    expect(by(page, "datasets-left")).to_contain_text("2 data sets are not what Line reader learns from.")
    choose(page, "Counter")
    expect(by(page, "dataset-card-a.csv")).to_be_visible()
    choose(page, "Command")
    expect(by(page, "no-data-needed")).to_be_visible()
    expect(by(page, "dataset-card-a.csv")).to_have_count(0)
    choose(page, "Line reader")
    by(page, "datasets-left").get_by_text("Show all").click()
    expect(by(page, "dataset-card-b.csv")).to_be_visible()


def test_when_and_where_and_watchdogs_go_with_the_run(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(f"{server.url}/?trainer=count&data=a.csv")
    by(page, "when").get_by_text("When and where").click()
    by(page, "when-priority").fill("101")
    expect(by(page, "start-training")).to_be_disabled()
    expect(by(page, "start-why")).to_have_text("Check “When and where”.")
    by(page, "when-priority").fill("7")
    by(page, "when-cores").fill("0.5")
    by(page, "when-memory").fill("0.25")
    by(page, "when-retries").fill("1")
    by(page, "watchdog-nan").select_option("stop")
    by(page, "watchdog-stalled").select_option("pause")
    page.get_by_label("Minutes without progress").fill("3")
    by(page, "watchdog-bound").select_option("warn")
    page.get_by_label("Which metric").fill("lines")
    page.get_by_label("Above or below").select_option("below")
    page.get_by_label("Bound of the metric").fill("-1")
    by(page, "watchdog-disk").select_option("off")
    run = server.run(started(page))
    assert (run["priority"], run["retries"]) == (7, 1)
    assert run["resources"] == {"cores": 0.5, "memory_bytes": 250_000_000, "gpus": 0, "gpu_indices": None}
    assert run["watchdogs"] == [
        {"kind": "nan", "action": "stop", "metric": None},
        {"kind": "stalled", "action": "pause", "minutes": 3.0},
        {"kind": "bound", "action": "warn", "metric": "lines", "above": None, "below": -1.0},
    ]


def test_a_run_is_cloned_with_changes(server: LiveServer, open_page: OpenPage) -> None:
    watchdogs = [{"kind": "diverges", "action": "stop", "metric": "lines"}, {"kind": "nan", "action": "pause"}]
    wanted = {"parameters": {"times": 3, "note": "hi"}, "priority": 4, "watchdogs": watchdogs}
    old = server.post("/api/runs", json={"trainer": "count", "dataset": "a.csv", **wanted})["run"]
    server.ended(old["id"])
    page = open_page(f"{server.url}/start?clone={old['id']}", width=390, height=844, scheme="light")
    expect(by(page, "like")).to_contain_text(old["name"])
    expect(page.get_by_label("Times", exact=True)).to_have_value("3")
    expect(by(page, "dataset-card-a.csv")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Times", exact=True).fill("5")
    by(page, "dataset-card-b.csv").click()
    expect(page.get_by_label("Times", exact=True)).to_have_value("5")
    run = server.ended(started(page))
    assert (run["cloned_from"], run["dataset"], run["priority"]) == (old["id"], "b.csv", 4)
    assert run["parameters"] == {**old["parameters"], "times": 5}
    assert run["watchdogs"] == old["watchdogs"]
    assert run["metrics"]["lines"]["last"] == 20.0
