"""What handlers need, on `request.app.state.services`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from pulsetrain.core.artifacts import Artifacts
from pulsetrain.core.datasets import Datasets, Examples, Uploads
from pulsetrain.core.deployments import Deployments
from pulsetrain.core.history import History
from pulsetrain.core.host import Host
from pulsetrain.core.hub import Hub
from pulsetrain.core.ingest import Ingest
from pulsetrain.core.leases import Leases
from pulsetrain.core.line import Line
from pulsetrain.core.models import Models
from pulsetrain.core.repeats import Repeats
from pulsetrain.core.runs import Runs
from pulsetrain.core.settings import Settings
from pulsetrain.core.trainers import Trainers
from pulsetrain.ports import Clock, EventLog


@dataclass(frozen=True)
class Services:
    """The parts of one running server."""

    settings: Settings
    clock: Clock
    log: EventLog
    hub: Hub
    ingest: Ingest
    leases: Leases
    runs: Runs
    line: Line
    repeats: Repeats
    history: History
    artifacts: Artifacts
    datasets: Datasets
    examples: Examples
    uploads: Uploads
    models: Models
    deployments: Deployments
    trainers: Trainers
    supervisor_pid: Callable[[str], int | None]
    host: Host
    started: float
    """Monotonic seconds at which the server was ready."""


def services(connection: HTTPConnection) -> Services:
    """The parts that serve this request."""
    found: Services = connection.app.state.services
    return found
