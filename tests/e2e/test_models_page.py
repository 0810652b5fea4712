"""The page of models in a real browser: versions, comparison, predictions, deployments with live traffic, deletion."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from live import PATIENCE, LiveServer, end_runs, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
OpenPage = Callable[..., Page]

TRAINER = '''
import json
from pathlib import Path
from typing import Any

import pulsetrain
from pulsetrain.model.errors import BadParameters


@pulsetrain.trainer("times", predictor="times:load")
def train(run, *, factor: int = 2):
    """Learns to multiply."""
    run.log({"loss": 0.5 / factor, "accuracy": 1 - 0.1 * factor, "rows": float(factor)}, step=1)
    path = run.dir / "model.json"
    path.write_text(json.dumps({"factor": factor}))
    run.save_artifact(path, kind="model")


class Times:
    input = {
        "type": "object",
        "properties": {
            "x": {"type": "number", "minimum": 0, "description": "What to multiply."},
            "unit": {"type": ["string", "null"], "enum": ["kg", "lb", None]},
            "text": {"type": ["string", "null"]},
            "rows": {"type": ["integer", "null"]},
        },
        "required": ["x"],
        "examples": [{"x": 3, "unit": "kg"}],
    }

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answers = []
        for number, row in enumerate(rows, 1):
            if not isinstance(row.get("x"), (int, float)):
                raise BadParameters(f"Row {number}: x must be a number.")
            answer = {"prediction": self.factor * row["x"], "unit": row.get("unit")}
            if row.get("text"):
                answer["probabilities"] = {"ask": 0.25, "tell": 0.75}
                answer["entities"] = [{"start": 2, "end": 6, "label": "city"}]
            if row.get("rows"):
                answer["prediction"] = [{"n": n, "word": "<b>w</b>"} for n in range(row["rows"])]
            answers.append(answer)
        return answers


def load(path: Path) -> Times:
    return Times(json.loads(path.read_text())["factor"])
'''


@pytest.fixture
def server(wheel: Path, tmp_path: Path) -> Iterator[LiveServer]:
    (tmp_path / "times.py").write_text(TRAINER)
    environment = {"PYTHONPATH": str(wheel), "PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    live = LiveServer(tmp_path / "data", "--trainers", str(tmp_path / "times.py"), environment=environment).start()
    yield live
    live.stop()
    end_runs(tmp_path)


def by(page: Page, testid: str) -> Any:
    return page.get_by_test_id(testid)


def train(server: LiveServer, factor: int) -> str:
    """The id of the model that a new run makes."""
    run = server.post("/api/runs", json={"trainer": "times", "parameters": {"factor": factor}})["run"]["id"]
    server.ended(run)

    def made() -> str | None:
        models = server.get("/api/models?native=1")["models"]
        return next((model["id"] for model in models if model["run"] == run), None)

    return eventually(made, "the model of the run")


def test_versions_are_seen_and_compared(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(f"{server.url}/models")
    expect(page.get_by_text("No models yet")).to_be_visible()
    first = train(server, 2)
    expect(by(page, f"model-{first}")).to_be_visible()
    second = train(server, 4)
    expect(by(page, "family-times")).to_contain_text("2 versions")
    by(page, f"model-{second}").click()
    expect(by(page, "model-detail")).to_contain_text("times v2")
    by(page, "model-detail").get_by_text("Parameters (1)").click()
    expect(by(page, "model-detail")).to_contain_text("Factor4")
    page.get_by_label("Compare times version 1").check()
    expect(by(page, "comparison")).to_contain_text("Tick another version")
    page.get_by_label("Compare times version 2").check()

    def cells(name: str) -> Any:
        return by(page, "comparison").get_by_role("row", name=re.compile(f"^{name} ")).get_by_role("cell")

    # The newest stands first; less loss and more accuracy is better, and of rows nobody can say.
    expect(cells("Loss")).to_have_text(["0.125", "0.25"])
    assert [cell.get_attribute("data-best") for cell in cells("Loss").all()] == ["true", "false"]
    assert [cell.get_attribute("data-best") for cell in cells("Accuracy").all()] == ["false", "true"]
    assert [cell.get_attribute("data-best") for cell in cells("Rows").all()] == ["false", "false"]
    expect(cells("Factor")).to_have_text(["4", "2"])
    page.reload()
    expect(cells("Factor")).to_have_text(["4", "2"])
    with page.expect_download() as download:
        by(page, "model-detail").get_by_role("link", name=re.compile("B$")).click()
    assert json.loads(Path(download.value.path()).read_text()) == {"factor": 4}
    by(page, "model-detail").get_by_text("See the run").click()
    page.wait_for_url(re.compile(r"/runs/r_"))


def test_a_model_is_asked_one_row_and_many(server: LiveServer, open_page: OpenPage) -> None:
    train(server, 3)
    page = open_page(f"{server.url}/models", width=390, height=844, scheme="light")
    by(page, "predict-open").click()
    expect(by(page, "field-x")).to_have_value("3")
    expect(by(page, "field-unit")).to_have_value("kg")
    by(page, "field-x").fill("-1")
    expect(by(page, "ask")).to_be_disabled()
    by(page, "field-x").fill("7")
    by(page, "ask").click()
    expect(by(page, "prediction")).to_have_text("21")
    by(page, "field-text").fill("🌧 Rome?")
    by(page, "ask").click()
    expect(by(page, "answer").locator("mark")).to_have_text("Romecity")
    expect(by(page, "probabilities").get_by_role("listitem")).to_have_text(["tell75.0 %", "ask25.0 %"])
    by(page, "field-rows").fill("2")
    by(page, "ask").click()
    # What a model says is text, whatever it looks like.
    expect(by(page, "made-rows").get_by_role("cell")).to_have_text(["0", "<b>w</b>", "1", "<b>w</b>"])
    by(page, "batch-tab").click()
    by(page, "batch-text").fill("x,unit\n1,kg\noops,lb")
    by(page, "batch-ask").click()
    expect(by(page, "batch-error")).to_contain_text("Row 2: x must be a number.")
    rows = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b'x,unit\n1,"kg"\n2,\n'}
    by(page, "batch-file").set_input_files(rows)
    by(page, "batch-ask").click()
    with page.expect_download() as download:
        by(page, "batch-download").click()
    assert download.value.suggested_filename == "times-v1-predictions.csv"
    assert Path(download.value.path()).read_text() == "x,unit,prediction\n1,kg,3\n2,,6\n"


def test_a_model_is_deployed_switched_rolled_back_and_removed(server: LiveServer, open_page: OpenPage) -> None:
    first, second = train(server, 2), train(server, 10)

    def answer() -> Any:
        asked = httpx.post(f"{server.url}/api/deployments/shop/predict", json={"row": {"x": 5}}, timeout=PATIENCE)
        return asked.json().get("prediction")

    page = open_page(f"{server.url}/models?model={first}")
    by(page, "deploy-name").fill("shop")
    by(page, "deploy-button").click()
    shop = by(page, "deployment-shop")
    expect(shop).to_contain_text("Serves times v1")
    expect(by(page, "deploy")).to_contain_text("It serves as shop.")
    assert answer() == 10
    expect(shop.get_by_test_id("traffic")).to_be_visible()
    expect(shop.get_by_test_id("prediction-volume")).to_have_text("1")
    # What serves is not deleted, and the page says why.
    by(page, "delete-model").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("It serves as shop.")
    by(page, "confirm").click()
    expect(by(page, "delete-error")).to_contain_text("is deployed as shop")
    page.get_by_role("button", name="Cancel", exact=True).click()
    by(page, f"model-{second}").click()
    by(page, "deploy-name").fill("shop")
    expect(by(page, "deploy-button")).to_have_text("Switch to this version")
    by(page, "deploy-button").click()
    expect(shop).to_contain_text("Serves times v2")
    assert answer() == 50
    shop.get_by_test_id("roll-back").click()
    expect(shop).to_contain_text("Serves times v1")
    assert answer() == 10
    shop.get_by_test_id("remove-deployment").click()
    by(page, "confirm").click()
    expect(shop).to_have_count(0)
    by(page, f"model-{first}").click()
    by(page, "delete-model").click()
    by(page, "confirm").click()
    expect(by(page, f"model-{first}")).to_have_count(0)
    expect(by(page, "family-times")).to_contain_text("1 version")
