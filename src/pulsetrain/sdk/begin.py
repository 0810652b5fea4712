"""`run = pulsetrain.init(…)`: where a run begins, under a supervisor or with one beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model.errors import BadParameters

from . import attach
from .folder import SpoolFolder
from .run import DEFAULT_URL, Run, active
from .values import plain, text
from .warn import say, warn_once


def init(
    *,
    project: str | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | Any | None = None,
    tags: Sequence[str] | None = None,
    watchdogs: Sequence[Mapping[str, Any]] | None = None,
) -> Run:
    """Begin to log this process as a run.

    Under a supervisor (`pulsetrain run -- …`, or started from the page) this is that run, and `project`, `name`,
    `tags` and `watchdogs` are those that it was given there. Otherwise a new run begins, and a supervisor is started
    beside this process.

    `watchdogs` are what the server shall look at, and do (`warn`, `pause` or `stop`) when it sees it:
    `{"kind": "diverges", "metric": "loss", "action": "stop"}`. Without them it warns of NaN in a loss and of a full
    disk.

    `config` is a mapping (or an `argparse.Namespace`) of the run's parameters; `run.param()` reads them. Never raises:
    without a server the run is kept on disk until `pulsetrain sync`, and where not even that is possible, a warning is
    all.
    """
    parameters: dict[str, Any] = {}
    try:
        parameters = _mapping(config)
        spool = os.environ.get("PULSETRAIN_SPOOL")
        if spool:
            known = next((run for run in active if run._folder is not None and str(run._folder.path) == spool), None)
            if known is not None:
                return known
            return _supervised(SpoolFolder(Path(spool)), parameters)
        for old in list(active):
            old.finish()
        return _attached(project, name, parameters, tags, watchdogs)
    except Exception as problem:  # noqa: BLE001  # whatever it is, training matters more
        warn_once("init", f"this run is not logged: {problem}")
        return Run(id=os.environ.get("PULSETRAIN_RUN", "r_"), folder=None, parameters=parameters)


def _supervised(folder: SpoolFolder, config: dict[str, Any]) -> Run:
    folder.create()
    parameters = {**config, **_spec_parameters()}
    return Run(
        id=os.environ.get("PULSETRAIN_RUN", ""),
        folder=folder,
        parameters=parameters,
        url=os.environ.get("PULSETRAIN_URL") or DEFAULT_URL,
    )


def _attached(
    project: str | None,
    name: str | None,
    config: dict[str, Any],
    tags: Sequence[str] | None,
    watchdogs: Sequence[Mapping[str, Any]] | None,
) -> Run:
    url = os.environ.get("PULSETRAIN_URL") or DEFAULT_URL
    begun = attach.begin(
        url,
        project=None if project is None else text(project),
        name=None if name is None else text(name),
        parameters=config,
        tags=[text(tag) for tag in tags or ()],
        watchdogs=None if watchdogs is None else _watchdogs(watchdogs),
    )
    run = Run(id=begun.id, folder=begun.folder, parameters=config, url=url)
    attach.start_supervisor(begun.folder)
    say(f"run {begun.id} → {run.url}")
    run._hooks = attach.Hooks(run._exited, run._printed)
    return run


def _watchdogs(wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """Those of every run where the server would refuse these: a slip here must not cost the whole record."""
    from pulsetrain.model.watchdogs import checked

    try:
        return checked(wanted)
    except BadParameters as problem:
        warn_once("watchdogs", f"{problem.message} {problem.hint}".strip())
        return None


def _spec_parameters() -> dict[str, Any]:
    path = os.environ.get("PULSETRAIN_SPEC")
    if not path:
        return {}
    found = msgspec.json.decode(Path(path).read_bytes())
    parameters: dict[str, Any] = found.get("parameters") or {}
    return parameters


def _mapping(config: Any) -> dict[str, Any]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        config = vars(config)
    return {text(key): plain(value) for key, value in config.items()}
