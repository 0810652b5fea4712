"""A report with every kind of block, in awkward sizes, is drawn on the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Page, expect

from live import PATIENCE, LiveServer
from pulsetrain.model import report as form

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OpenPage = Callable[..., Page]
CLASSES = [f"class number {each}" for each in range(50)]


def every_block() -> list[form.Block]:
    """One of each kind and more: with holes, a lone label, long names, and 50 classes."""
    confusion = [[40 if row == at else (row * at) % 3 for at in range(50)] for row in range(50)]
    signed = [[1.0, -0.7, None], [-0.7, 1.0, 0.2], [None, 0.2, 1.0]]
    return [
        form.Table(
            title="Rows",
            columns=[form.Column(name="who"), form.Column(name="share", kind="share")],
            rows=[["<i>Ann</i>", 0.25], [None, None]],
        ),
        form.Bars(
            title="Bars",
            labels=["a", "a name that is far too long to stand beside its bar"],
            series=[
                form.BarSeries(name="one", values=[0.5, -0.2], errors=[0.1, None]),
                form.BarSeries(name="two", values=[None, 0.4]),
            ],
            unit="share",
        ),
        form.Bars(title="One bar", labels=["alone"], series=[form.BarSeries(name="n", values=[0.0])]),
        form.Lines(
            title="Lines",
            series=[
                form.LineSeries(name="loss", x=[0, 1, 2, 3], y=[3.0, None, 1.0, 0.5]),
                form.LineSeries(name="one point", x=[1.0], y=[2.0], dashed=True),
            ],
            x_title="Epoch",
        ),
        form.Lines(title="No lines", series=[form.LineSeries(name="nothing", x=[], y=[])]),
        form.Matrix(title="Confusion of 50", rows=CLASSES, columns=CLASSES, values=confusion, row_title="Truth"),
        form.Matrix(title="Signed", rows=["a", "b", "c"], columns=["a", "b", "c"], values=signed, scale="signed"),
        form.Scatter(title="Points", x=[1, 2, 3], y=[1.1, 1.9, 3.2], diagonal=True),
        form.Histogram(
            title="Spread",
            edges=[0, 1, 2, 4],
            series=[
                form.HistogramSeries(name="right", counts=[5, 3, 0]),
                form.HistogramSeries(name="wrong", counts=[0, 1, 2]),
            ],
        ),
        form.Texts(
            title="Said",
            items=[
                form.Text(text="<b>4</b>\nexactly", prompt="2 + 2?", expected="4", note="close"),
                form.Text(text=""),
            ],
        ),
    ]


def published(server: LiveServer, report: bytes) -> str:
    """A run whose own supervisor has handed in `report`."""
    made = server.post("/api/runs", json={"command": ["x"], "name": "reported"})
    run: str = made["run"]["id"]
    with httpx.Client(timeout=PATIENCE, headers={"Authorization": f"Bearer {made['token']}"}) as client:
        at = f"{server.url}/api/runs/{run}"
        client.put(f"{at}/artifacts/report.json?kind=report", content=report).raise_for_status()
        digest = f"sha256:{hashlib.sha256(report).hexdigest()}"
        data = {"name": "report.json", "kind": "report", "size": len(report), "digest": digest}
        batch = {"attempt": 1, "producer": "sdk-1", "records": [{"n": 1, "type": "run.artifact", "data": data}]}
        client.post(f"{at}/records", json=batch).raise_for_status()
    return run


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_every_kind_of_block_is_drawn(bare: LiveServer, open_page: OpenPage, width: int, scheme: str) -> None:
    blocks = every_block()
    figures = [
        form.Figure(
            name="Accuracy", value=0.91, unit="share", better="higher", baseline=0.3, baseline_name="by chance"
        ),
        form.Figure(name="Worse", value=0.2, better="higher", baseline=0.3),
        form.Figure(name="Unknown", value=None),
    ]
    sections = [form.Section(title="All of it", blocks=blocks)]
    report = form.Report(
        title="A report", summary="It is <em>good</em>.", figures=figures, sections=sections, notes=["Few rows."]
    )
    written: dict[str, Any] = msgspec.to_builtins(report)
    # What a newer trainer may write does not hide the rest.
    written["sections"][0]["blocks"].append({"kind": "hologram", "title": "Newer"})
    run = published(bare, msgspec.json.encode(written))
    page = open_page(f"{bare.url}/runs/{run}?tab=report", width=width, scheme=scheme)

    def block(title: str) -> Any:
        return page.get_by_role("region", name=title, exact=True)

    expect(page.get_by_test_id("report")).to_contain_text("It is <em>good</em>.")
    expect(page.get_by_test_id("figure-Accuracy")).to_contain_text("By chance: 30.0 %")
    expect(page.get_by_test_id("figure-Worse")).to_contain_text("not better")
    expect(page.get_by_test_id("figure-Unknown")).to_contain_text("–")
    for each in blocks:
        expect(block(each.title)).to_be_visible()
    expect(page.get_by_text("is not in a form that can be drawn")).to_have_count(0)
    expect(block("Newer")).to_contain_text("does not know how to show “hologram”")
    expect(block("Rows")).to_contain_text("<i>Ann</i>")
    expect(block("Said")).to_contain_text("<b>4</b>")
    assert block("Bars").locator("svg rect").count() >= 3
    # A line is broken where a value is missing.
    path = block("Lines").locator("path.line").first.get_attribute("d")
    assert path is not None and path.count("M") == 2
    # A point without neighbours is there all the same.
    expect(block("Lines").locator("circle")).to_have_count(2)
    expect(block("No lines")).to_contain_text("There are no points to draw.")
    big = block("Confusion of 50")
    expect(big.locator("tbody td")).to_have_count(2500)
    big.locator("tbody td").nth(51).focus()
    expect(big.locator(".matrix-foot")).to_contain_text("Truth class number 1 → column class number 1: 40")
    # Whatever is wide scrolls in its own panel.
    assert page.evaluate("document.documentElement.scrollWidth") == width
