"""`pulsetrain up`: the server and its page."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from pulsetrain.core.settings import DEFAULT_PORT, MIB, Settings
from pulsetrain.sdk.folder import home

from .sizes import indices_of, size_of

console = Console(highlight=False)


def up(
    host: Annotated[str, typer.Option(help="Address to listen on. Anything but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = DEFAULT_PORT,
    data: Annotated[Path | None, typer.Option(help="Folder for the log, data sets and results.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page when the server is ready.")] = True,
    slots: Annotated[int, typer.Option(min=1, max=64, help="How many runs train at the same time.")] = 1,
    cores: Annotated[
        float | None, typer.Option(min=0.1, help="Cores that they share.", show_default="those of the machine")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory that they share, such as 16G.", show_default="that of the machine")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(help="GPUs that they share, such as 0,1; or none.", show_default="all")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="PULSETRAIN_TOKEN", help="Secret that clients must show. Better given by the environment."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host name under which browsers reach this server.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of a page of yours that embeds this server, such as https://lab.example."),
    ] = None,
    trainers: Annotated[list[str] | None, typer.Option(help="Module or file with trainers of your own.")] = None,
    allow_commands: Annotated[
        bool, typer.Option(help="Let runs be any command also where others than this machine reach the server.")
    ] = False,
    upload_limit: Annotated[int, typer.Option(min=1, help="Largest upload, in MiB.")] = 512,
    data_path: Annotated[
        list[Path] | None,
        typer.Option(help="Folder whose files may become data sets where they are; may be given several times."),
    ] = None,
    durability: Annotated[
        Literal["full", "normal"], typer.Option(help="full: safe from power loss; normal: safe from crashes.")
    ] = "full",
    samples: Annotated[bool, typer.Option(help="Make sample data sets in a new data folder.")] = True,
    stop_runs: Annotated[
        bool, typer.Option(help="Stop the runs when the server ends. Otherwise they go on without it.")
    ] = False,
) -> None:
    """Start the server; Ctrl-C ends it. Runs go on and are picked up again at the next start."""
    from pulsetrain.http.auth import require_token
    from pulsetrain.http.origin import origin
    from pulsetrain.server import run_server

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    require_token(host, token)
    settings = Settings(
        data=(data or home() / "data").absolute(),
        host=host,
        port=port,
        slots=slots,
        cores=cores,
        memory_bytes=None if memory is None else size_of(memory),
        gpus=None if gpus is None else indices_of(gpus),
        token=token,
        allowed_hosts=tuple(allow_host or ()),
        allowed_origins=tuple(origin(one) for one in allow_origin or ()),
        upload_limit=upload_limit * MIB,
        data_paths=tuple(folder.absolute() for folder in data_path or ()),
        durability=durability,
        stop_runs_on_exit=stop_runs,
        samples=samples,
        # Runs work in folders of their own.
        allow_commands=allow_commands,
        trainer_modules=tuple(str(Path(one).absolute()) if one.endswith(".py") else one for one in trainers or ()),
    )

    run_server(settings, lambda url: _ready(url, settings.data, browser))
    console.print(
        "pulsetrain has ended." if stop_runs else "pulsetrain has ended. Runs go on; `pulsetrain up` shows them again."
    )


def _ready(url: str, data: Path, browser: bool) -> None:
    console.print(f"\n  [bold]pulsetrain[/] is ready at [bold blue underline]{url}[/]")
    console.print(f"  data in {data}   [dim]Ctrl-C ends the server[/]\n")
    if browser and _has_screen():
        # In a thread: some browsers come back only when the person closes them, and this page needs the server.
        threading.Thread(target=_open, args=(url,), name="browser", daemon=True).start()


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or os.uname().sysname == "Darwin"


def _open(url: str) -> None:
    with contextlib.suppress(webbrowser.Error):  # there is none; the address is printed
        webbrowser.open(url)
