"""Waiting for what a publisher or a reader does, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from live import PATIENCE


class Bell:
    """Rung whenever something has moved."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def until(
        self, holds: Callable[[], bool], what: Callable[[], str] | str, *, patience: float = PATIENCE
    ) -> None:
        """Wait until `holds()`; looked at each time that the bell is rung."""
        try:
            async with asyncio.timeout(patience):
                while not holds():
                    self._rung.clear()
                    await self._rung.wait()
        except TimeoutError:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"Waited {patience:.0f} s in vain for {said}.") from None
