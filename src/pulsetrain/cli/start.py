"""`pulsetrain start TRAINER --data FILE …`: have the server start a run. The trainer's parameters are the flags."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pulsetrain.model.errors import BadParameters, BadRequest, DatasetNotFound, PulsetrainError, TrainerNotFound
from pulsetrain.model.parameters import from_text, validate
from pulsetrain.model.trainers import Trainer

from . import show
from .sizes import size_of
from .terminal import AsJson, Url, note, out, print_json
from .watching import Watch, watchdogs_of

if TYPE_CHECKING:
    from pulsetrain.sdk.answers import Dataset, Snapshot
    from pulsetrain.sdk.client import Client

CONTEXT: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""What is no option of ours is a flag of the trainer."""


def start(
    context: typer.Context,
    trainer: Annotated[str | None, typer.Argument(help="What to train, for instance tabular-gan.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="A CSV, JSONL or Parquet file, or the id of a data set.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the run.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be given several times.")] = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on from this run's checkpoint.")] = None,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Runs of higher priority start first.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="How often it is tried again when it fails.")] = 0,
    cores: Annotated[float | None, typer.Option(help="Cores that it takes.", show_default="the trainer's")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory that is set aside for it, such as 8G.")] = None,
    gpus: Annotated[
        int | None, typer.Option(min=0, help="How many GPUs it takes.", show_default="the trainer's")
    ] = None,
    gpu: Annotated[list[int] | None, typer.Option(min=0, help="Take this one; may be given several times.")] = None,
    watchdogs: Watch = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch it until it ends, and end as it did.")] = False,
    url: Url = None,
    as_json: AsJson = False,
    help: Annotated[bool, typer.Option("--help", "-h", help="Show this, and the flags of TRAINER.")] = False,
) -> None:
    """Start a run: pulsetrain start tabular-gan --data wine.csv --epochs 50 --follow."""
    from pulsetrain.sdk.client import Client

    if help or trainer is None:
        _help(context, trainer, url)
        raise typer.Exit(0 if help else 2)
    with Client(url, name="cli") as client:
        chosen = choose(client, trainer)
        parameters = flags(chosen, context.args)
        resumed = client.find_run(resume).id if resume is not None else None
        if chosen.data is not None and data is None:
            raise BadRequest(f"{chosen.title} needs data.", hint="Say which: --data FILE.csv, or --data ID.")
        dataset = _dataset(client, data, quiet=as_json) if data is not None else None
        started = client.start(
            chosen.name,
            dataset=dataset,
            parameters=parameters,
            name=name,
            tags=tag or (),
            resume_from=resumed,
            priority=priority,
            retries=retries,
            resources=_resources(cores, memory, gpus, gpu),
            watchdogs=watchdogs_of(watchdogs) if watchdogs else None,
        )
        if not follow:
            told(started, as_json)
            return
        from .watch import follow as watch

        if not as_json:
            note.print(f"Started {started.run.name} ({started.run.id})", style="dim")
        ended = watch(client, started.run.id, as_json=as_json)
    raise typer.Exit(show.exit_code(ended))


def flags(trainer: Trainer, words: Sequence[str], *, complete: bool = True) -> dict[str, Any]:
    """The parameters that the flags in `words` give, checked; without the defaults, which the server adds.

    They must be `complete`, unless they only change others.

    `--batch-size 500`, `--batch-size=500`, `--augment` and `--no-augment` are understood. Raises BadParameters.
    """
    properties: dict[str, Any] = trainer.parameters.get("properties", {})
    texts: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            raise BadParameters(f"What is {word!r}?", hint="Flags look like --epochs 50.")
        flag, given, text = word[2:].partition("=")
        name, rule = _parameter(trainer, flag)
        if name in texts:
            raise BadParameters(f"--{flag} is given twice.", hint="Say it once.")
        if given:
            texts[name] = text
        elif name not in (flag, flag.replace("-", "_")):
            texts[name] = "false"
        elif "boolean" in str(rule.get("type")) and (not left or left[0].startswith("--")):
            texts[name] = "true"
        elif left:
            texts[name] = left.pop(0)
        else:
            raise BadParameters(f"--{flag} needs a value.", hint=_usage(trainer))
    try:
        parameters = from_text(trainer.parameters, texts)
        validate({**trainer.parameters, "required": []}, parameters)
        missing = [name for name in trainer.parameters.get("required", ()) if name not in parameters]
    except BadParameters as problem:
        raise BadParameters(problem.message, hint=_usage(trainer)) from None
    if missing and complete:
        raise BadParameters(f"{trainer.title} needs {', '.join(map(_flag, missing))}.", hint=_usage(trainer))
    return {name: value for name, value in parameters.items() if name in properties}


