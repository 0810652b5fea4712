"""Models that answer, each in a process of its own: the server imports no learning library and survives a bad model."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model.errors import BadParameters, ModelCannotPredict, PredictorFailed

logger = logging.getLogger(__name__)

_LOAD_SECONDS = 120.0
_ANSWER_SECONDS = 60.0
_CLOSE_SECONDS = 5.0
_LONGEST_LINE = 256 * 1024 * 1024
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class _Problem(msgspec.Struct):
    code: str
    message: str
    hint: str = ""


class _Answer(msgspec.Struct):
    id: int | None = None
    input: dict[str, Any] | None = None
    predictions: list[dict[str, Any]] | None = None
    problem: _Problem | None = None


class Predictor:
    """A loaded model. `open` it, ask it, `close` it: what was asked before is still answered."""

    def __init__(self, process: Process, input: dict[str, Any]) -> None:
        self.input = input
        """JSON Schema of one row, with examples."""
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[_Answer]] = {}
        self._reading = asyncio.create_task(self._read(), name=f"predictor {process.pid}")

    @classmethod
    async def open(cls, trainer: str, model: Path, modules: Sequence[str] = ()) -> Predictor:
        """Load `model`, which `trainer` made. Raises ModelCannotPredict or PredictorFailed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pulsetrain.trainers.serve",
            *("--trainer", trainer, "--model", str(model)),
            *(word for module in modules for word in ("--trainers", module)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=None,
            env={**os.environ, **_THREADS},
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            first = await asyncio.wait_for(process.stdout.readline(), _LOAD_SECONDS)
            answer = msgspec.json.decode(first, type=_Answer)
            if answer.input is None:
                raise _cannot_load(answer.problem)
        except (TimeoutError, msgspec.DecodeError, ValueError) as problem:
            await _end(process)
            raise PredictorFailed(f"The model could not be loaded: {problem or 'it took too long'}.") from None
        except BaseException:
            await _end(process)
            raise
        return cls(process, answer.input)

    @property
    def alive(self) -> bool:
        return not self._reading.done()

    async def predict(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer for each row. Raises BadParameters, which names the bad row, or PredictorFailed."""
        if not self.alive:
            raise PredictorFailed("The model's process has ended.")
        assert self._process.stdin is not None
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._process.stdin.write(msgspec.json.encode({"id": number, "rows": rows}) + b"\n")
            await self._process.stdin.drain()
            answer = await asyncio.wait_for(waiting, _ANSWER_SECONDS)
        except TimeoutError:
            # Whatever holds it up would hold up all that follow.
            self._process.kill()
            raise PredictorFailed(f"The model did not answer within {_ANSWER_SECONDS:.0f} s.") from None
        except ConnectionError:
            raise PredictorFailed("The model's process has ended.") from None
        finally:
            self._waiting.pop(number, None)
        if answer.problem is not None:
            kind = BadParameters if answer.problem.code in ("bad_parameters", "bad_table") else PredictorFailed
            raise kind(answer.problem.message, hint=answer.problem.hint)
        return answer.predictions or []

    async def close(self) -> None:
        """Answer what was asked, then end."""
        with contextlib.suppress(Exception):
            await asyncio.gather(*self._waiting.values(), return_exceptions=True)
        await _end(self._process)
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                answer = msgspec.json.decode(line, type=_Answer)
                waiting = self._waiting.get(answer.id or 0)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (msgspec.DecodeError, ValueError) as problem:
            logger.error("A model wrote something else than its answer: %s.", problem)
            self._process.kill()
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(PredictorFailed("The model's process ended while it was asked."))


def _cannot_load(problem: _Problem | None) -> Exception:
    if problem is None:
        return PredictorFailed("The model could not be loaded.")
    if problem.code in ("trainer_not_found", "trainer_unavailable", "bad_parameters"):
        return ModelCannotPredict(problem.message, hint=problem.hint)
    return PredictorFailed(problem.message, hint=problem.hint)


async def _end(process: Process) -> None:
    """Let it end with its input; kill it if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _CLOSE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
