"""Forms of bodies and answers that no other code needs a type for; the API's description is made from them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from pulsetrain.core.datasets import Dataset, ListedExample, Version
from pulsetrain.core.deployments import Deployment
from pulsetrain.core.models import Model as ModelVersion
from pulsetrain.model.events import Event
from pulsetrain.model.formats import Format
from pulsetrain.model.runs import Run
from pulsetrain.model.trainers import Trainer
from pulsetrain.wire.event_data import Number, UnixSeconds


class Problem(msgspec.Struct):
    code: str
    message: str
    hint: str


class Error(msgspec.Struct):
    """What was wrong and what to do. Some codes add keys, such as `expected`."""

    error: Problem


class Health(msgspec.Struct):
    status: str
    version: str
    generation: str
    tail: int
    uptime_seconds: float
    runs_active: int
    timestamp: str


class RunList(msgspec.Struct):
    cursor: str
    runs: list[Run]
    total: int


class RunPage(msgspec.Struct):
    cursor: str
    run: Run


class RunStarted(msgspec.Struct):
    """`token` is the run's own; there for announced runs alone."""

    cursor: str
    run: Run
    token: str | None = None


class CommandPage(msgspec.Struct):
    cursor: str
    command_id: str


class Series(msgspec.Struct):
    """Three columns of one length."""

    step: list[int | None]
    time: list[UnixSeconds]
    value: list[Number | None]


class SeriesPage(msgspec.Struct):
    cursor: str
    series: dict[str, Series]


class TimelinePage(msgspec.Struct):
    cursor: str
    events: list[Event]


class LogLine(msgspec.Struct):
    seq: int
    stream: str
    text: str
    time: UnixSeconds | None
    level: str | None


class LogPage(msgspec.Struct):
    """`before` asks for the lines before these; null where there are none."""

    cursor: str
    lines: list[LogLine]
    before: int | None


class Acknowledged(msgspec.Struct):
    last_n: int
    cursor: str
    state: str
    lease_seconds: float


class DatasetList(msgspec.Struct):
    cursor: str
    datasets: list[Dataset]
    preparing: bool


class DatasetPage(msgspec.Struct):
    cursor: str
    dataset: Dataset


class Deleted(msgspec.Struct):
    cursor: str


class OrderBookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: int | None = None
    seed: int | None = None


class PathRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the server's machine, below a folder that the operator allows."""

    path: str


class VersionList(msgspec.Struct):
    """Newest first. What is no longer `kept` cannot be read any more."""

    versions: list[Version]


class ExampleList(msgspec.Struct):
    """`intents` and `labels` are those of the whole data set."""

    cursor: str
    digest: str
    total: int
    examples: list[ListedExample]
    intents: dict[str, int]
    labels: list[str]


class UploadBegun(msgspec.Struct):
    id: str
    offset: int
    chunk_bytes: int


class UploadState(msgspec.Struct):
    """`dataset` is what the upload has become, once all of it is there."""

    id: str
    name: str
    size: int
    offset: int
    dataset: str | None


class Histogram(msgspec.Struct):
    """`edges` has one number more than `counts`."""

    edges: list[float]
    counts: list[int]


class Frequent(msgspec.Struct):
    value: Any
    count: int


class Column(msgspec.Struct):
    name: str
    kind: Literal["integer", "number", "category", "text", "datetime", "boolean", "constant", "empty"]
    dtype: str
    missing: int
    unique: int
    min: Any
    max: Any
    mean: float | None
    std: float | None
    quartiles: list[float] | None
    top: list[Frequent]
    histogram: Histogram | None


class Index(msgspec.Struct):
    """The first column of dates: the last values of the series stand beside these."""

    name: str
    values: list[Any]


class Table(msgspec.Struct):
    """`first_rows` are 10, `series` the last 50 values of the first 5 numeric columns."""

    rows: int
    columns: list[Column]
    first_rows: list[list[Any]]
    series: dict[str, list[Any]]
    index: Index | None
    delimiter: str | None
    encoding: str | None
    warnings: list[str]
    format: Format


class Preview(msgspec.Struct):
    dataset: Dataset
    table: Table


class Upload(msgspec.Struct):
    file: bytes


class TrainerList(msgspec.Struct):
    trainers: list[Trainer]


class Model(msgspec.Struct):
    """A trained model: `artifact` of `run`."""

    name: str
    epoch: int | None
    loss: float | None
    date: str
    run: str
    artifact: str
    size: int
    trainer: str | None
    dataset: str | None


class ModelPage(ModelVersion, frozen=True, kw_only=True):
    """A version of a model, where it is deployed, and whether it can be asked."""

    cursor: str
    deployments: list[str]
    predicts: bool


class ModelInput(msgspec.Struct):
    """JSON Schema of one row, with `examples`."""

    input: dict[str, Any]


class Done(msgspec.Struct):
    cursor: str
    message: str


class Deployed(msgspec.Struct):
    cursor: str
    deployment: Deployment
    message: str = ""


class DeploymentList(msgspec.Struct):
    cursor: str
    deployments: list[Deployment]


class StartTraining(msgspec.Struct):
    data_source: str
    config: str | dict[str, Any] | None = None
    epochs: int | None = None


class TrainingStarted(msgspec.Struct):
    success: bool
    message: str
    pid: int | None
    config: Any
    data_source: str
    run_id: str


class Success(msgspec.Struct):
    success: bool
    message: str


class CsvPreview(msgspec.Struct):
    success: bool
    message: str
    filename: str
    data_info: dict[str, Any]
    plot_data: dict[str, list[Any]]


class CsvUploaded(msgspec.Struct):
    success: bool
    message: str
    preview: dict[str, Any]


class SampleMade(msgspec.Struct):
    success: bool
    message: str
    filename: str
    summary: dict[str, Any]
    preview: list[dict[str, Any]]


class Broadcast(msgspec.Struct):
    status: str
    clients: int
    channel: str
    message: str
