"""How a file is sent: at once where it is small, else in pieces that go on after a break. A plan, without I/O."""

from __future__ import annotations

from pathlib import Path

from . import calls
from .answers import Dataset, Refused, Unreachable
from .plan import Pause, Plan, Say, ask

ONE_PIECE = 8 * 1024 * 1024
_TRIES = 8
_LONGEST_PAUSE = 10.0


def upload(file: Path, size: int, replace: str | None) -> Plan[Dataset]:
    """Send `file` of `size` bytes and say what it has become. Gives up after a minute without a server."""
    if size <= ONE_PIECE:
        yield Say((yield from ask(calls.upload(file, replace))))
        return
    begun = yield from ask(calls.begin_upload(file.name, size, replace))
    offset, tries = 0, 0
    while True:
        length = min(begun.chunk_bytes, size - offset)
        try:
            dataset = yield from ask(calls.piece(begun.id, file, offset, length))
        except (Unreachable, Refused) as problem:
            # No server now, or it still holds on to a connection of ours that broke: it says where to go on.
            if tries == _TRIES or not (isinstance(problem, Unreachable) or problem.reason == "upload_offset"):
                raise
            yield Pause(min(0.25 * 2**tries, _LONGEST_PAUSE))
            tries += 1
            try:
                offset = (yield from ask(calls.upload_state(begun.id))).offset
            except Unreachable:
                continue
        else:
            offset, tries = offset + length, 0
            if dataset is not None:
                yield Say(dataset)
                return
