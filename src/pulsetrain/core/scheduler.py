"""From queued to started: whoever the queue lets go first is prepared, claimed and started."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import Any

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.events import NewEvent
from pulsetrain.model.ids import new_token
from pulsetrain.model.queue import Grant, Holder, Machine, Waiting
from pulsetrain.model.runs import Run
from pulsetrain.ports import Clock, EventLog, Executor, Launch, Transaction

from .line import Line
from .pasts import Pasts
from .preparation import Given, Preparation, given_of, grant_of, newest_checkpoint, visible_gpus
from .runs import token_digest

logger = logging.getLogger(__name__)

TRAINER_COMMAND = [sys.executable, "-m", "pulsetrain.trainers.main"]


class Scheduler:
    """Starts those who wait as the machine has room for them (PROTOCOL §9, *Queue*)."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        executor: Executor,
        preparation: Preparation,
        machine: Machine,
        pasts: Pasts,
        *,
        manages_gpus: bool = False,
    ) -> None:
        self._log = log
        self._executor = executor
        self._preparation = preparation
        self._manages_gpus = manages_gpus
        self._pasts = pasts
        self._clock = clock
        self._wake = asyncio.Event()
        self._lent: dict[str, frozenset[int]] = {}
        self._task: asyncio.Task[None] | None = None
        self.line = Line(log, clock, machine, granted=self._granted, expected=pasts.expected, moved=self._wake.set)

    async def start(self) -> None:
        """Find out who waits and who runs, and begin to start runs."""
        await self.line.start()
        self._wake.set()
        self._task = asyncio.create_task(self._fill_forever(), name="scheduler")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _granted(self, run: Run) -> Grant:
        given = self._preparation.given(run)
        self._lent[run.id] = frozenset(given.lent)
        return grant_of(given)

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
        queue = self.line.queue
        while (found := queue.next(avoid=self._lent_now())) is not None:
            waiting, grant = found
            # Held from now on: what it was given cannot be given twice while it is being prepared.
            seconds = self.line.expected(waiting.run)
            ends = None if seconds is None else self._clock.time() + seconds
            queue.hold(Holder(waiting.run, waiting.name, grant, waiting.resources, ends_at=ends))
            try:
                await self._launch(waiting, grant)
            except Exception:
                if queue.release(waiting.run) is not None:
                    queue.add(waiting)
                raise
        await self.line.tell()

    def _lent_now(self) -> frozenset[int]:
        holders = self.line.queue.holders
        self._lent = {run: lent for run, lent in self._lent.items() if run in holders}
        return frozenset[int]().union(*self._lent.values())

    async def _launch(self, waiting: Waiting, grant: Grant) -> None:
        _, run = await self._log.run(waiting.run)
        if run is None:
            self.line.queue.release(waiting.run)
            return
        lent = frozenset(self.line.queue.free().gpus) if not grant.gpus else frozenset[int]()
        self._lent[run.id] = lent
        given = given_of(grant, lent)
        try:
            folder, environment = await self._prepare(run, given)
        except (OSError, PulsetrainError) as problem:
            await self._fail(run.id, f"The run could not be prepared: {problem}")
            return
        token = new_token()
        attempt = await self._claim(run.id, token)
        if attempt is None:
            self.line.queue.release(run.id)
            return
        cores = max(1, int(grant.cores))
        launch = Launch(run.id, token, attempt, TRAINER_COMMAND, folder, environment, cores)
        try:
            await self._executor.start(launch)
        except OSError as problem:
            await self._fail(run.id, f"The supervisor could not be started: {problem}")

    async def _prepare(self, run: Run, given: Given) -> tuple[Any, dict[str, str]]:
        checkpoint = None
        if run.resume_from is not None:
            _, source = await self._log.run(run.resume_from)
            _, events = await self._log.run_events(run.resume_from, ["run.artifact"])
            checkpoint = newest_checkpoint(events, source) if source is not None else None
        history = self._pasts.like(run)
        folder, environment = await asyncio.to_thread(self._preparation.lay_out, run, given, checkpoint, history)
        gpus = visible_gpus(given, self.line.queue.machine, managed=self._manages_gpus)
        return folder, environment | gpus

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
            message = "Its supervisor is gone and left nothing behind. Start it again."
            await self._fail(run, message, ended_by="supervisor lost")

    async def _fail(self, run: str, message: str, ended_by: str | None = None) -> None:
        def decide(log: Transaction) -> Sequence[NewEvent]:
            known = log.run(run)
            if known is None or not known.active:
                return []
            return [NewEvent("run.status", {"state": "failed", "message": message, "ended_by": ended_by}, run)]

        logger.error("Run %s: %s", run, message)
        await self._log.append(decide)
