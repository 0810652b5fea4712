"""The dialect of training jobs (CONTRACTS C) on real runs of the real trainer `nlu-train`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from conftest import StartServer
from live import PATIENCE, LiveServer, eventually
from pulsetrain.trainers.nlu.assistant import assistant_examples
from server.dialect_client import DialectClient, Message

STEPS = [
    "Preprocessing data...",
    "Training intent classifier...",
    "Training entity extractor...",
    "Validating model...",
    "Saving model...",
]
CONFIG = {"epochs": 3, "batchSize": 32, "learningRate": 0.5, "optimizer": "adam", "validationSplit": 0.2}


@pytest.fixture
def server(start_server: StartServer) -> LiveServer:
    return start_server()


def assistant(server: LiveServer) -> str:
    """The id of a data set made of examples."""
    made = server.post("/training/datasets", json={"name": "At home", "examples": assistant_examples()})
    return str(made["id"])


def request(server: LiveServer, method: str, path: str, body: Any = None) -> httpx.Response:
    return httpx.request(method, server.url + path, json=body, timeout=PATIENCE)


def updates(client: DialectClient, job: str) -> list[Message]:
    return [message for message in client.typed("training_update") if message["jobId"] == job]


def is_end(message: Message) -> bool:
    return message["type"] == "training_update" and message["status"] in ("succeeded", "failed", "stopped")


def test_a_job_from_its_examples_to_its_end(server: LiveServer) -> None:
    with DialectClient(server, "/ws/training") as client:
        greeting = client.until(lambda message: True)
        assert set(greeting) == {"type", "message", "timestamp"}
        assert (greeting["type"], greeting["message"]) == ("connected", "Connected to training updates")
        dataset = assistant(server)
        told = client.until(lambda message: message["type"] == "dataset_update")
        assert (told["datasetId"], told["action"]) == (dataset, "created")
        answer = request(
            server,
            "POST",
            "/training/jobs",
            {"kind": "nlu-train", "datasetId": dataset, "agentId": "butler", "config": CONFIG},
        )
        assert answer.status_code == 201
        job = answer.json()
        assert {"id", "kind", "datasetId", "agentId", "status", "progress", "createdAt", "updatedAt"} <= set(job)
        assert (job["kind"], job["datasetId"], job["agentId"]) == ("nlu-train", dataset, "butler")
        assert job["config"]["epochs"] == 3
        created = client.until(lambda message: message["type"] == "job_created")
        assert created["job"]["id"] == job["id"]
        end = client.until(is_end)
        assert (end["status"], end["progress"]) == ("succeeded", 100)
        heard = updates(client, job["id"])
    assert [step for step in dict.fromkeys(one.get("message") for one in heard) if step in STEPS] == STEPS
    progress = [one["progress"] for one in heard if one["progress"] is not None]
    assert progress == sorted(progress)
    measured = [one["metrics"] for one in heard if "metrics" in one]
    assert any("loss" in name for metrics in measured for name in metrics)
    assert all(isinstance(one["timestamp"], int) and one["timestamp"] > 1.7e12 for one in heard)
    assert request(server, "GET", f"/training/jobs/{job['id']}").json()["status"] == "succeeded"
    assert [one["id"] for one in request(server, "GET", "/training/jobs").json()] == [job["id"]]


def test_jobs_are_paused_resumed_stopped_and_retried(server: LiveServer) -> None:
    dataset = assistant(server)
    long = {"kind": "nlu-train", "datasetId": dataset, "config": {**CONFIG, "epochs": 200}}
    job = request(server, "POST", "/training/jobs", long).json()["id"]
    with DialectClient(server, "/ws/training") as client:

        def state(wanted: str) -> None:
            client.until(lambda message: message.get("jobId") == job and message["status"] == wanted)

        client.until(lambda message: message.get("message") == STEPS[1])
        assert request(server, "POST", f"/training/jobs/{job}/start").status_code == 200
        assert request(server, "POST", f"/training/jobs/{job}/pause").status_code == 200
        state("paused")
        assert request(server, "POST", f"/training/jobs/{job}/resume").status_code == 200
        state("running")
        assert request(server, "POST", f"/training/jobs/{job}/stop").status_code == 200
        state("stopped")
    refused = request(server, "POST", f"/training/jobs/{job}/pause")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "run_not_active")
    again = request(server, "POST", f"/training/jobs/{job}/retry")
    assert again.status_code == 201
    assert again.json()["retryOf"] == job
    assert request(server, "GET", f"/training/jobs/{job}").json()["status"] == "stopped"
    request(server, "POST", f"/training/jobs/{again.json()['id']}/stop")
    eventually(
        lambda: request(server, "GET", f"/training/jobs/{again.json()['id']}").json()["status"] == "stopped",
        "the end of the retried job",
    )


def test_a_client_that_comes_back_hears_exactly_what_it_missed(server: LiveServer) -> None:
    dataset = assistant(server)
    with DialectClient(server, "/ws/training") as whole:
        request(server, "POST", "/training/jobs", {"kind": "nlu-train", "datasetId": dataset, "config": CONFIG})
        with DialectClient(server, "/ws/training") as first:
            cut = first.until(lambda message: message.get("message") == STEPS[2])
        last = whole.until(is_end)
    expected = [message for message in whole.heard if message.get("seq", 0) > cut["seq"]]
    with DialectClient(server, f"/ws/training?seq={cut['seq']}") as second:
        second.until(lambda message: message.get("seq") == last["seq"])
    assert [message for message in second.heard if "seq" in message] == expected


def test_the_life_of_a_data_set(server: LiveServer) -> None:
    with DialectClient(server, "/ws/training") as client:
        dataset = assistant(server)
        shown = request(server, "GET", f"/training/datasets/{dataset}").json()
        assert set(shown) == {"id", "name", "type", "size", "exampleCount", "createdAt", "updatedAt"}
        before = len(assistant_examples())
        assert (shown["name"], shown["type"], shown["exampleCount"]) == ("At home", "nlu", before)
        more = [{"text": "dim the hall", "intent": "lights", "entities": [{"start": 8, "end": 12, "label": "room"}]}]
        added = request(server, "POST", f"/training/datasets/{dataset}/examples/bulk", {"examples": more})
        assert (added.status_code, added.json()["added"]) == (201, 1)
        examples = request(server, "GET", f"/training/datasets/{dataset}/examples").json()
        assert len(examples) == before + 1
        assert {key: examples[-1][key] for key in ("text", "intent", "entities")} == more[0]
        wrong = [{"text": "dim", "intent": "lights", "entities": [{"start": 0, "end": 9, "label": "room"}]}]
        refused = request(server, "POST", f"/training/datasets/{dataset}/examples/bulk", {"examples": wrong})
        assert refused.status_code == 422
        assert request(server, "PUT", f"/training/datasets/{dataset}", {"name": "House"}).json()["name"] == "House"
        assert [one["name"] for one in request(server, "GET", "/training/datasets").json()] == ["House"]
        assert request(server, "DELETE", f"/training/datasets/{dataset}").status_code == 200
        client.until(lambda message: message.get("action") == "deleted")
        actions = [message["action"] for message in client.typed("dataset_update")]
        assert (actions[0], actions[-1], set(actions[1:-1])) == ("created", "deleted", {"updated"})
    assert request(server, "GET", f"/training/datasets/{dataset}").status_code == 404


def test_uploads_and_what_is_refused(server: LiveServer) -> None:
    def upload(name: str, content: bytes) -> httpx.Response:
        files = {"file": (name, content)}
        return httpx.post(f"{server.url}/training/datasets/upload", files=files, timeout=PATIENCE)

    good = upload("two.jsonl", b'{"text": "hello", "intent": "greet"}\n{"text": "bye", "intent": "leave"}\n')
    assert (good.status_code, good.json()["exampleCount"], good.json()["type"]) == (201, 2, "nlu")
    assert upload("virus.exe", b"MZ").status_code == 400
    for body, code in (
        ({"kind": "astrology", "datasetId": "two.jsonl"}, 404),
        ({"kind": "nlu-train", "datasetId": "none.jsonl"}, 404),
        ({"kind": "nlu-train"}, 400),
        ({"kind": "nlu-train", "datasetId": "two.jsonl", "config": {"epochs": -1}}, 422),
        ({"kind": "nlu-train", "datasetId": "two.jsonl", "config": {"moon": "full"}}, 422),
    ):
        assert request(server, "POST", "/training/jobs", body).status_code == code, body


def test_a_ping_is_answered(server: LiveServer) -> None:
    with DialectClient(server, "/ws/training") as client:
        client.say({"type": "ping"})
        pong = client.until(lambda message: message["type"] == "pong")
        assert set(pong) == {"type", "timestamp"}
        client.say({"type": "what?"})
        client.say({"type": "ping"})
        client.until(lambda message: message["type"] == "pong")
