"""Own trainers and commands on the page: chosen, filled in, started, watched; and what is wrong with them is shown."""

from __future__ import annotations

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
import pulsetrain


@pulsetrain.trainer("halves", title="Halves")
def halves(run, *, start: float = 1.0, broken: bool = False) -> None:
    """Halve a number again and again."""
    for step in range(1, 4):
        start /= 2
        run.log({"value": start}, step=step)
    if broken:
        raise ZeroDivisionError("nothing to divide")
'''


@pytest.fixture
def server(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "mine.py").write_text(TRAINERS)
    (tmp_path / "broken.py").write_text("import pulsetrain\nimport no_such_module\n")
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    flags = ("--trainers", str(tmp_path / "mine.py"), "--trainers", str(tmp_path / "broken.py"))
    live = LiveServer(tmp_path / "data", *flags, environment=environment).start()
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


def test_an_own_trainer_is_started_from_its_form(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    choose(page, "Halves")
    expect(page.get_by_text("Halve a number again and again.")).to_be_visible()
    page.get_by_label("Start", exact=True).fill("8")
    run = started(page)
    expect(by(page, "run-state")).to_contain_text("Succeeded")
    assert server.run(run)["metrics"]["value"]["last"] == 1.0


def test_a_traceback_is_shown_where_a_run_failed(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    choose(page, "Halves")
    page.get_by_label("Broken", exact=True).check()
    started(page)
    expect(by(page, "run-state")).to_contain_text("Failed")
    expect(page.get_by_text("ZeroDivisionError: nothing to divide").first).to_be_visible()
    expect(by(page, "log-line").filter(has_text="Traceback (most recent call last)").first).to_be_visible()


def test_a_module_that_cannot_be_loaded_shows_its_traceback(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    choose(page, "broken.py")
    problem = by(page, "trainer-problem")
    expect(problem).to_contain_text("Traceback (most recent call last)")
    expect(problem).to_contain_text("ModuleNotFoundError: No module named 'no_such_module'")
    expect(by(page, "start-training")).to_be_disabled()


def test_a_command_is_started_from_its_form(server: LiveServer, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(server.url)
    choose(page, "Command")
    expect(by(page, "start-training")).to_be_disabled()
    page.get_by_label("Command", exact=True).fill('awk \'BEGIN { print "loss:", ENVIRON["A"] / ENVIRON["B"] }\'')
    # Several lines can be written.
    page.get_by_label("Environment", exact=True).fill("A=1\nB=4")
    page.get_by_label("Folder", exact=True).fill(str(tmp_path))
    run = started(page)
    expect(by(page, "run-state")).to_contain_text("Succeeded")
    assert server.run(run)["metrics"]["loss"]["last"] == 0.25
    expect(by(page, "log-line").filter(has_text="loss: 0.25")).to_be_visible()
