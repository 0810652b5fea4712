"""`pulsetrain logs RUN`: what a run has printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pulsetrain.model.cursor import parse_cursor
from pulsetrain.model.runs import ENDED

from .terminal import AsJson, Url, note, print_json, print_line

if TYPE_CHECKING:
    from pulsetrain.sdk.answers import LogLine
    from pulsetrain.sdk.client import Client

_PAGE = 10_000
_STYLES = {"error": "red", "warning": "yellow", "debug": "dim"}


def logs(
    run: Annotated[str, typer.Argument(help="Id, the beginning of an id, or name.", metavar="RUN")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until the run ends.")] = False,
    lines: Annotated[int | None, typer.Option("--lines", "-n", min=0, help="Only the last so many.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Print what a run has printed."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        id = client.find_run(run).id
        cursor, known = _known(client, id, lines)
        _print(known, as_json)
        if follow:
            _print(_new(client, id, cursor), as_json)


def _known(client: Client, run: str, count: int | None) -> tuple[str, list[LogLine]]:
    """The last `count` lines (None: all) and the cursor after which new ones come."""
    wanted = 2**62 if count is None else count
    page = client.logs(run, limit=max(1, min(_PAGE, wanted)))
    cursor, pages, have = page.cursor, [page.lines], len(page.lines)
    while page.before is not None and have < wanted:
        page = client.logs(run, before=page.before, limit=_PAGE)
        pages.append(page.lines)
        have += len(page.lines)
    lines = [line for lines in reversed(pages) for line in lines]
    return cursor, lines[max(0, len(lines) - wanted) :]


def _new(client: Client, run: str, cursor: str) -> Iterator[LogLine]:
    """The lines that come after `cursor`, until the run has ended."""
    from pulsetrain.sdk.answers import LogLine

    seen = _seq(cursor)
    while client.run(run).run.active:
        for news in client.events(cursor, runs=[run], types=["run.log", "run.status"], patient=True):
            if news.about == "reset":
                break
            if news.about == "offline":
                note.print(f"Offline: {news.detail} Trying again in {news.retry_seconds:.0f} s …", style="yellow")
            elif news.event is not None and news.event.type == "run.log":
                seen = news.event.seq
                yield from (msgspec.convert({**line, "seq": seen}, LogLine) for line in news.event.data["lines"])
            elif news.event is not None and news.event.data.get("state") in ENDED:
                return
        # The stream has lost its place: what it skipped is in the snapshot.
        cursor, lines = _known(client, run, None)
        yield from (line for line in lines if line.seq > seen)
        seen = _seq(cursor)
    # It may have said something between the two answers.
    yield from (line for line in _known(client, run, None)[1] if line.seq > seen)


def _seq(cursor: str) -> int:
    position = parse_cursor(cursor)
    return position.seq if position else 0


def _print(lines: Iterable[LogLine], as_json: bool) -> None:
    for line in lines:
        if as_json:
            print_json(line)
        else:
            text = line.text if line.rank is None else f"[rank {line.rank}] {line.text}"
            print_line(text, _STYLES.get(line.level or "", ""))
