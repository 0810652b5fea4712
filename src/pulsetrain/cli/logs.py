"""`pulsetrain logs RUN`: what a run has printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from .terminal import AsJson, Url, note, print_json, print_line

if TYPE_CHECKING:
    from pulsetrain.sdk.client import Client, LogLine

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
            _print(_new(client, id, cursor, known[-1].seq if known else 0), as_json)


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


def _new(client: Client, run: str, cursor: str, seen: int) -> Iterator[LogLine]:
    """The lines that come after `cursor`, until the run has ended."""
    from pulsetrain.sdk.client import LogLine

    if not client.run(run).run.active:
        # It may have said something between the two answers.
        yield from (line for line in _known(client, run, None)[1] if line.seq > seen)
        return
    for news in client.events(cursor, runs=[run], types=["run.log", "run.status"]):
        if news.about == "reset":
            lines = [line for line in _known(client, run, None)[1] if line.seq > seen]
            yield from lines
            seen = max([seen, *(line.seq for line in lines)])
        elif news.about == "offline":
            note.print(f"Offline: {news.detail} Trying again in {news.retry_seconds:.0f} s …", style="yellow")
        elif news.event is not None and news.event.type == "run.log":
            seen = news.event.seq
            for line in news.event.data["lines"]:
                yield msgspec.convert({**line, "seq": seen}, LogLine)
        if news.event is not None and news.event.type == "run.status" and not client.run(run).run.active:
            return


def _print(lines: Iterable[LogLine], as_json: bool) -> None:
    for line in lines:
        if as_json:
            print_json(line)
        else:
            print_line(line.text, _STYLES.get(line.level or "", ""))
