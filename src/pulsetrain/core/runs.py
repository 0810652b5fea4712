"""The life of runs: created, commanded, ended. Every answer is a decision on the log."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model import steering, watchdogs
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, RunExists, RunNotFound
from pulsetrain.model.events import NewEvent
from pulsetrain.model.ids import is_run_id, new_command_id, new_run_id, new_token
from pulsetrain.model.queue import Machine
from pulsetrain.model.resources import Wanted, resolve
from pulsetrain.model.runs import Run
from pulsetrain.ports import Appended, EventLog, Transaction

from .datasets import Dataset
from .line import check_priority
from .trainers import Trainers

MAX_RETRIES = 100
_NAME_LIMIT = 200


class StartRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask the server to start a trainer."""

    trainer: str
    dataset: str | None = None
    parameters: dict[str, Any] = {}
    name: str | None = None
    tags: list[str] = []
    resume_from: str | None = None
    priority: int = 0
    retries: int = 0
    """How often it is tried again when it fails."""
    resources: Wanted | None = None
    watchdogs: list[dict[str, Any]] | None = None
    """Those of every run where None."""


class Origin(msgspec.Struct, frozen=True):
    """Where a run comes from that is not simply new."""

    retry_of: str | None = None
    cloned_from: str | None = None
    id: str | None = None
    """The id that it shall have; nothing is started where there is such a run already."""
    dataset_digest: str | None = None
    """The content that it shall have, where it is not the newest: a checkpoint goes on with the data that it had."""


class RegisterRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Announce a run that somebody else's supervisor executes. `id` and `token` may be chosen by the caller."""

    command: list[str]
    name: str | None = None
    project: str | None = None
    parameters: dict[str, Any] = {}
    tags: list[str] = []
    id: str | None = None
    token: str | None = None
    watchdogs: list[dict[str, Any]] | None = None


class Registered(msgspec.Struct, frozen=True):
    run: Run
    cursor: Cursor
    token: str
    created: bool


_NEW = Origin()


def token_digest(token: str) -> str:
    """How run tokens are kept: they are random, so a plain digest hides them."""
    return hashlib.sha256(token.encode()).hexdigest()


Chosen = Callable[[str, str | None], Awaitable[Dataset]]
"""The data set of an id for a trainer that takes such data. Raises DatasetNotFound or WrongFormat."""


