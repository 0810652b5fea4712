"""The MLOps dashboard's dialect (CONTRACTS B) on real runs of the real classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.datasets import load_iris

from conftest import StartServer
from live import PATIENCE, LiveServer
from server.dialect_client import DialectClient, Message

STAGES = [
    ("Data validation", 10),
    ("Data preprocessing", 25),
    ("Feature engineering", 40),
    ("Model selection", 55),
    ("Training model", 75),
    ("Model validation", 90),
    ("Performance evaluation", 95),
    ("Finalizing model", 100),
]


@pytest.fixture(scope="module")
def iris() -> bytes:
    data = load_iris()
    rows = zip(data.data.tolist(), data.target_names[data.target].tolist(), strict=True)
    lines = [",".join([*map(str, numbers), species]) for numbers, species in rows]
    return "\n".join([",".join([*data.feature_names, "species"]), *lines, ""]).encode()


def upload(server: LiveServer, name: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{server.url}/api/upload", files={"file": (name, content)}, timeout=PATIENCE)


def of_job(messages: list[Message], job: str) -> list[Message]:
    return [message for message in messages if message.get("job_id") == job]


def test_upload_train_watch_predict_and_deploy(start_server: StartServer, iris: bytes) -> None:
    server = start_server()
    uploaded = upload(server, "iris.csv", iris).json()
    assert set(uploaded) == {"message", "filename", "rows", "columns", "file_path"}
    assert (uploaded["filename"], uploaded["rows"], uploaded["columns"]) == ("iris.csv", 150, 5)
    with DialectClient(server, "/ws") as client:
        body = {"model_type": "automatic", "target_column": "species", "file_path": uploaded["file_path"]}
        started = server.post("/api/train", json=body)
        assert started["message"] == "Training started"
        job = started["job_id"]
        done = client.until(lambda message: message.get("type") in ("training_completed", "training_failed"))
        told = of_job(client.typed("training_progress"), job)
        check_progress(told)
        check_completed(done, told[-1], job)
        state = server.get(f"/api/training/{job}")
        check_state(state, done)
        model = done["model_id"]
        row = {"sepal length (cm)": 5.0, "sepal width (cm)": 3.4, "petal length (cm)": 1.5, "petal width (cm)": 0.2}
        predicted = server.post(f"/api/models/{model}/predict", json=row)
        assert (predicted["prediction"], predicted["model_id"]) == ("setosa", model)
        assert "timestamp" in predicted
        assert server.post(f"/api/models/{model}/deploy")["message"] == "Model deployed successfully"
        deployed = client.until(lambda message: message["type"] == "model_deployed")
        assert (deployed["event"], deployed["model_id"], deployed["priority"]) == ("deployment", model, "high")
        activities = [message["activity"] for message in client.typed("activity_update")]
        assert [one["title"] for one in activities][:3] == [
            "Training started",
            "Training completed",
            "Model registered",
        ]
        assert all(set(one) == {"id", "title", "description", "status", "timestamp"} for one in activities)
    assert server.get("/api/activity")[0]["title"] == "Model deployed"
    status = server.get("/api/status")
    assert (status["total_models"], status["active_models"], status["active_training_jobs"]) == (1, 1, 0)
    assert set(status) == {
        *("total_models", "active_models", "total_predictions"),
        *("active_training_jobs", "system_health", "uptime"),
    }
    health = server.get("/health")
    assert health["status"] == "ok"
    assert "timestamp" in health


def check_progress(told: list[Message]) -> None:
    for message in told:
        assert set(message) == {
            *("type", "job_id", "status", "progress", "current_stage", "message", "elapsed_time", "live_accuracy"),
            *("estimated_remaining", "predictions_processed", "stage_index", "total_stages", "timestamp", "seq"),
        }
        assert (message["status"], message["total_stages"]) == ("training", 8)
    seen = list(dict.fromkeys((message["stage_index"], message["current_stage"]) for message in told))
    assert seen == [(number, name) for number, (name, _) in enumerate(STAGES, 1)]
    progress = [message["progress"] for message in told if message["progress"] is not None]
    assert progress == sorted(progress)
    ceilings = dict(STAGES)
    assert all(m["progress"] is None or m["progress"] <= ceilings[m["current_stage"]] + 1e-6 for m in told)
    # They are measured, so they are unknown at first, and the predictions that were made only become more.
    assert told[0]["live_accuracy"] is None
    assert told[0]["predictions_processed"] is None
    counts = [message["predictions_processed"] for message in told if message["predictions_processed"] is not None]
    assert counts == sorted(counts)
    assert counts[-1] > 0


def check_completed(done: Message, last: Message, job: str) -> None:
    assert set(done) == {
        *("type", "job_id", "status", "progress", "current_stage", "message", "final_accuracy", "model_id"),
        *("total_time", "predictions_processed", "timestamp", "seq"),
    }
    assert (done["job_id"], done["status"], done["progress"]) == (job, "completed", 100)
    assert done["current_stage"] == "Training Complete"
    assert done["final_accuracy"] > 0.85
    assert done["predictions_processed"] >= last["predictions_processed"]
    assert done["total_time"].endswith("s")


def check_state(state: dict[str, Any], done: Message) -> None:
    assert (state["status"], state["progress"], state["model_id"]) == ("completed", 100, done["model_id"])
    assert state["accuracy"] == done["final_accuracy"]
    assert state["stages_completed"] == [name for name, _ in STAGES]
    assert state["elapsed_time"] > 0
    assert "error" not in state
    assert "completed_at" in state


def test_a_client_that_comes_back_hears_exactly_what_it_missed(start_server: StartServer, iris: bytes) -> None:
    server = start_server()
    path = upload(server, "iris.csv", iris).json()["file_path"]
    with DialectClient(server, "/ws") as whole:
        server.post("/api/train", json={"model_type": "classification", "target_column": "species", "file_path": path})
        with DialectClient(server, "/ws") as first:
            cut = first.until(lambda message: message.get("current_stage") == "Model selection")
        last = whole.until(lambda message: message.get("type") == "training_completed")
    expected = [message for message in whole.heard if message.get("seq", 0) > cut["seq"]]
    with DialectClient(server, f"/ws?seq={cut['seq']}") as second:
        second.until(lambda message: message.get("seq") == last["seq"])
    assert [message for message in second.heard if "seq" in message] == expected


def test_what_goes_wrong_is_told(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    assert upload(server, "empty.csv", b"").status_code == 400
    good = upload(server, "few.csv", b"a,b\n1,2\n3,4\n").json()["file_path"]
    for body, status in (
        ({"model_type": "psychic", "file_path": good}, 400),
        ({"file_path": "../../etc/passwd"}, 404),
        ({"model_type": "automatic"}, 400),
    ):
        assert httpx.post(f"{server.url}/api/train", json=body, timeout=PATIENCE).status_code == status
    with DialectClient(server, "/ws") as client:
        job = server.post("/api/train", json={"target_column": "nowhere", "file_path": good})["job_id"]
        failed = client.until(lambda message: message["type"] == "training_failed")
        assert set(failed) == {
            *("type", "job_id", "status", "current_stage", "message", "error", "elapsed_time", "timestamp", "seq"),
        }
        assert (failed["job_id"], failed["status"], failed["current_stage"]) == (job, "failed", "Error")
        assert failed["error"]
    state = server.get(f"/api/training/{job}")
    assert state["status"] == "failed"
    assert state["error"]
    assert state["model_id"] is None


def test_pings_and_metrics(start_server: StartServer) -> None:
    server = start_server()
    with DialectClient(server, "/ws") as client:
        client.say({"type": "ping", "timestamp": "then"})
        assert client.until(lambda message: message["type"] == "pong")["timestamp"] == "then"
        client.say({"type": "request_metrics"})
        # One is asked for, and one comes every five seconds by itself.
        metrics = client.until(lambda message: message["type"] == "system_metrics")
        client.until(lambda message: message["type"] == "system_metrics")
    assert set(metrics) == {
        *("type", "timestamp", "cpu_percent", "memory_percent", "disk_percent", "active_connections", "total_models"),
        *("active_training_jobs", "memory_total_gb", "memory_used_gb", "disk_total_gb", "disk_used_gb", "disk_free_gb"),
        *("process_count", "uptime_hours", "network_bytes_sent", "network_bytes_recv", "api_response_time_ms"),
        *("ws_response_time_ms", "cpu_cores", "load_average_1m", "system_health"),
    }
    assert metrics["system_health"] in ("healthy", "warning", "critical")
    assert 0 <= metrics["memory_percent"] <= 100
