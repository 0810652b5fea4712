"""A command, and what the run answers to it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsetrain.model.events import Event
from pulsetrain.model.runs import FINAL

from . import calls
from .answers import Answer, News
from .plan import Part, Plan, Say, ask, through
from .reader import Pace, Reader


def obeyed(run: str, command: str, arguments: Mapping[str, Any], *, wait: bool, pace: Pace | None) -> Plan[Answer]:
    """Ask the run for `command`, and say once what came of it; at once, and not answered yet, unless it shall `wait`.

    Restarts of the server are waited out. Raises what a request raises.
    """
    # The answer may be in the log before the request's own answer is here: it is looked for from before both.
    before = yield from ask(calls.run(run))
    id = yield from ask(calls.command(run, command, arguments))
    open_ = Answer(id, command)
    if not wait:
        yield Say(open_)
        return
    over = False

    def each(news: News) -> Part[Answer, bool]:
        nonlocal over
        found = None if news.event is None else _answer(news.event, open_)
        if found is None and news.about == "reset":
            found = open_  # the log has another life, or no longer holds the answer
        if found is not None and not over:
            over = True
            yield Say(found)
        return not over

    reader = Reader(before.cursor, runs=[run], types=["command.*", "run.status"], patient=True, pace=pace)
    yield from through(reader.plan(), each)


def _answer(event: Event, asked: Answer) -> Answer | None:
    """What `event` says of the command; None if nothing."""
    data = event.data
    if event.type == "run.status" and data["state"] in FINAL:
        # An answer comes before the end, so there will be none.
        return Answer(asked.id, asked.command, False, reason=f"The run has {data['state']}.")
    if event.type not in ("command.applied", "command.rejected") or data["id"] != asked.id:
        return None
    return Answer(
        asked.id,
        asked.command,
        event.type == "command.applied",
        data.get("step"),
        data.get("how"),
        data.get("details"),
        data.get("reason"),
    )
