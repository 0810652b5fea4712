"""Models and deployments on a real server: registered when their run succeeds, asked in processes of their own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from conftest import StartServer
from live import PATIENCE, LiveServer, eventually

TRAINER = '''
import json, os
from pathlib import Path
from typing import Any

import pulsetrain
from pulsetrain.model.errors import BadParameters


@pulsetrain.trainer("times", predictor="times:load")
def train(run, *, factor: int = 2):
    """Learns to multiply."""
    run.log({"loss": 0.5 / factor}, step=1)
    path = run.dir / "model.json"
    path.write_text(json.dumps({"factor": factor}))
    run.save_artifact(path, kind="model")


@pulsetrain.trainer("mute")
def mute(run):
    """Makes a model that nobody can ask."""
    path = run.dir / "model.bin"
    path.write_bytes(b"x")
    run.save_artifact(path, kind="model")


class Times:
    input = {"type": "object", "properties": {"x": {"type": "number"}}, "examples": [{"x": 3}]}

    def __init__(self, factor: int) -> None:
        self.factor = factor
        print("a library that prints while it loads")

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        print("and while it answers")
        answers = []
        for number, row in enumerate(rows, 1):
            if row.get("x") == "die":
                os._exit(3)
            if not isinstance(row.get("x"), (int, float)):
                raise BadParameters(f"Row {number}: x must be a number.")
            answers.append({"prediction": self.factor * row["x"], "pid": os.getpid()})
        return answers


def load(path: Path) -> Times:
    return Times(json.loads(path.read_text())["factor"])
'''


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Site:
    def __init__(self, server: LiveServer) -> None:
        self.server = server

    def train(self, trainer: str = "times", **parameters: Any) -> str:
        """The id of the model that a new run makes."""
        run = self.server.post("/api/runs", json={"trainer": trainer, "parameters": parameters})["run"]["id"]
        assert self.server.ended(run)["state"] == "succeeded"
        return eventually(
            lambda: next((one["id"] for one in self.models() if one["run"] == run), None), "the model of the run"
        )

    def models(self) -> list[dict[str, Any]]:
        models: list[dict[str, Any]] = self.server.get("/api/models?native=1")["models"]
        return models

    def ask(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(f"{self.server.url}{path}/predict", json=body, timeout=PATIENCE)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(method, self.server.url + path, json=body, timeout=PATIENCE)


@pytest.fixture
def site(start_server: StartServer, tmp_path: Path) -> Site:
    module = tmp_path / "times.py"
    module.write_text(TRAINER)
    return Site(start_server("--trainers", str(module)))


def test_a_successful_run_registers_a_version_with_where_it_comes_from(site: Site) -> None:
    first, second = site.train(factor=2), site.train(factor=3)
    model = site.server.get(f"/api/models/{second}")
    assert (model["name"], model["version"], model["trainer"]) == ("times", 2, "times")
    assert (model["parameters"], model["artifact"]) == ({"factor": 3}, "model.json")
    assert model["metrics"]["loss"] == pytest.approx(0.5 / 3)
    assert model["digest"].startswith("sha256:")
    assert model["predicts"] is True
    assert model["deployments"] == []
    assert [one["id"] for one in site.models()] == [second, first]
    told = site.server.get("/api/events?cursor=0&type=model.created", headers={"Accept": "application/json"})["events"]
    assert [(event["data"]["id"], event["data"]["version"]) for event in told] == [(first, 1), (second, 2)]


def test_a_failed_run_registers_nothing(site: Site) -> None:
    run = site.server.post("/api/runs", json={"trainer": "times", "parameters": {"factor": 0}})["run"]["id"]
    assert site.server.ended(run)["state"] == "failed"
    good = site.train()
    assert [one["id"] for one in site.models()] == [good]


def test_a_model_is_asked_in_a_process_of_its_own(site: Site) -> None:
    model = site.train(factor=5)
    one = site.ask(f"/api/models/{model}", {"row": {"x": 3}}).json()
    assert (one["prediction"], one["model_id"]) == (15, model)
    assert one["pid"] != site.server.process.pid  # type: ignore[union-attr]
    # Older clients send the row itself.
    assert site.ask(f"/api/models/{model}", {"x": 2}).json()["prediction"] == 10
    many = site.ask(f"/api/models/{model}", {"rows": [{"x": n} for n in range(1000)]}).json()["predictions"]
    assert [one["prediction"] for one in many] == [5 * n for n in range(1000)]
    assert site.server.get(f"/api/models/{model}/input")["input"]["examples"] == [{"x": 3}]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"rows": [{"x": 1}, {"x": "a"}]}, 422, "bad_parameters"),
        ({"rows": []}, 400, "bad_request"),
        ({}, 400, "bad_request"),
        ({"rows": 7}, 400, "bad_request"),
        ({"row": {"x": "die"}}, 500, "predictor_failed"),
    ],
)
def test_what_cannot_be_answered_says_why_and_harms_nothing(site: Site, body: Any, status: int, code: str) -> None:
    model = site.train()
    refused = site.ask(f"/api/models/{model}", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    if code == "bad_parameters":
        assert "Row 2" in refused.json()["error"]["message"]
    assert site.ask(f"/api/models/{model}", {"x": 1}).json()["prediction"] == 2


def test_a_model_that_nobody_can_ask_says_so(site: Site) -> None:
    model = site.train("mute")
    assert site.server.get(f"/api/models/{model}")["predicts"] is False
    for refused in (site.ask(f"/api/models/{model}", {"x": 1}), site.call("POST", f"/api/models/{model}/deploy")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "model_cannot_predict")
    assert site.server.get("/api/deployments")["deployments"] == []
    missing = site.ask("/api/models/m_aaaaaaaaaa", {"x": 1})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_a_switch_under_load_drops_no_request(site: Site) -> None:
    one, two = site.train(factor=1), site.train(factor=2)
    deployed = site.call("POST", f"/api/models/{one}/deploy", {"name": "live"}).json()
    assert (deployed["message"], deployed["deployment"]["state"]) == ("Model deployed successfully", "serving")
    answers: list[tuple[int, Any]] = []
    stop = threading.Event()

    def ask_on() -> None:
        with httpx.Client(base_url=site.server.url, timeout=PATIENCE) as client:
            while not stop.is_set():
                answer = client.post("/api/deployments/live/predict", json={"x": 10})
                answers.append((answer.status_code, answer.json().get("prediction")))

    askers = [threading.Thread(target=ask_on) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        eventually(lambda: len(answers) > 20, "some answers")
        assert site.call("POST", f"/api/models/{two}/deploy", {"name": "live"}).status_code == 200
        eventually(lambda: answers[-1] == (200, 20), "an answer of the second")
        back = site.call("POST", "/api/deployments/live/rollback").json()["deployment"]
        assert (back["model"], back["previous"]) == (one, two)
        eventually(lambda: answers[-1] == (200, 10), "an answer of the first")
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert {status for status, _ in answers} == {200}
    assert {prediction for _, prediction in answers} == {10, 20}


def test_a_deployment_tells_its_volume_and_latency(site: Site) -> None:
    model = site.train()
    site.call("POST", f"/api/models/{model}/deploy", {"name": "live"})
    site.ask("/api/deployments/live", {"rows": [{"x": 1}] * 7})
    site.ask("/api/deployments/live", {"x": "not a number"})
    headers = {"Accept": "application/json"}

    def told() -> Any:
        return site.server.get("/api/events?cursor=0&type=deployment.metrics", headers=headers)["events"]

    [event] = eventually(told, "the metrics of the deployment")
    data = event["data"]
    assert (data["name"], data["model"], data["prediction_volume"], data["errors"]) == ("live", model, 7, 1)
    assert 0 < data["latency_p50_seconds"] <= data["latency_p95_seconds"]
    [deployment] = site.server.get("/api/deployments")["deployments"]
    assert (deployment["predictions"], deployment["errors"]) == (7, 1)


def test_a_removal_in_the_middle_of_changes_leaves_no_process(site: Site) -> None:
    one, two = site.train(factor=1), site.train(factor=2)

    def serving() -> list[int]:
        assert site.server.process is not None
        children = psutil.Process(site.server.process.pid).children(recursive=True)
        return [child.pid for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    for _ in range(3):
        site.call("POST", f"/api/models/{one}/deploy", {"name": "live"})
        changes = [
            threading.Thread(target=site.call, args=("POST", f"/api/models/{two}/deploy", {"name": "live"})),
            threading.Thread(target=site.call, args=("DELETE", "/api/deployments/live")),
            threading.Thread(target=site.call, args=("POST", f"/api/models/{one}/deploy", {"name": "live"})),
        ]
        for change in changes:
            change.start()
        for change in changes:
            change.join()
        if site.server.get("/api/deployments")["deployments"]:
            site.call("DELETE", "/api/deployments/live")
        eventually(lambda: not serving(), lambda: f"the end of {serving()}")


def test_what_was_deleted_is_not_rolled_back_to(site: Site) -> None:
    one, two = site.train(factor=1), site.train(factor=2)
    for model in (one, two):
        site.call("POST", f"/api/models/{model}/deploy", {"name": "live"})
    assert site.call("DELETE", f"/api/models/{one}").status_code == 200
    refused = site.call("POST", "/api/deployments/live/rollback")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "nothing_to_roll_back")
    assert site.ask("/api/deployments/live", {"x": 1}).json()["prediction"] == 2


def test_a_deployment_whose_process_is_killed_answers_again(site: Site) -> None:
    model = site.train()
    site.call("POST", f"/api/models/{model}/deploy", {"name": "live"})
    pid = site.ask("/api/deployments/live", {"x": 1}).json()["pid"]
    psutil.Process(pid).kill()
    again = site.ask("/api/deployments/live", {"x": 4})
    assert again.json()["prediction"] == 8
    assert again.json()["pid"] != pid


def test_delete_refuses_while_deployed_and_a_restart_keeps_everything(site: Site) -> None:
    one, two = site.train(), site.train(factor=3)
    site.call("POST", f"/api/models/{one}/deploy", {"name": "live"})
    refused = site.call("DELETE", f"/api/models/{one}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "model_deployed")
    assert "live" in refused.json()["error"]["message"]
    assert site.call("DELETE", f"/api/models/{two}").status_code == 200
    pid = site.ask("/api/deployments/live", {"x": 1}).json()["pid"]
    site.server.kill()
    # A server that dies leaves no model behind: its process ends with its input.
    eventually(lambda: not alive(pid), "the end of the model's process")
    site.server.start()
    assert [model["id"] for model in site.models()] == [one]
    assert site.ask("/api/deployments/live", {"x": 4}).json()["prediction"] == 8
    assert site.call("DELETE", "/api/deployments/live").status_code == 200
    gone = site.ask("/api/deployments/live", {"x": 4})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "deployment_not_found")
    assert site.call("DELETE", f"/api/models/{one}").status_code == 200
    assert site.models() == []
