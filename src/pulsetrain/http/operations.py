"""What every route takes and answers: the table that `/openapi.json` and `/docs` are made from.

A test proves that these are the routes of the application, no more and no fewer.
"""

from __future__ import annotations

from typing import Any

from pulsetrain.core.line import QueueMove, QueuePage
from pulsetrain.core.repeats import CloneRequest
from pulsetrain.core.runs import RegisterRequest, StartRequest
from pulsetrain.model.records import Batch
from pulsetrain.model.runs import Artifact

from . import answers
from .auth import LoginRequest, SessionAnswer
from .operation import BYTES, EVENT_STREAM, HTML, JSON, MSGPACK, TEXT, Operation, Parameter
from .operations_of_data import DATA
from .operations_of_dialects import GAN_DASHBOARD, MLOPS_DASHBOARD, TRAINING_JOBS
from .operations_of_models import MODELS
from .poll import Answer as EventPage
from .runs import CommandRequest, RetryRequest, StopRequest

_LIMIT = Parameter("limit", "At most so many.", {"type": "integer", "minimum": 1, "maximum": 10_000})
_CURSOR = Parameter("cursor", "Where to begin: a cursor, `0` (the beginning) or `now` (the tail, the default).")
_RUN_FILTER = Parameter("run", "Events of this run alone; repeatable.", {"type": "array", "items": {"type": "string"}})
_TYPE_FILTER = Parameter(
    "type",
    "Events of this type alone, or of all types with a prefix (`run.*`); repeatable.",
    {"type": "array", "items": {"type": "string"}},
)
_LATEST = Parameter("latest", "Such as `1s`: of what newer values replace, the newest alone, so often.")
_UNTIL = Parameter("until", "`end`: stop with the end of the one run that is asked for.")
_WAIT = Parameter("wait", "Pages alone: seconds to wait.", {"type": "integer", "minimum": 0, "maximum": 60})
_EVENTS = Parameter("limit", "Pages alone: at most so many.", {"type": "integer", "minimum": 1, "maximum": 500})
_KNOWN = Parameter("If-None-Match", "Pages alone: the ETag of the page that the client has.", where="header")
_LAST_ID = Parameter("Last-Event-ID", "The cursor to go on from; wins over `cursor`.", where="header")
_LAST_ID_HERE = Parameter("lastEventId", "The same, from clients that cannot set headers; the header wins.")

RUNS = (
    Operation(
        "GET",
        "/api/runs",
        "Runs",
        "The runs, newest first",
        answers.RunList,
        parameters=(_LIMIT,),
        errors=("bad_request",),
    ),
    Operation(
        "POST",
        "/api/runs",
        "Runs",
        "Start a run, or announce one that another supervisor executes",
        answers.RunStarted,
        201,
        about="With `trainer` the server starts it as soon as the machine has room for it. With `command` somebody "
        "else does, and the answer holds the run's own token; the same id and token again is the same run, and a 200.",
        body=(StartRequest, RegisterRequest),
        errors=(
            "bad_request",
            "trainer_not_found",
            "trainer_unavailable",
            "dataset_not_found",
            "run_not_found",
            "bad_parameters",
            "does_not_fit",
            "run_exists",
        ),
    ),
    Operation("GET", "/api/runs/{id}", "Runs", "One run", answers.RunPage, errors=("run_not_found",)),
    Operation(
        "POST",
        "/api/runs/{id}/stop",
        "Runs",
        "Stop a run",
        answers.CommandPage,
        202,
        about="At its next safe point; by SIGTERM and then SIGKILL to its processes once `grace_seconds` have passed.",
        body=StopRequest,
        errors=("bad_request", "run_not_found", "run_not_active"),
    ),
    Operation(
        "POST",
        "/api/runs/{id}/commands",
        "Runs",
        "Ask a run for something",
        answers.CommandPage,
        202,
        about="`stop` (`grace_seconds`), `pause`, `resume`, `set` (`name`, `value`), `note` (`text`), `checkpoint`, "
        "`evaluate` or `sample`. The event `command.applied` or `command.rejected` of that id says what came of it.",
        body=CommandRequest,
        errors=("bad_request", "run_not_found", "run_not_active", "bad_parameters"),
    ),
    Operation(
        "GET",
        "/api/runs/{id}/series",
        "Runs",
        "The run's numbers, one series for each key",
        answers.SeriesPage,
        parameters=(
            Parameter("key", "This series alone; repeatable.", {"type": "array", "items": {"type": "string"}}),
        ),
        errors=("run_not_found",),
    ),
    Operation(
        "GET",
        "/api/runs/{id}/timeline",
        "Runs",
        "What happened to the run, oldest first: what is marked on its charts",
        answers.TimelinePage,
        about="Its states, stages, commands and their answers, alerts and files.",
        errors=("run_not_found",),
    ),
    Operation(
        "GET",
        "/api/runs/{id}/logs",
        "Runs",
        "Lines of the run's output, oldest first",
        answers.LogPage,
        parameters=(
            Parameter("before", "Lines of events before this seq; the newest without it.", {"type": "integer"}),
            _LIMIT,
        ),
        errors=("bad_request", "run_not_found"),
    ),
    Operation(
        "GET",
        "/api/runs/{id}/artifacts/{name}",
        "Runs",
        "A file that the run made",
        media=BYTES,
        parameters=(Parameter("inline", "`1`: show JSON and plain text instead of saving it.", {"enum": ["1"]}),),
        errors=("run_not_found", "artifact_not_found"),
    ),
    Operation(
        "PUT",
        "/api/runs/{id}/artifacts/{name}",
        "Producers",
        "Hand in a file of a run",
        Artifact,
        body=bytes,
        body_media=(BYTES,),
        about="Announced by the `run.artifact` record that follows.",
        parameters=(Parameter("kind", "What it is.", {"enum": ["data", "model", "checkpoint", "report", "file"]}),),
        errors=("bad_request", "unauthorized", "run_not_found", "too_large"),
        secret="run token",
    ),
    Operation(
        "POST",
        "/api/runs/{id}/records",
        "Producers",
        "Append what a run has to say, exactly once",
        answers.Acknowledged,
        body=Batch,
        body_media=(MSGPACK, JSON),
        about="Rows that the log has are dropped, so a batch may be sent again. Without records it is a heartbeat.",
        errors=("bad_request", "unauthorized", "run_not_found", "gap", "fenced", "too_large"),
        secret="run token",
    ),
)

