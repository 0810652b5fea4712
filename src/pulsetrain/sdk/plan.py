"""What a client does, as steps without I/O.

A plan is a generator. It yields the steps that it wants done and is sent what came of each, or has the error thrown
in; what is for the user it yields as `Say`. `client.py` carries plans out with httpx's sync client, `async_client.py`
with the async one: all that is decided is written once, and is tested without a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pulsetrain.model.errors import PulsetrainError

from .calls import Call

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Ask:
    """Make the request; sent back: its answer."""

    call: Call[Any]


@dataclass(frozen=True)
class Listen:
    """Open an answer that is read in pieces, in place of the one that is open, if any."""

    call: Call[bytes]
    media_type: str | None = None
    """What the answer must be; anything where None."""
    answer_seconds: float | None = None
    """How long the head of the answer may take; the client's own patience where None."""
    silence_seconds: float | None = None
    """How long no piece may come."""


@dataclass(frozen=True)
class Read:
    """Sent back: the next piece of the open answer, or None at its end."""


@dataclass(frozen=True)
class HangUp:
    """Close the open answer."""


@dataclass(frozen=True)
class Pause:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Say(Generic[T]):
    """Hand `item` to the user."""

    item: T


Step: TypeAlias = Ask | Listen | Read | HangUp | Pause
Part: TypeAlias = Generator[Step | Say[T], Any, U]
"""A piece of a plan that says T and comes to U."""
Plan: TypeAlias = Generator[Step | Say[T], Any, None]


def ask(call: Call[U]) -> Generator[Step, Any, U]:
    """The step for `call`, with the type of its answer."""
    answer: U = yield Ask(call)
    return answer


def download(call: Call[bytes]) -> Plan[bytes]:
    """The body of an answer in pieces, however large."""
    yield Listen(call)
    while (piece := (yield Read())) is not None:
        yield Say(piece)


def through(plan: Plan[T], each: Callable[[T], Part[U, bool]]) -> Plan[U]:
    """`plan`, with `each` making what is said of what `plan` says, until `each` answers False."""
    try:
        step = next(plan)
        while True:
            if isinstance(step, Say):
                if not (yield from each(step.item)):
                    return
                step = next(plan)
                continue
            try:
                answer = yield step
            except PulsetrainError as problem:
                step = plan.throw(problem)
            else:
                step = plan.send(answer)
    except StopIteration:
        return
