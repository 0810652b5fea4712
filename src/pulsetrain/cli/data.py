"""`pulsetrain data`: the data sets of the server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pulsetrain.model.errors import PulsetrainError

from . import show
from .terminal import AsJson, Url, note, out, print_json

GROUP = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="The data sets: list, add, look, remove."
)
Id = Annotated[str, typer.Argument(help="The data set's id, as `pulsetrain data ls` shows it.")]


@GROUP.command()
def ls(url: Url = None, as_json: AsJson = False) -> None:
    """List the data sets."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        found = client.datasets()
    if as_json:
        print_json(found)
    elif not found:
        note.print("No data sets yet. Add one: pulsetrain data add FILE.csv")
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("ID", "FORMAT", "ROWS", "COLUMNS", "SIZE", "VERSION", "CHANGED", ""):
            table.add_column(name, overflow="fold")
        for one in found:
            known = ["" if count is None else f"{count:,}" for count in (one.rows, one.columns)]
            changed = show.ago(one.updated_at or one.created_at, time.time()) if one.created_at else ""
            wrong = (
                "cannot be used" if one.problem else f"{one.problems_total} rows wrong" if one.problems_total else ""
            )
            form = "examples" if one.task == "nlu" else one.format
            table.add_row(one.id, form, *known, show.size(one.size), str(one.version), changed, Text(wrong, "yellow"))
        out.print(table)


@GROUP.command()
def add(
    files: Annotated[list[str], typer.Argument(help="CSV, JSONL or Parquet files.", metavar="FILE")],
    replace: Annotated[str | None, typer.Option(help="The data set whose next version the file is.")] = None,
    path: Annotated[
        bool, typer.Option("--path", help="The file lies on the server's machine and stays there (up --data-path).")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Upload files, or name files that the server can read where they are."""
    from pulsetrain.sdk.client import Client

    if replace is not None and (len(files) != 1 or path):
        raise PulsetrainError(
            "--replace takes one file, which is uploaded.", hint="Leave --path out, or name one file."
        )
    with Client(url, name="cli") as client:
        for file in files:
            try:
                found = client.register(str(Path(file).absolute())) if path else client.upload(file, replace=replace)
            except OSError as problem:
                raise PulsetrainError(f"{file} cannot be read: {problem.strerror or problem}.") from None
            if as_json:
                print_json(found)
            else:
                out.print(Text.assemble((found.id, "bold"), f" · version {found.version} · {found.rows or 0:,} rows"))


@GROUP.command(name="show")
def show_(id: Id, url: Url = None, as_json: AsJson = False) -> None:
    """Show one data set, and which of its rows have something wrong."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        found = client.dataset(id)
    if as_json:
        print_json(found)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("title", found.title),
        ("format", f"{found.format}{' · examples' if found.task == 'nlu' else ''}"),
        ("rows", "unknown" if found.rows is None else f"{found.rows:,} × {found.columns} columns"),
        ("size", show.size(found.size)),
        ("version", f"{found.version} · {found.digest}"),
    ):
        table.add_row(Text(name, "dim"), Text(value))
    out.print(table)
    if found.problem:
        out.print(Text(f"It cannot be used: {found.problem}", "yellow"))
    for one in found.problems:
        out.print(Text(f"row {one.row}: {one.message}", "yellow"))
    if found.problems_total > len(found.problems):
        note.print(f"The first {len(found.problems)} of {found.problems_total:,}.", style="dim")


@GROUP.command()
def rm(
    ids: Annotated[list[str], typer.Argument(help="Ids of data sets.", metavar="ID")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
) -> None:
    """Remove data sets with all their versions. Runs that used them keep their results."""
    from pulsetrain.sdk.client import Client

    if not yes:
        typer.confirm(f"Remove {', '.join(ids)} from the server?", abort=True)
    with Client(url, name="cli") as client:
        for id in ids:
            client.delete_dataset(id)
            out.print(Text.assemble("Removed ", (id, "bold")))
