"""The trainers that this server can start. They are described by a process of their own.

So the server imports no learning library and no user code, and a broken module cannot break it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from pulsetrain.model.errors import TrainerNotFound, TrainerUnavailable
from pulsetrain.model.parameters import validate
from pulsetrain.model.trainers import Trainer

logger = logging.getLogger(__name__)

_DESCRIBE_SECONDS = 60.0
COMMAND = "command"
"""The trainer that runs any command line."""
_NO_COMMANDS = (
    "Commands are off, because others than this machine can reach this server: whoever may start runs could do "
    "anything here. Start it with `pulsetrain up --allow-commands` if that is meant."
)


class Trainers:
    """The known trainers by name."""

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self._by_name = {trainer.name: trainer for trainer in trainers}

    def all(self) -> list[Trainer]:
        return list(self._by_name.values())

    def get(self, name: str) -> Trainer:
        """The trainer called `name`. Raises TrainerNotFound."""
        trainer = self._by_name.get(name)
        if trainer is None:
            known = ", ".join(sorted(self._by_name)) or "none"
            raise TrainerNotFound(f"There is no trainer {name!r}. Known: {known}.")
        return trainer

    def ready(self, name: str, parameters: dict[str, Any]) -> tuple[Trainer, dict[str, Any]]:
        """The trainer, and `parameters` checked and completed with its defaults.

        Raises TrainerNotFound, TrainerUnavailable or BadParameters.
        """
        trainer = self.get(name)
        if not trainer.available:
            raise TrainerUnavailable(f"The trainer {name!r} cannot run here.", hint=trainer.problem or "")
        return trainer, validate(trainer.parameters, parameters)


def without_commands(trainers: Sequence[Trainer]) -> list[Trainer]:
    """`trainers`, of which the one that runs any command is there to be seen, and may not be used.

    Whoever may start runs could otherwise do with this machine what its owner can.
    """
    return [
        msgspec.structs.replace(one, available=False, problem=_NO_COMMANDS) if one.name == COMMAND else one
        for one in trainers
    ]


async def describe(modules: Sequence[str] = ()) -> list[Trainer]:
    """All trainers that this Python installation has, and those in `modules`.

    When the describing process fails, what it said is logged and the server goes on without trainers.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pulsetrain.trainers.describe",
        *(word for module in modules for word in ("--trainers", module)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), _DESCRIBE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        logger.error("The trainers did not describe themselves within %.0f s.", _DESCRIBE_SECONDS)
        return []
    if process.returncode != 0:
        logger.error("The trainers could not be described:\n%s", errors.decode(errors="replace"))
        return []
    return msgspec.json.decode(output, type=list[Trainer])
