"""pulsetrain: the live server for training runs.

Importing this package is light: each name comes from its home at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .model.errors import PulsetrainError as PulsetrainError
    from .model.events import Event as Event
    from .sdk.answers import Answer as Answer
    from .sdk.answers import News as News
    from .sdk.answers import Refused as Refused
    from .sdk.answers import Unreachable as Unreachable
    from .sdk.async_client import AsyncClient as AsyncClient
    from .sdk.begin import init as init
    from .sdk.client import Client as Client
    from .sdk.run import Run as Run
    from .trainers.registry import trainer as trainer
    from .wire.event_data import Alert as Alert
    from .wire.event_data import CommandApplied as CommandApplied
    from .wire.event_data import CommandRejected as CommandRejected
    from .wire.event_data import CommandRequested as CommandRequested
    from .wire.event_data import DatasetCreated as DatasetCreated
    from .wire.event_data import DatasetDeleted as DatasetDeleted
    from .wire.event_data import DatasetUpdated as DatasetUpdated
    from .wire.event_data import DeploymentChanged as DeploymentChanged
    from .wire.event_data import DeploymentMetrics as DeploymentMetrics
    from .wire.event_data import EventData as EventData
    from .wire.event_data import ModelCreated as ModelCreated
    from .wire.event_data import ModelDeleted as ModelDeleted
    from .wire.event_data import RunArtifact as RunArtifact
    from .wire.event_data import RunControls as RunControls
    from .wire.event_data import RunCreated as RunCreated
    from .wire.event_data import RunLease as RunLease
    from .wire.event_data import RunLog as RunLog
    from .wire.event_data import RunMetrics as RunMetrics
    from .wire.event_data import RunProgress as RunProgress
    from .wire.event_data import RunQueue as RunQueue
    from .wire.event_data import RunResult as RunResult
    from .wire.event_data import RunStage as RunStage
    from .wire.event_data import RunStatus as RunStatus
    from .wire.event_data import RunSystem as RunSystem
    from .wire.event_data import RunTable as RunTable
    from .wire.event_data import typed as typed

__all__ = [
    "Alert",
    "Answer",
    "AsyncClient",
    "Client",
    "CommandApplied",
    "CommandRejected",
    "CommandRequested",
    "DatasetCreated",
    "DatasetDeleted",
    "DatasetUpdated",
    "DeploymentChanged",
    "DeploymentMetrics",
    "Event",
    "EventData",
    "ModelCreated",
    "ModelDeleted",
    "News",
    "PulsetrainError",
    "Refused",
    "Run",
    "RunArtifact",
    "RunControls",
    "RunCreated",
    "RunLease",
    "RunLog",
    "RunMetrics",
    "RunProgress",
    "RunQueue",
    "RunResult",
    "RunStage",
    "RunStatus",
    "RunSystem",
    "RunTable",
    "Unreachable",
    "__version__",
    "init",
    "trainer",
    "typed",
]

_HOMES = {
    "Answer": "pulsetrain.sdk.answers",
    "AsyncClient": "pulsetrain.sdk.async_client",
    "Client": "pulsetrain.sdk.client",
    "Event": "pulsetrain.model.events",
    "News": "pulsetrain.sdk.answers",
    "PulsetrainError": "pulsetrain.model.errors",
    "Refused": "pulsetrain.sdk.answers",
    "Run": "pulsetrain.sdk.run",
    "Unreachable": "pulsetrain.sdk.answers",
    "init": "pulsetrain.sdk.begin",
    "trainer": "pulsetrain.trainers.registry",
}
"""Where a name comes from; the others are what events hold."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'pulsetrain' has no attribute {name!r}")
    home = _HOMES.get(name, "pulsetrain.wire.event_data")
    return getattr(importlib.import_module(home), name)