class Runs:
    """Creates runs and passes commands on to them."""

    def __init__(
        self,
        log: EventLog,
        trainers: Trainers,
        *,
        machine: Machine | None = None,
        chosen: Chosen | None = None,
    ) -> None:
        """Without a `machine`, runs may ask for anything; without `chosen`, for any data set."""
        self._log = log
        self._trainers = trainers
        self._machine = machine
        self._chosen = chosen

    async def start(self, request: StartRequest, *, by: str, origin: Origin = _NEW) -> tuple[Run, Cursor]:
        """Queue a run of a trainer. The scheduler starts it when the machine has room for it.

        Raises TrainerNotFound, TrainerUnavailable, BadParameters, DoesNotFit, BadRequest, RunNotFound (of
        `resume_from`), DatasetNotFound, or WrongFormat.
        """
        trainer, parameters = self._trainers.ready(request.trainer, request.parameters)
        if trainer.data is not None and request.dataset is None:
            raise BadRequest(f"{trainer.title} needs a data set.", hint="Say which one in 'dataset'.")
        digest = origin.dataset_digest
        if request.dataset is not None and self._chosen is not None:
            digest = digest or (await self._chosen(request.dataset, trainer.data)).digest
        if request.resume_from is not None:
            await self._resumable(request.resume_from)
        check_priority(request.priority)
        if not 0 <= request.retries <= MAX_RETRIES:
            raise BadRequest(f"A run is tried again 0 to {MAX_RETRIES} times; asked for {request.retries}.")
        resources = resolve(trainer.resources, request.resources, self._machine)
        _, _, total = await self._log.runs(0)
        stem = Path(request.dataset).stem if request.dataset else trainer.name
        data = {
            "name": _name(request.name) or f"{stem}-{total + 1}",
            "trainer": trainer.name,
            "dataset": request.dataset,
            "parameters": parameters,
            "tags": request.tags,
            "by": by,
            "stages": trainer.stages,
            "resume_from": request.resume_from,
            "retry_of": origin.retry_of,
            "cloned_from": origin.cloned_from,
            "retries": request.retries,
            "priority": request.priority,
            "resources": msgspec.to_builtins(resources),
            "watchdogs": watchdogs.checked(request.watchdogs),
            "dataset_digest": digest,
        }
        run = origin.id or new_run_id()
        events = [
            NewEvent("run.created", data, run),
            NewEvent("run.status", {"state": "queued", "message": None}, run),
        ]
        await self._log.append(lambda log: events if log.run(run) is None else [])
        return await self.get(run)

    async def register(self, request: RegisterRequest, *, by: str) -> Registered:
        """Enter somebody else's run. The same id and token again is the same run: a lost answer may be asked for anew.

        Raises BadRequest for an id that is none and RunExists for one that is taken.
        """
        run, token = request.id or new_run_id(), request.token or new_token()
        if not is_run_id(run):
            raise BadRequest(f"{run!r} is not a run id.", hint="'r_' and ten characters of a-z and 2-7.")
        if len(token) < 16:
            raise BadRequest("A run token has at least 16 characters.")
        digest = token_digest(token)
        data = {
            "name": _name(request.name) or Path(request.command[0] if request.command else "run").stem,
            "project": request.project,
            "command": request.command,
            "parameters": request.parameters,
            "tags": request.tags,
            "by": by,
            "stages": [],
            "watchdogs": watchdogs.checked(request.watchdogs),
        }

        def decide(log: Transaction) -> Sequence[NewEvent]:
            if log.run(run) is not None:
                if log.run_token_digest(run) != digest:
                    raise RunExists(f"There is a run {run} already.", hint="Choose another id, or none.")
                return []
            log.set_run_token_digest(run, digest)
            return [
                NewEvent("run.created", data, run),
                NewEvent("run.status", {"state": "starting", "message": None}, run),
            ]

        appended = await self._log.append(decide)
        known, cursor = await self.get(run)
        return Registered(known, cursor, token, bool(appended.events))

    async def get(self, run: str) -> tuple[Run, Cursor]:
        """The folded run and the cursor at which it was taken. Raises RunNotFound."""
        cursor, known = await self._log.run(run)
        if known is None:
            raise RunNotFound(f"There is no run {run!r}.")
        return known, cursor

    async def current(self) -> Run | None:
        """The newest run of a trainer that has not ended."""
        active = [run for run in await self._log.active_runs() if run.trainer is not None]
        return max(active, key=lambda run: run.first_seq, default=None)

    async def stop(
        self, run: str, *, grace_seconds: float = steering.DEFAULT_GRACE_SECONDS, by: str = "api"
    ) -> tuple[str, Cursor]:
        """Ask `run` to stop: at its next safe point, by signals after `grace_seconds`. A queued run stops at once.

        A second request is the same request. Raises RunNotFound, RunNotActive or BadRequest.
        """
        return await self.command(run, "stop", {"grace_seconds": grace_seconds}, by=by)

    async def command(self, run: str, command: str, arguments: dict[str, Any], *, by: str) -> tuple[str, Cursor]:
        """Log a request to `run` and answer with its id. A second one that says the same is the same request.

        Raises RunNotFound, RunNotActive, BadRequest, or BadParameters where the run is known not to take it.
        """
        id, arguments = new_command_id(), steering.form(command, arguments)

        def decide(log: Transaction) -> Sequence[NewEvent]:
            nonlocal id
            known = log.run(run)
            if known is None:
                raise RunNotFound(f"There is no run {run!r}.")
            checked = steering.check(known, command, arguments)
            pending = steering.same(known, command)
            if pending is not None:
                id = pending.id
                return []
            asked = {"id": id, "command": command, "arguments": checked, "by": by}
            return [NewEvent("command.requested", asked, run), *_at_once(known, id, command)]

        appended: Appended = await self._log.append(decide)
        return id, appended.cursor

    async def _resumable(self, run: str) -> None:
        known, _ = await self.get(run)
        if known.active:
            raise BadRequest(f"Run {known.name} is still {known.state}.", hint="Stop it first, then continue it.")
        if not any(artifact.kind == "checkpoint" for artifact in known.artifacts):
            raise BadRequest(f"Run {known.name} has no checkpoint to continue from.", hint="Start it anew.")


def _at_once(run: Run, id: str, command: str) -> list[NewEvent]:
    """What follows a request in the same commit, where nobody else has to do anything for it."""
    answer: dict[str, Any] = {"id": id, "command": command, "step": steering.last_step(run)}
    if command in steering.AT_SERVER:
        return [NewEvent("command.applied", answer, run.id)]
    if command == "stop" and run.state == "queued":
        stopped = {"state": "stopped", "message": "Stopped before it started."}
        return [
            NewEvent("command.applied", {**answer, "how": "not started yet"}, run.id),
            NewEvent("run.status", stopped, run.id),
        ]
    return []


def _name(name: str | None) -> str | None:
    if name is None or not name.strip():
        return None
    name = " ".join(name.split())
    if len(name) > _NAME_LIMIT:
        raise BadRequest(f"A run's name has at most {_NAME_LIMIT} characters; this one has {len(name)}.")
    return name
