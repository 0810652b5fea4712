"""`pulsetrain watch RUN`: a run, live, until it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pulsetrain.model.runs import Run

from . import show
from .terminal import AsJson, Url, note, out, print_json

if TYPE_CHECKING:
    from pulsetrain.sdk.answers import News
    from pulsetrain.sdk.client import Client

_LINES = 5
_METRICS = 12


def watch(
    run: Annotated[str, typer.Argument(help="Id, the beginning of an id, or name.", metavar="RUN")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Watch a run until it ends, and end as it did: 0, its return code, or 130 if it was stopped."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        ended = follow(client, client.find_run(run).id, as_json=as_json)
    raise typer.Exit(show.exit_code(ended))


def follow(client: Client, run: str, *, as_json: bool = False) -> Run:
    """Show `run` until it has ended: events as JSON lines, a live picture on a terminal, or lines in a pipe."""
    try:
        if as_json:
            return _follow_json(client, run)
        ended = _follow_live(client, run) if out.is_terminal else _follow_plain(client, run)
    except KeyboardInterrupt:
        note.print(f"\nThe run goes on. See it again: pulsetrain watch {run}", style="dim")
        raise
    out.print(summary(ended), soft_wrap=True)
    return ended


def summary(run: Run) -> Text:
    """How a run ended and what it made, in some lines."""
    told = Text.assemble((f"{show.MARKS[run.state]} {run.name} {run.state}", f"bold {show.STYLES.get(run.state, '')}"))
    ran = show.elapsed(run, time.time())
    told.append(f" after {show.duration(ran)}" if ran is not None else "")
    told.append(f" ({run.ended_by})" if run.ended_by and run.ended_by != "itself" else "")
    for reason in dict.fromkeys(filter(None, (run.message, run.last_error if run.state == "failed" else None))):
        told.append(f"\n  {reason}")
    for artifact in run.artifacts:
        told.append(f"\n  {artifact.name}  {show.size(artifact.size)}", "dim")
    return told


def _follow_json(client: Client, run: str) -> Run:
    """The run as it is, its events, and the run as it ended: one JSON object a line."""
    state = None
    for state, news in client.follow(run):
        if news.event is not None:
            print_json(news.event)
        elif news.about in ("live", "reset"):
            print_json({"cursor": news.cursor, "run": state})
    assert state is not None
    print_json({"run": state})
    return state


def _follow_plain(client: Client, run: str) -> Run:
    """A line for each new state, stage and percent, and the lines of errors."""
    said: tuple[str, str, str] = ("", "", "")
    counted = 0
    state = None
    for state, news in client.follow(run):
        percent = "" if state.progress is None or state.progress.percent is None else f"{state.progress.percent:.0f}"
        now = (state.state, state.stage or "", percent)
        if now != said:
            said = now
            words = [state.stage if state.state == "running" and state.stage else state.state, show.progress(state)]
            count = sum(metric.count for metric in state.metrics.values())
            metrics = list(state.metrics.items())[:_METRICS] if count != counted else []
            counted = count
            values = [f"{key} {show.number(metric.last)}" for key, metric in metrics]
            print(f"{state.name}: " + " · ".join(filter(None, [*words, *values])), flush=True)
        if news.about in ("offline", "online"):
            note.print(_connection(news), style="yellow")
    assert state is not None
    return state


def _follow_live(client: Client, run: str) -> Run:
    picture = _Picture()
    with Live(get_renderable=picture.render, console=out, refresh_per_second=8, transient=True):
        for state, news in client.follow(run):
            picture.update(state, news)
    return picture.run


class _Picture:
    """What the terminal shows. Rendered some times a second by a thread of its own, whatever comes in."""

    run: Run

    def __init__(self) -> None:
        self._ready = False
        self._connection = ""
        self._lines: list[str] = []

    def update(self, run: Run, news: News) -> None:
        self.run, self._ready = run, True
        if news.about == "offline":
            self._connection = _connection(news)
        elif news.about == "online":
            self._connection = ""
        if news.event is not None and news.event.type == "run.log":
            new = [line["text"] for line in news.event.data["lines"][-_LINES:]]
            self._lines = [*self._lines, *new][-_LINES:]

    def render(self) -> RenderableType:
        if not self._ready:
            return Text("Connecting …", "dim")
        run = self.run
        parts: list[RenderableType] = [self._head(run), _stages(run), _bar(run)]
        if run.metrics:
            parts.append(_metrics(run))
        if run.system:
            parts.append(_hardware(run))
        parts += [Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in self._lines]
        if self._connection:
            parts.append(Text(self._connection, "yellow"))
        elif not run.responsive:
            parts.append(Text("The run does not respond; it heals when data returns.", "yellow"))
        return Group(*parts)

    def _head(self, run: Run) -> Text:
        ran = show.elapsed(run, time.time())
        return Text.assemble(
            (run.name, "bold"),
            "  ",
            (f"{show.MARKS[run.state]} {run.state}", show.STYLES.get(run.state, "")),
            f"  {show.duration(ran)}" if ran is not None else "",
            "  stopping …" if any(command.command == "stop" for command in run.commands) else "",
        )


def _stages(run: Run) -> Text:
    return Text("  ").join(
        Text(f"{show.MARKS.get(stage.state, '○')} {stage.name}", show.STYLES.get(stage.state, "dim"))
        for stage in run.stages
    )


def _bar(run: Run) -> RenderableType:
    percent = run.progress.percent if run.progress else None
    line = Table.grid(padding=(0, 1))
    line.add_row(
        ProgressBar(total=100, completed=percent or 0, width=32, pulse=percent is None and run.active),
        Text(show.progress(run)),
    )
    return line


def _metrics(run: Run) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("metric")
    for name in ("last", "min", "max", "step"):
        table.add_column(name, justify="right")
    for key, metric in list(run.metrics.items())[:_METRICS]:
        bounds = ("" if bound is None else show.number(bound) for bound in (metric.min, metric.max))
        table.add_row(Text(key), show.number(metric.last), *bounds, "" if metric.step is None else str(metric.step))
    return table


def _hardware(run: Run) -> Text:
    system = run.system or {}
    parts = []
    if system.get("cpu_percent") is not None:
        parts.append(f"CPU {system['cpu_percent']:.0f} %")
    if system.get("memory_bytes") is not None:
        parts.append(f"memory {show.size(system['memory_bytes'])}")
    for gpu in system.get("gpu") or ():
        used = "" if gpu.get("utilization_percent") is None else f" {gpu['utilization_percent']:.0f} %"
        parts.append(f"{gpu.get('name', 'GPU')}{used}")
    return Text(" · ".join(parts), "dim")


def _connection(news: News) -> str:
    if news.about == "online":
        return "Online again."
    return f"Offline: {news.detail} Trying again in {news.retry_seconds:.0f} s …"
