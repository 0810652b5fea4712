"""Runs once more: tried again as they were, cloned with changes, or tried again by themselves after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, PulsetrainError, RunActive
from pulsetrain.model.events import Event
from pulsetrain.model.ids import retry_id
from pulsetrain.model.log import Stored
from pulsetrain.model.resources import Wanted
from pulsetrain.model.runs import USER_ERROR, Run
from pulsetrain.ports import EventLog
from pulsetrain.wire.codec import event_from_json

from .runs import Origin, Runs, StartRequest

logger = logging.getLogger(__name__)

_LOOK_BACK = 1000
"""Runs that a starting server looks through for failures that the one before it did not live to answer."""
_BY = "retry"


class CloneRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the new run has other than the old one. `parameters` changes those that it names."""

    parameters: dict[str, Any] = {}
    dataset: str | None = None
    name: str | None = None
    tags: list[str] | None = None
    priority: int | None = None
    resources: Wanted | None = None
    retries: int | None = None
    watchdogs: list[dict[str, Any]] | None = None


class Repeats:
    """Starts runs like others. After `start`, runs that fail are tried again as often as they ask for it."""

    def __init__(self, log: EventLog, runs: Runs) -> None:
        self._log = log
        self._runs = runs
        self._at_work: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._log.on_commit(self._committed)
        _, runs, _ = await self._log.runs(_LOOK_BACK)
        for run in reversed(runs):
            if run.state == "failed" and run.retries > 0:
                await self._again(run.id)

    async def close(self) -> None:
        await asyncio.gather(*self._at_work, return_exceptions=True)

    async def retry(self, run: str, *, from_checkpoint: bool = True, by: str) -> tuple[Run, Cursor]:
        """A new run like `run`, which has ended; from its last checkpoint if there is one and it is wanted.

        Raises RunNotFound, RunActive, BadRequest, or what Runs.start raises.
        """
        old = await self._startable(run)
        if old.active:
            raise RunActive(f"Run {old.name} is still {old.state}.")
        request = _like(old, resume_from=last_checkpoint(old) if from_checkpoint else None, retries=old.retries)
        return await self._runs.start(request, by=by, origin=Origin(retry_of=run, dataset_digest=old.dataset_digest))

    async def clone(self, run: str, changes: CloneRequest, *, by: str) -> tuple[Run, Cursor]:
        """A new run like `run`, from its beginning, but for `changes`.

        Raises RunNotFound, BadRequest, or what Runs.start raises.
        """
        old = await self._startable(run)
        like = _like(old, resume_from=None, retries=old.retries)
        said = {
            "name": changes.name,
            "dataset": changes.dataset,
            "tags": changes.tags,
            "priority": changes.priority,
            "retries": changes.retries,
            "watchdogs": changes.watchdogs,
        }
        request = msgspec.structs.replace(
            like,
            parameters={**old.parameters, **changes.parameters},
            resources=_merged(like.resources, changes.resources),
            **({"name": None} | {key: value for key, value in said.items() if value is not None}),
        )
        return await self._runs.start(request, by=by, origin=Origin(cloned_from=run))

    async def _startable(self, run: str) -> Run:
        old, _ = await self._runs.get(run)
        if old.trainer is None:
            raise BadRequest(
                f"Run {old.name} was not started by this server.", hint="Start its command again where it ran."
            )
        return old

    # ---- by themselves ----

    def _committed(self, events: Sequence[Stored]) -> None:
        for event in events:
            if event.type == "run.status" and b'"failed"' in event.body and _failed(event_from_json(event.body)):
                assert event.run is not None
                task = asyncio.create_task(self._again(event.run), name=f"retry of {event.run}")
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)

    async def _again(self, run: str) -> None:
        try:
            _, failed = await self._log.run(run)
            if failed is None or not failed.retries or not await self._is_crash(failed):
                return
            request = _like(failed, resume_from=last_checkpoint(failed), retries=failed.retries - 1)
            origin = Origin(retry_of=run, id=retry_id(run), dataset_digest=failed.dataset_digest)
            await self._runs.start(request, by=_BY, origin=origin)
        except PulsetrainError as problem:
            logger.error("Run %s cannot be tried again: %s", run, problem)

    async def _is_crash(self, run: Run) -> bool:
        """Whether another attempt may end better: nobody asked for the end, and the request itself was sound."""
        if run.state != "failed" or run.trainer is None or run.ended_by is None or run.return_code == USER_ERROR:
            return False
        _, asked = await self._log.run_events(run.id, ["command.requested"])
        return not any(event.data["command"] == "stop" for event in asked)


def last_checkpoint(run: Run) -> str | None:
    """The run whose checkpoint continues `run`: itself, or the one that it continued; None without a checkpoint."""
    return run.id if any(made.kind == "checkpoint" for made in run.artifacts) else run.resume_from


def _failed(event: Event) -> bool:
    return event.data.get("state") == "failed"


def _like(run: Run, *, resume_from: str | None, retries: int) -> StartRequest:
    assert run.trainer is not None
    resources = run.resources
    return StartRequest(
        trainer=run.trainer,
        dataset=run.dataset,
        parameters=run.parameters,
        name=run.name,
        tags=run.tags,
        resume_from=resume_from,
        priority=run.priority,
        retries=retries,
        watchdogs=run.watchdogs,
        resources=None if resources is None else Wanted(**msgspec.structs.asdict(resources)),
    )


def _merged(old: Wanted | None, new: Wanted | None) -> Wanted | None:
    if old is None or new is None:
        return new or old
    said = {key: value for key, value in msgspec.structs.asdict(new).items() if value is not None}
    if "gpus" in said:
        said.setdefault("gpu_indices", None)
    return msgspec.structs.replace(old, **said)