def _parameter(trainer: Trainer, flag: str) -> tuple[str, dict[str, Any]]:
    """The parameter that a flag means; `no-x` means x where x is true or false."""
    properties: dict[str, Any] = trainer.parameters.get("properties", {})
    for name in (flag, flag.replace("-", "_")):
        if name in properties:
            return name, properties[name]
    negated = flag.removeprefix("no-").replace("-", "_")
    if flag.startswith("no-") and "boolean" in str(properties.get(negated, {}).get("type")):
        return negated, properties[negated]
    known = ", ".join(map(_flag, properties)) or "none"
    raise BadParameters(f"{trainer.title} has no flag --{flag}. It takes: {known}.", hint=_usage(trainer))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _usage(trainer: Trainer) -> str:
    return f"See `pulsetrain start {trainer.name} --help`."


def choose(client: Client, name: str) -> Trainer:
    """The trainer called `name`. Raises TrainerNotFound."""
    if name.startswith("-"):
        raise TrainerNotFound(f"The trainer comes before its flags: {name} stands in its place.", hint=_EXAMPLE)
    known = client.trainers()
    found = next((trainer for trainer in known if trainer.name == name), None)
    if found is None:
        names = ", ".join(trainer.name for trainer in known) or "none"
        raise TrainerNotFound(f"The server has no trainer {name!r}. It has: {names}.", hint=_EXAMPLE)
    return found


_EXAMPLE = "For instance: pulsetrain start tabular-gan --data wine.csv --epochs 50"


def _dataset(client: Client, data: str, *, quiet: bool) -> str:
    """The id of the data set that `data` means; a file is uploaded unless the server has the same one already."""
    known = client.datasets()
    path = Path(data)
    if path.is_file():
        return _uploaded(client, path, known, quiet=quiet)
    if any(dataset.id == data for dataset in known):
        return data
    if path.suffix or path.parent != Path():
        hint = f"Data sets on the server: {', '.join(dataset.id for dataset in known) or 'none'}."
        raise DatasetNotFound(f"There is no file {data!r} here, and no such data set on the server.", hint=hint)
    ids = ", ".join(dataset.id for dataset in known) or "none"
    raise DatasetNotFound(f"The server has no data set {data!r}.", hint=f"It has: {ids}. A file works too.")


def _uploaded(client: Client, path: Path, known: Sequence[Dataset], *, quiet: bool) -> str:
    try:
        with path.open("rb") as stream:
            digest = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
        same = next((dataset for dataset in known if dataset.digest == digest), None)
        if same is not None:
            return same.id
        if not quiet:
            note.print(f"Uploading {path.name} ({show.size(path.stat().st_size)}) …", style="dim")
        return client.upload(path).id
    except OSError as problem:
        raise PulsetrainError(f"{path} cannot be read: {problem.strerror or problem}.") from None


def _resources(
    cores: float | None, memory: str | None, gpus: int | None, gpu: list[int] | None
) -> dict[str, Any] | None:
    said = {
        "cores": cores,
        "memory_bytes": None if memory is None else size_of(memory),
        "gpus": gpus,
        "gpu_indices": gpu or None,
    }
    return {name: value for name, value in said.items() if value is not None} or None


def told(started: Snapshot, as_json: bool) -> None:
    """Say which run there is now."""
    if as_json:
        print_json(started)
    else:
        run = started.run
        out.print(Text.assemble("Started ", (run.name, "bold"), f" ({run.id}), {run.state}."))
        note.print(f"See it: pulsetrain watch {run.id}", style="dim")


def _help(context: typer.Context, trainer: str | None, url: str | None) -> None:
    """The command's own help, and the trainer's flags if a server can be asked."""
    from pulsetrain.sdk.client import Client

    typer.echo(context.get_help())
    try:
        with Client(url, name="cli", timeout_seconds=5.0) as client:
            chosen = [choose(client, trainer)] if trainer is not None else []
            names = [known.name for known in client.trainers()]
    except PulsetrainError as problem:
        note.print(f"The flags of trainers come from the server: {problem.message}", style="dim")
        return
    for shown in chosen:
        out.print(_flag_table(shown))
    if not chosen:
        out.print(f"Trainers of the server: {', '.join(names) or 'none'}")


def _flag_table(trainer: Trainer) -> Table:
    table = Table(title=f"Flags of {trainer.name}", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for heading in ("FLAG", "TYPE", "DEFAULT", ""):
        table.add_column(heading)
    for name, rule in trainer.parameters.get("properties", {}).items():
        kind = " | ".join(map(str, rule["enum"])) if "enum" in rule else str(rule.get("type", ""))
        about = rule.get("description") or rule.get("title") or ""
        default = "" if rule.get("default") is None else str(rule["default"])
        table.add_row(Text(_flag(name)), Text(f"{kind} {_bounds(rule)}".strip()), Text(default), Text(about))
    return table


def _bounds(rule: dict[str, Any]) -> str:
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    return f"from {low:,}" if low is not None else f"up to {high:,}" if high is not None else ""
