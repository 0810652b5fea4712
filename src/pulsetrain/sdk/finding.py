"""Which run somebody means."""

from __future__ import annotations

from collections.abc import Sequence

from pulsetrain.model.errors import RunNotFound
from pulsetrain.model.runs import Run

MOST = 10_000
"""Among so many of the newest runs one is sought."""


def meant(runs: Sequence[Run], text: str) -> Run:
    """The run with this id, with the only id that begins so, or the newest with this name. Raises RunNotFound."""
    exact = next((run for run in runs if run.id == text), None)
    named = next((run for run in runs if run.name == text), None)
    if exact or named:
        return exact or named  # type: ignore[return-value]  # one of them is a run
    begins = [run for run in runs if text and (run.id.startswith(text) or run.id.startswith(f"r_{text}"))]
    if len(begins) == 1:
        return begins[0]
    if begins:
        which = ", ".join(f"{run.id} ({run.name})" for run in begins[:5])
        raise RunNotFound(f"{len(begins)} runs have an id that begins with {text!r}: {which}.", hint="Say more of it.")
    raise RunNotFound(f"There is no run {text!r}.", hint="`pulsetrain ls` lists the runs.")
