"""The models: what successful runs made, as versions of a name, with all that says where they come from.

`m_….json` says what is known of each; the folder beside it holds the file, which shares its blocks with the artifact.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import ArtifactNotFound, ModelDeployed, ModelNotFound, TrainerNotFound
from pulsetrain.model.events import NewEvent, iso_time
from pulsetrain.model.ids import new_model_id
from pulsetrain.model.log import Stored
from pulsetrain.model.report import Report
from pulsetrain.model.runs import Artifact, Run
from pulsetrain.ports import Clock, EventLog

from .artifacts import Artifacts
from .trainers import Trainers

logger = logging.getLogger(__name__)

_WAKING = frozenset({"run.status", "run.artifact"})
_METRICS = 50
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One version (PROTOCOL §10)."""

    id: str
    name: str
    version: int
    run: str
    artifact: str
    size: int
    digest: str
    created_at: str
    trainer: str | None = None
    metrics: dict[str, float | str] = {}
    dataset: str | None = None
    dataset_digest: str | None = None
    parameters: dict[str, Any] = {}
    commit: str | None = None


class _Kept(msgspec.Struct):
    """`m_….json`. A deleted one stays as a word that it was there, so that its run does not make it again."""

    model: Model
    announced: bool = False
    deleted: bool = False


class Models:
    """Registers what runs make, below `folder`."""

    def __init__(self, folder: Path, log: EventLog, artifacts: Artifacts, trainers: Trainers, clock: Clock) -> None:
        self._folder = folder
        self._log = log
        self._artifacts = artifacts
        self._trainers = trainers
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._registering = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.deployed: Callable[[str], Sequence[str]] = lambda _: ()
        """The deployments that need a model."""

    async def start(self) -> None:
        """Load what is known, and register what runs made while nobody looked."""
        await asyncio.to_thread(self._load)
        self._log.on_commit(self._committed)
        _, runs, _ = await self._log.runs(10_000)
        known = {kept.model.run for kept in self._kept.values() if kept.announced}
        for run in reversed(runs):
            if run.id not in known and _made(run):
                await self._register(run.id)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def all(self) -> list[Model]:
        """The models, newest first."""
        found = [kept.model for kept in self._kept.values() if not kept.deleted]
        return sorted(found, key=lambda model: model.created_at, reverse=True)

    def get(self, id: str) -> Model:
        """Raises ModelNotFound."""
        kept = self._kept.get(id)
        if kept is None or kept.deleted:
            raise ModelNotFound(f"There is no model {id!r}.")
        return kept.model

    def path(self, model: Model) -> Path:
        return self._folder / model.id / model.artifact

    def predicts(self, model: Model) -> bool:
        """Whether its trainer is here and has said how to ask it."""
        with contextlib.suppress(TrainerNotFound):
            return model.trainer is not None and self._trainers.get(model.trainer).predicts
        return False

    async def delete(self, id: str) -> Cursor:
        """Forget a model and its file. Raises ModelNotFound or ModelDeployed."""
        model = self.get(id)
        needed = self.deployed(id)
        if needed:
            raise ModelDeployed(
                f"{model.name} version {model.version} is deployed as {', '.join(needed)}.",
                hint="Deploy another version there, or remove the deployment, then delete.",
            )
        self._kept[id].deleted = True
        await asyncio.to_thread(self._write, self._kept[id])
        await asyncio.to_thread(self.path(model).unlink, missing_ok=True)
        appended = await self._log.append(lambda _: [NewEvent("model.deleted", {"id": id})])
        return appended.cursor

    # ---- registering ----

    def _committed(self, events: Sequence[Stored]) -> None:
        for run in {event.run for event in events if event.type in _WAKING and event.run is not None}:
            task = asyncio.create_task(self._look(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, run: str) -> None:
        try:
            await self._register(run)
        except Exception:
            # A full disk must not end more than this one; the next start of the server tries again.
            logger.exception("The model of run %s could not be registered.", run)

    async def _register(self, id: str) -> None:
        async with self._registering:
            _, run = await self._log.run(id)
            if run is None:
                return
            for artifact in _made(run):
                if not any(_same(kept.model, run, artifact) and kept.announced for kept in self._kept.values()):
                    with contextlib.suppress(ArtifactNotFound):
                        await self._add(run, artifact)

    async def _add(self, run: Run, artifact: Artifact) -> None:
        """Keep the file first, then say so; one that was not announced is announced at the next start."""
        source = self._artifacts.path(run.id, artifact.name)
        kept = next((kept for kept in self._kept.values() if _same(kept.model, run, artifact)), None)
        if kept is None:
            name = _name(run)
            versions = [other.model.version for other in self._kept.values() if other.model.name == name]
            kept = _Kept(
                Model(
                    id=new_model_id(),
                    name=name,
                    version=1 + max(versions, default=0),
                    run=run.id,
                    artifact=artifact.name,
                    size=artifact.size,
                    digest=artifact.digest,
                    created_at=iso_time(self._clock.time()),
                    trainer=run.trainer,
                    metrics=await asyncio.to_thread(self._metrics, run),
                    dataset=run.dataset,
                    dataset_digest=run.dataset_digest,
                    parameters=run.parameters,
                    commit=self._commit(run),
                )
            )
            await asyncio.to_thread(self._keep, kept, source)
            self._kept[kept.model.id] = kept
        data = msgspec.to_builtins(kept.model)
        data.pop("created_at")
        await self._log.append(lambda _: [NewEvent("model.created", data)])
        kept.announced = True
        await asyncio.to_thread(self._write, kept)

    def _commit(self, run: Run) -> str | None:
        with contextlib.suppress(TrainerNotFound):
            return self._trainers.get(run.trainer or "").code
        return None

    def _metrics(self, run: Run) -> dict[str, float | str]:
        """The figures of its report where it has one, and the last values of its series."""
        found: dict[str, float | str] = {}
        with contextlib.suppress(ArtifactNotFound, OSError, msgspec.MsgspecError):
            report = msgspec.json.decode(self._artifacts.path(run.id, "report.json").read_bytes(), type=Report)
            found = {figure.name: figure.value for figure in report.figures if isinstance(figure.value, float)}
        for key, metric in run.metrics.items():
            if len(found) < _METRICS:
                found.setdefault(key, metric.last)
        return found

    # ---- files ----

    def _load(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("m_*.json"):
            with contextlib.suppress(msgspec.MsgspecError, OSError):
                kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
                self._kept[kept.model.id] = kept

    def _keep(self, kept: _Kept, source: Path) -> None:
        place = self.path(kept.model)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, place)
        except OSError:
            shutil.copyfile(source, place)
        self._write(kept)

    def _write(self, kept: _Kept) -> None:
        place = self._folder / f"{kept.model.id}.json"
        temporary = place.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(kept))
        temporary.replace(place)


def _made(run: Run) -> list[Artifact]:
    """The models that a run has to show; only one that succeeded has any."""
    return [made for made in run.artifacts if made.kind == "model"] if run.state == "succeeded" else []


def _same(model: Model, run: Run, artifact: Artifact) -> bool:
    return model.run == run.id and model.artifact == artifact.name


def _name(run: Run) -> str:
    """What its versions are called: the trainer and the data, or the project of a script."""
    if run.trainer is None:
        return _NAME.sub("-", run.project or run.name)
    stem = Path(run.dataset).stem if run.dataset else None
    return _NAME.sub("-", f"{run.trainer}-{stem}" if stem else run.trainer)
