"""What every route takes and answers: the table that `/openapi.json` and `/docs` are made from.

A test proves that these are the routes of the application, no more and no fewer.
"""

from __future__ import annotations

from typing import Any

from pulsetrain.core.line import QueueMove, QueuePage
from pulsetrain.core.repeats import CloneRequest
from pulsetrain.core.runs import RegisterRequest, StartRequest
from pulsetrain.model.examples import Example
from pulsetrain.model.records import Batch
from pulsetrain.model.runs import Artifact

from . import answers
from .auth import LoginRequest, SessionAnswer
from .examples import ExamplesRequest
from .operation import BYTES, CSV, EVENT_STREAM, FORM, HTML, JSON, MSGPACK, TEXT, Operation, Parameter
from .operations_of_dialects import GAN_DASHBOARD, MLOPS_DASHBOARD, TRAINING_JOBS
from .operations_of_models import MODELS
from .poll import Answer as EventPage
from .runs import CommandRequest, RetryRequest, StopRequest
from .uploads import UploadRequest

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
_VERSION = Parameter("version", "An older version; the newest without it.", {"type": "integer", "minimum": 1})
_OFFSET = Parameter("offset", "So many are skipped.", {"type": "integer", "minimum": 0})
_EXAMPLES = Parameter("limit", "At most so many.", {"type": "integer", "minimum": 1, "maximum": 1000})
_IF_MATCH = Parameter("If-Match", "The digest that the change is made for; another is refused.", where="header")

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

DATA = (
    Operation("GET", "/api/datasets", "Data", "The data sets", answers.DatasetList),
    Operation(
        "POST",
        "/api/datasets",
        "Data",
        "Upload a CSV, JSON Lines or Parquet file",
        answers.DatasetPage,
        201,
        body=answers.Upload,
        body_media=(FORM,),
        parameters=(Parameter("replace", "The data set whose next version the file is."),),
        errors=("bad_request", "bad_table", "wrong_format", "dataset_not_found", "too_large"),
    ),
    Operation(
        "POST",
        "/api/datasets/path",
        "Data",
        "Make a file of the server's machine a data set",
        answers.DatasetPage,
        201,
        about="The file stays where it is, below a folder that the server was started with (`--data-path`).",
        body=answers.PathRequest,
        errors=("bad_request", "bad_table", "forbidden"),
    ),
    Operation(
        "POST",
        "/api/datasets/order-book",
        "Data",
        "Make a sample order book",
        answers.DatasetPage,
        201,
        body=answers.OrderBookRequest,
        errors=("bad_request", "bad_parameters"),
    ),
    Operation("GET", "/api/datasets/{id}", "Data", "One data set", answers.DatasetPage, errors=("dataset_not_found",)),
    Operation(
        "DELETE",
        "/api/datasets/{id}",
        "Data",
        "Delete a data set",
        answers.Deleted,
        errors=("dataset_not_found", "dataset_in_use"),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/preview",
        "Data",
        "What is in a data set",
        answers.Preview,
        parameters=(_VERSION,),
        errors=("dataset_not_found", "bad_table"),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/file",
        "Data",
        "The file itself",
        media=CSV,
        about="CSV, JSON Lines (`application/jsonl`) or Parquet, as the data set is.",
        parameters=(_VERSION,),
        errors=("dataset_not_found",),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/versions",
        "Data",
        "The versions of a data set",
        answers.VersionList,
        errors=("dataset_not_found",),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/examples",
        "Data",
        "Examples for language understanding",
        answers.ExampleList,
        parameters=(_OFFSET, _EXAMPLES, Parameter("q", "Words that must all occur in text, intent or labels.")),
        errors=("bad_request", "dataset_not_found"),
    ),
    Operation(
        "POST",
        "/api/datasets/{id}/examples",
        "Data",
        "Add examples: all of them, or none",
        answers.DatasetPage,
        201,
        body=ExamplesRequest,
        parameters=(_IF_MATCH,),
        errors=("bad_request", "bad_table", "dataset_not_found", "dataset_changed", "too_large"),
    ),
    Operation(
        "PUT",
        "/api/datasets/{id}/examples/{index}",
        "Data",
        "Change an example",
        answers.DatasetPage,
        body=Example,
        parameters=(_IF_MATCH,),
        errors=("bad_request", "bad_table", "dataset_not_found", "dataset_changed"),
    ),
    Operation(
        "DELETE",
        "/api/datasets/{id}/examples/{index}",
        "Data",
        "Remove an example",
        answers.DatasetPage,
        parameters=(_IF_MATCH,),
        errors=("bad_request", "dataset_not_found", "dataset_changed"),
    ),
    Operation(
        "POST",
        "/api/uploads",
        "Data",
        "Begin an upload in pieces",
        answers.UploadBegun,
        201,
        about="It survives broken connections and restarts of the server, for a day.",
        body=UploadRequest,
        errors=("bad_request", "dataset_not_found", "too_large", "busy"),
    ),
    Operation(
        "GET",
        "/api/uploads/{id}",
        "Data",
        "How much of an upload is there",
        answers.UploadState,
        about="The header `Upload-Offset` says so too, so that HEAD is enough.",
        errors=("upload_not_found",),
    ),
    Operation(
        "PATCH",
        "/api/uploads/{id}",
        "Data",
        "Send a piece of an upload",
        answers.DatasetPage,
        201,
        about="204 and `Upload-Offset` as long as bytes are missing, 201 and the data set with the last one. "
        "An empty piece at the end asks for that answer once more.",
        body=bytes,
        body_media=(BYTES,),
        parameters=(Parameter("Upload-Offset", "Where the bytes begin.", where="header", required=True),),
        errors=(
            "bad_request",
            "bad_table",
            "wrong_format",
            "upload_corrupt",
            "upload_not_found",
            "upload_offset",
            "too_large",
        ),
    ),
    Operation(
        "DELETE",
        "/api/uploads/{id}",
        "Data",
        "Give an upload up",
        status=204,
        media=BYTES,
        errors=("upload_not_found",),
    ),
    Operation(
        "GET",
        "/api/trainers",
        "Trainers",
        "What this server can train",
        answers.TrainerList,
    ),
)

SERVER = (
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