_STARTING = ("bad_request", "run_not_found", "dataset_not_found", "trainer_not_found", "trainer_unavailable")

QUEUE = (
    Operation(
        "POST",
        "/api/runs/{id}/retry",
        "Runs",
        "Try a run again",
        answers.RunPage,
        201,
        about="A new run like this one, `retry_of` it, from its last checkpoint if there is one.",
        body=RetryRequest,
        errors=(*_STARTING, "run_active", "bad_parameters", "does_not_fit"),
    ),
    Operation(
        "POST",
        "/api/runs/{id}/clone",
        "Runs",
        "Start a run like this one, with changes",
        answers.RunPage,
        201,
        about="`cloned_from` it. `parameters` changes those that it names and leaves the others.",
        body=CloneRequest,
        errors=(*_STARTING, "bad_parameters", "does_not_fit"),
    ),
    Operation("GET", "/api/queue", "Runs", "Who waits, in order, and what the machine has", QueuePage),
    Operation(
        "POST",
        "/api/runs/{id}/queue",
        "Runs",
        "Move a waiting run",
        answers.RunPage,
        about="By `priority`, or directly `before` or `after` another waiting run, whose priority it takes over.",
        body=QueueMove,
        errors=("bad_request", "run_not_found", "run_not_queued"),
    ),
)

STREAM = (
    Operation(
        "GET",
        "/api/events",
        "Events",
        "Follow the log",
        media=EVENT_STREAM,
        pages=EventPage,
        about="Server-sent events: `hello`, the events (unnamed), `live` once caught up, `heartbeat`, `reset` where "
        "the position cannot be served, `bye`. Every frame but `bye` has an id; send the last one to go on from there. "
        "Who accepts JSON or MessagePack gets one page, and waits for it. An upgrade to WebSocket speaks "
        "`pulsetrain.v1.json` or `pulsetrain.v1.msgpack`: /asyncapi.json describes its messages.",
        parameters=(
            _RUN_FILTER,
            _TYPE_FILTER,
            _CURSOR,
            _LATEST,
            _UNTIL,
            _WAIT,
            _EVENTS,
            _LAST_ID,
            _LAST_ID_HERE,
            _KNOWN,
        ),
        errors=("bad_request", "not_acceptable", "busy"),
        secret="run token or token",
    ),
)

SERVER = (
    Operation("GET", "/api/trainers", "Trainers", "What this server can train", answers.TrainerList),
    Operation("GET", "/metrics", "Server", "Numbers for Prometheus", media=TEXT),
    Operation("GET", "/health", "Server", "Whether the server is well", answers.Health, secret="none"),
    Operation(
        "POST",
        "/api/login",
        "Server",
        "Exchange the token for a session cookie",
        SessionAnswer,
        body=LoginRequest,
        errors=("bad_request", "unauthorized", "too_many_attempts"),
        secret="none",
    ),
    Operation("POST", "/api/logout", "Server", "End the session", SessionAnswer),
    Operation("GET", "/api/session", "Server", "Whether one is logged in, and has to be", SessionAnswer, secret="none"),
    Operation("GET", "/openapi.json", "Server", "This description", dict[str, Any]),
    Operation("GET", "/asyncapi.json", "Server", "The messages of the WebSocket, described", dict[str, Any]),
    Operation("GET", "/docs", "Server", "This description, to read", media=HTML),
)


OPERATIONS: tuple[Operation, ...] = (
    *(*RUNS, *QUEUE, *STREAM, *DATA, *MODELS, *SERVER),
    *(*GAN_DASHBOARD, *MLOPS_DASHBOARD, *TRAINING_JOBS),
)
