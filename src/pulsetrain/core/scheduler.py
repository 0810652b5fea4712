"""From queued to started: the oldest waiting run takes the next free slot."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.events import NewEvent
from pulsetrain.model.ids import new_token
from pulsetrain.model.log import Stored
from pulsetrain.model.runs import Run
from pulsetrain.ports import EventLog, Executor, Launch, Transaction

from .artifacts import Artifacts
from .runs import token_digest

logger = logging.getLogger(__name__)

_WAKING = frozenset({"run.created", "run.status"})
TRAINER_COMMAND = [sys.executable, "-m", "pulsetrain.trainers.main"]


class Scheduler:
    """Fills the slots. It holds no queue of its own: who waits and who runs is read from the log."""

    def __init__(
        self,
        log: EventLog,
        executor: Executor,
        artifacts: Artifacts,
        *,
        folder: Path,
        dataset_path: Callable[[str, str | None], Path],
        slots: int,
        cores_per_run: int,
        trainer_modules: Sequence[str] = (),
    ) -> None:
        self._log = log
        self._executor = executor
        self._artifacts = artifacts
        self._folder = folder
        self._dataset_path = dataset_path
        self._slots = slots
        self._cores = cores_per_run
        self._modules = list(trainer_modules)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._log.on_commit(self._committed)
        self._wake.set()
        self._task = asyncio.create_task(self._fill_forever(), name="scheduler")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _committed(self, events: Sequence[Stored]) -> None:
        if any(event.type in _WAKING for event in events):
            self._wake.set()

    async def _fill_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._fill()
            except Exception:
                # The next run that is created or ends tries again; the runs that go on must not suffer.
                logger.exception("The queue could not be served.")

    async def _fill(self) -> None:
        mine = [run for run in await self._log.active_runs() if run.trainer is not None]
        waiting = sorted((run for run in mine if run.state == "queued"), key=lambda run: run.first_seq)
        free = self._slots - (len(mine) - len(waiting))
        for run in waiting[: max(0, free)]:
            await self._launch(run)

    async def _launch(self, run: Run) -> None:
        try:
            spec = await asyncio.to_thread(self._prepare, run)
        except (OSError, PulsetrainError) as problem:
            await self._fail(run.id, f"The run could not be prepared: {problem}")
            return
        token = new_token()
        attempt = await self._claim(run.id, token)
        if attempt is None:
            return
        environment = {"PULSETRAIN_SPEC": str(spec)}
        checkpoint = spec.parent / "resume.pt"
        if run.resume_from is not None:
            environment["PULSETRAIN_CHECKPOINT"] = str(checkpoint)
        launch = Launch(run.id, token, attempt, TRAINER_COMMAND, spec.parent, environment, self._cores)
        try:
            await self._executor.start(launch)
        except OSError as problem:
            await self._fail(run.id, f"The supervisor could not be started: {problem}")

    def _prepare(self, run: Run) -> Path:
        """Lay out the run's folder; the answer is its specification file."""
        folder = self._folder / run.id
        folder.mkdir(parents=True, exist_ok=True)
        dataset = str(self._dataset_path(run.dataset, run.dataset_digest)) if run.dataset else None
        if run.resume_from is not None:
            shutil.copyfile(self._artifacts.path(run.resume_from, "checkpoint.pt"), folder / "resume.pt")
        specification = {
            "trainer": run.trainer,
            "dataset": dataset,
            "parameters": run.parameters,
            "modules": self._modules,
        }
        path = folder / "spec.json"
        path.write_bytes(msgspec.json.encode(specification))
        return path

    async def _claim(self, run: str, token: str) -> int | None:
        """Move the run to `starting` under `token`; the number of the attempt, or None if it no longer waits."""
        attempt: int | None = None

        def decide(log: Transaction) -> Sequence[NewEvent]:
            nonlocal attempt
            known = log.run(run)
            if known is None or known.state != "queued":
                return []
            attempt = log.newest_attempt(run) + 1
            log.set_run_token_digest(run, token_digest(token))
            return [NewEvent("run.status", {"state": "starting", "message": None}, run)]

        await self._log.append(decide)
        return attempt

    async def abandon(self, run: str) -> None:
        """Give up a silent run that this server started and of which nothing is left on the machine.

        That is so when the server was killed between claiming the run and starting its supervisor.
        """
        _, known = await self._log.run(run)
        if known is not None and known.trainer is not None:
            await self._fail(run, "Its supervisor is gone and left nothing behind. Start it again.")

    async def _fail(self, run: str, message: str) -> None:
        def decide(log: Transaction) -> Sequence[NewEvent]:
            known = log.run(run)
            if known is None or not known.active:
                return []
            return [NewEvent("run.status", {"state": "failed", "message": message}, run)]

        logger.error("Run %s: %s", run, message)
        await self._log.append(decide)
