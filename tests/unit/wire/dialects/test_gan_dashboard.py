"""The GAN dashboard's dialect: frames byte by byte, and a life of a run in the order that its clients rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulsetrain.model.errors import BadRequest
from pulsetrain.model.events import Event
from pulsetrain.model.fold import fold
from pulsetrain.model.runs import Run
from pulsetrain.wire.dialects.gan_dashboard import (
    CHANNELS,
    Known,
    connection,
    events_of,
    frames,
    place_of,
    progress_now,
    status_now,
)

RUN = "r_aaaaaaaaaa"
NOW = 1763633105.25
GENERATION = "abcdefgh"


def at(second: int) -> str:
    return f"2026-11-20T10:05:{second:02d}.123456Z"


def event(seq: int, type: str, **data: Any) -> Event:
    return Event(seq, RUN, type, at(seq), data)


LIFE = [
    event(1, "run.created", name="wine-1", trainer="tabular-gan", dataset="wine.csv", parameters={"epochs": 2}),
    event(2, "run.status", state="queued", message=None),
    event(3, "run.status", state="starting", message=None),
    event(4, "run.status", state="running", message=None),
    event(5, "run.progress", percent=50.0, epoch=1, epochs=2),
    event(
        6,
        "run.metrics",
        step=[1, 2, 2],
        time=[NOW, NOW + 1, NOW + 2],
        values={
            "generator_loss": [1.23456, "NaN", None],
            "discriminator_loss": [0.5, 1e-9, None],
            "real_scores": [0.81, None, None],
            "fake_scores": [0.22, 0.3, None],
            "rows_per_second": [1.0, 2.0, 3.0],
        },
    ),
    event(7, "run.log", lines=[{"stream": "stderr", "text": "a\r\nb", "time": NOW, "level": None}]),
    event(8, "run.status", state="paused", message=None),
    event(9, "run.status", state="running", message=None),
    event(10, "run.status", state="succeeded", message="Trained 2 epochs", return_code=0),
]

FRAMES = {
    "training": f"""\
id: abcdefgh-3.1
data: {{"type":"status_update","data":{{"status":"running","message":"Training is running"}},"timestamp":"{at(4)}"}}

id: abcdefgh-4
data: {{"type":"training_start","data":{{"status":"started","config":{{"epochs":2}},"data_source":"wine.csv",\
"message":"Training started"}},"timestamp":"{at(4)}"}}

id: abcdefgh-5.1
data: {{"type":"training_update","data":{{"epoch":1,"total_epochs":2,"generator_loss":1.2346,"discriminator_loss":0.5,\
"real_scores":0.81,"fake_scores":0.22}},"timestamp":"2025-11-20T10:05:05.250000Z"}}

id: abcdefgh-6
data: {{"type":"training_update","data":{{"epoch":2,"total_epochs":2,"generator_loss":null,"discriminator_loss":0.0,\
"real_scores":null,"fake_scores":0.3}},"timestamp":"2025-11-20T10:05:06.250000Z"}}

id: abcdefgh-9
data: {{"type":"status_update","data":{{"status":"running","message":"Training is running"}},"timestamp":"{at(9)}"}}

id: abcdefgh-9.1
data: {{"type":"status_update","data":{{"status":"completed","message":"Trained 2 epochs"}},"timestamp":"{at(10)}"}}

id: abcdefgh-10
data: {{"type":"training_complete","data":{{"status":"completed","return_code":0,"message":"Trained 2 epochs"}},\
"timestamp":"{at(10)}"}}

""",
    "progress": f"""\
id: abcdefgh-5
data: {{"type":"progress","epoch":1,"progress_percent":50.0,"timestamp":"{at(5)}"}}

""",
    "logs": """\
id: abcdefgh-7
data: {"type":"log_entry","data":{"message":"a\\r\\nb","source":"stderr","timestamp":"2025-11-20T10:05:05.250000Z"},\
"timestamp":"2025-11-20T10:05:05.250000Z"}

