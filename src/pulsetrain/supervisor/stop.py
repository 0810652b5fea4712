"""How a run is stopped: politely, then firmly, then by force. Pure: times in, actions out."""

from __future__ import annotations

from typing import Literal

Action = Literal["ask", "SIGTERM", "SIGKILL"]

_LAST_WORD = 2.0
"""Seconds between SIGTERM and SIGKILL for a run that did not reach its safe point within the grace."""


class Stopping:
    """One stop. With the SDK in the process: ask, after the grace SIGTERM, and SIGKILL soon after. Else SIGTERM, then
    SIGKILL.
    """

    def __init__(self, now: float, grace_seconds: float, *, cooperative: bool) -> None:
        if cooperative and grace_seconds > 0:
            last = grace_seconds + min(_LAST_WORD, grace_seconds)
            self._plan: list[tuple[float, Action]] = [(0, "ask"), (grace_seconds, "SIGTERM"), (last, "SIGKILL")]
        elif grace_seconds > 0:
            self._plan = [(0, "SIGTERM"), (grace_seconds, "SIGKILL")]
        else:
            self._plan = [(0, "SIGKILL")]
        self._plan = [(now + after, action) for after, action in self._plan]
        self.sent: Action | None = None
        """The firmest thing done so far."""

    @property
    def next_at(self) -> float | None:
        """When something is to be done next; None if all is done."""
        return self._plan[0][0] if self._plan else None

    def due(self, now: float) -> list[Action]:
        """What is to be done by now, in order. Each action comes once."""
        actions: list[Action] = []
        while self._plan and self._plan[0][0] <= now:
            actions.append(self._plan.pop(0)[1])
        if actions:
            self.sent = actions[-1]
        return actions

    def hurry(self, now: float) -> None:
        """Somebody is out of patience: the next step comes now."""
        if self._plan:
            first = self._plan[0][0]
            self._plan = [(min(at, at - first + now), action) for at, action in self._plan]