""",
}


def stream(channel: str, events: list[Event], known: Known | None = None, skip: int = 0) -> bytes:
    known = known or Known()
    written = b""
    for one in events:
        known.learn(one)
        if one.type in CHANNELS[channel].types:
            written += frames(GENERATION, one.seq, CHANNELS[channel].translate(one, known.of(one.run)), skip)
            skip = 0
    return written


def folded(events: list[Event]) -> Run:
    run = None
    for one in events:
        run = fold(run, one)
    assert run is not None
    return run


@pytest.mark.parametrize("channel", FRAMES)
def test_the_frames_of_a_life_byte_by_byte(channel: str) -> None:
    assert stream(channel, LIFE).decode() == FRAMES[channel]


@pytest.mark.parametrize("channel", FRAMES)
def test_resuming_at_any_frame_gives_exactly_the_missed_ones(channel: str) -> None:
    whole = stream(channel, LIFE)
    each = [part + b"\n\n" for part in whole.split(b"\n\n")[:-1]]
    for seen in range(1, len(each) + 1):
        cursor, skip = place_of(each[seen - 1].split(b"\n")[0].decode().removeprefix("id: "))
        after = int(cursor.split("-")[1])
        # A client that comes back long after the end: all that is known of the run is its snapshot.
        known = Known()
        known.add([folded(LIFE)])
        missed = stream(channel, [one for one in LIFE if one.seq > after], known, skip)
        assert missed == b"".join(each[seen:])


@pytest.mark.parametrize(
    "text", ["", "0", "abcdefgh-3", "abcdefgh-3.0", "abcdefgh-3.x", "x.1", "abcdefgh-3.1.2", "\r\n.1"]
)
def test_ids_that_name_no_frame_within_an_event(text: str) -> None:
    assert place_of(text) == (text, 0)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("stopped", "stopped"),
        ("failed", "failed"),
        ("succeeded", "completed"),
    ],
)
def test_the_end_is_said_twice_in_order_and_an_unknown_return_code_is_null(state: str, words: str) -> None:
    messages = CHANNELS["training"].translate(event(5, "run.status", state=state), Known().of(RUN))
    assert [(one["type"], one["data"]["status"]) for one in messages] == [
        ("status_update", words),
        ("training_complete", words),
    ]
    assert messages[1]["data"]["return_code"] is None


def test_unknown_progress_is_not_sent() -> None:
    assert stream("progress", [event(1, "run.progress", percent=None, epoch=3)]) == b""


def test_a_line_cannot_forge_a_frame() -> None:
    text = 'x\n\nid: zzzzzzzz-9\ndata: {"type":"status_update"}\n\n\0'
    written = stream("logs", [event(1, "run.log", lines=[{"text": text, "stream": "stdout", "time": None}])])
    assert written.count(b"\n") == 3
    data = json.loads(written.split(b"data: ", 1)[1])
    assert (data["data"]["message"], data["timestamp"]) == (text, at(1))


@pytest.mark.parametrize(
    ("life", "status", "message"),
    [
        (0, "idle", "No training yet"),
        (2, "running", "Training is queued"),
        (4, "running", "Training is running"),
        (10, "completed", "Trained 2 epochs"),
    ],
)
def test_the_current_status(life: int, status: str, message: str) -> None:
    runs = [folded(LIFE[:life])] if life else []
    [said] = status_now(runs, NOW)
    assert said == {
        "type": "status_update",
        "data": {"status": status, "message": message},
        "timestamp": "2025-11-20T10:05:05.250000Z",
    }


def test_the_run_that_works_goes_before_the_one_that_waits() -> None:
    waiting = folded([Event(20, "r_bbbbbbbbbb", "run.created", at(20), {"name": "next"})])
    assert status_now([waiting, folded(LIFE[:5])], NOW)[0]["data"]["message"] == "Training is running"
    assert progress_now([waiting, folded(LIFE[:5])], NOW)[0]["progress_percent"] == 50.0
    assert progress_now([waiting, folded(LIFE)], NOW) == []


def test_the_connection_frame() -> None:
    assert connection("logs", "c1", 3, NOW) == {
        "type": "connection",
        "message": "Connected to the logs channel",
        "client_id": "c1",
        "total_clients": 3,
        "channel": "logs",
        "timestamp": "2025-11-20T10:05:05.250000Z",
    }


# ---- what trainers hand in ----


def given(message: dict[str, Any], channel: str = "training", life: int = 3) -> list[tuple[str, dict[str, Any]]]:
    run = folded([event(1, "run.created", name="x", command=["x"]), *LIFE[1:life]])
    return [(one.type, one.data) for one in events_of(message, channel, run, NOW)]


def test_an_update_becomes_metrics_and_starts_the_run() -> None:
    data = {"epoch": 1, "total_epochs": 4, "generator_loss": 0.5, "real_scores": "NaN", "fake_scores": None}
    assert given({"type": "training_update", "data": data}) == [
        ("run.status", {"state": "running", "message": None}),
        ("run.progress", {"percent": 25.0, "epoch": 1, "epochs": 4}),
        ("run.metrics", {"step": [1], "time": [NOW], "values": {"generator_loss": [0.5], "real_scores": ["NaN"]}}),
    ]


def test_progress_and_lines_and_the_end() -> None:
    assert given({"type": "progress", "epoch": 3, "progress_percent": 75}, "progress", 5) == [
        ("run.progress", {"percent": 75, "epoch": 3, "epochs": 2})
    ]
    assert given({"type": "log_entry", "data": {"message": "hi", "source": "trainer"}}, life=4) == [
        ("run.log", {"lines": [{"stream": "stdout", "text": "hi", "time": NOW, "level": None}]})
    ]
    ended = {"state": "failed", "message": "no", "return_code": 3, "ended_by": "itself"}
    complete = {"type": "training_complete", "data": {"status": "failed", "return_code": 3, "message": "no"}}
    assert given(complete, life=4) == [("run.status", ended)]
    assert [data["state"] for _, data in given(complete, life=3)] == ["running", "failed"]
    assert given({"type": "status_update", "data": {"status": "completed"}}, life=4) == []


def test_the_end_of_a_supervised_run_is_not_the_trainers_to_tell() -> None:
    complete = {"type": "training_complete", "data": {"status": "completed", "return_code": 0}}
    assert events_of(complete, "training", folded(LIFE[:4]), NOW) == []


@pytest.mark.parametrize(
    ("message", "channel"),
    [
        ({}, "training"),
        ({"type": "unknown", "data": {}}, "training"),
        ({"type": ["x"]}, "training"),
        ({"type": "training_update", "data": []}, "training"),
        ({"type": "training_update", "data": {"epoch": "one"}}, "training"),
        ({"type": "training_update", "data": {"epoch": 1, "generator_loss": "high"}}, "training"),
        ({"type": "training_complete", "data": {"status": "running"}}, "training"),
        ({"type": "status_update", "data": {"status": "bored"}}, "training"),
        ({"type": "log_entry", "data": {}}, "training"),
        ({"type": "progress", "epoch": 1}, "progress"),
        ({"type": "progress", "progress_percent": 101}, "progress"),
        ({"type": "progress", "progress_percent": "NaN"}, "progress"),
        ({"type": "training_update", "data": {}}, "progress"),
    ],
)
def test_messages_that_are_none(message: dict[str, Any], channel: str) -> None:
    with pytest.raises(BadRequest):
        given(message, channel)
