"""Each request that a client makes, described once: method, path, body, and the type of the answer. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from pulsetrain.model.trainers import Trainer

from .answers import (
    Dataset,
    LogPage,
    Page,
    QueuePage,
    RunList,
    SeriesPage,
    Snapshot,
    UploadState,
)

T = TypeVar("T")

_UPLOAD_SECONDS = 600.0


class Call(msgspec.Struct, Generic[T], frozen=True):
    """A request and what it is answered with."""

    method: str
    path: str
    kind: type[T]
    member: str | None = None
    """The member of the answer that is wanted; all of it where None."""
    query: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    body: Any = None
    file: Path | None = None
    """A file to upload in place of a body."""
    part: tuple[int, int] | None = None
    """Offset and length of what of `file` is the body; a form with all of it where None."""
    optional: bool = False
    """Whether the answer may be empty, which is None then."""
    seconds: float | None = None
    """How long the answer may take; the client's own patience where None."""

    def answer(self, body: bytes) -> T:
        """What `body` says. Raises msgspec.DecodeError."""
        if self.optional and not body:
            return None  # type: ignore[return-value]
        if self.member is not None:
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            if self.member not in members:
                raise msgspec.DecodeError(f"The answer has no {self.member!r}.")
            body = bytes(members[self.member])
        # Not strict, so that the names of non-finite numbers are read as those numbers where a number is wanted.
        return msgspec.json.decode(body, type=self.kind, strict=False)


def runs(limit: int) -> Call[RunList]:
    return Call("GET", "/api/runs", RunList, query={"limit": limit})


def run(id: str) -> Call[Snapshot]:
    return Call("GET", _run(id), Snapshot)


def start(
    trainer: str,
    *,
    dataset: str | None,
    parameters: Mapping[str, Any] | None,
    name: str | None,
    tags: Sequence[str],
    resume_from: str | None,
    priority: int,
    retries: int,
    resources: Mapping[str, Any] | None,
    watchdogs: Sequence[Mapping[str, Any]] | None,
) -> Call[Snapshot]:
    body: dict[str, Any] = {
        "trainer": trainer,
        "dataset": dataset,
        "parameters": dict(parameters or {}),
        "name": name,
        "tags": list(tags),
        "resume_from": resume_from,
        "priority": priority,
        "retries": retries,
        "resources": None if resources is None else dict(resources),
        "watchdogs": watchdogs,
    }
    return Call("POST", "/api/runs", Snapshot, body=body)


def retry(id: str, from_checkpoint: bool) -> Call[Snapshot]:
    return Call("POST", f"{_run(id)}/retry", Snapshot, body={"from_checkpoint": from_checkpoint})


def clone(id: str, changes: Mapping[str, Any]) -> Call[Snapshot]:
    body = {key: value for key, value in changes.items() if value is not None}
    return Call("POST", f"{_run(id)}/clone", Snapshot, body=body)


def queue() -> Call[QueuePage]:
    return Call("GET", "/api/queue", QueuePage)


def move(id: str, priority: int | None, before: str | None, after: str | None) -> Call[Snapshot]:
    body = {"priority": priority, "before": before, "after": after}
    return Call("POST", f"{_run(id)}/queue", Snapshot, body=body)


def stop(id: str, grace_seconds: float | None) -> Call[str]:
    body = {} if grace_seconds is None else {"grace_seconds": grace_seconds}
    return Call("POST", f"{_run(id)}/stop", str, "command_id", body=body)


def command(id: str, name: str, arguments: Mapping[str, Any]) -> Call[str]:
    body = {"command": name, "arguments": dict(arguments)}
    return Call("POST", f"{_run(id)}/commands", str, "command_id", body=body)


def logs(id: str, before: int | None, limit: int) -> Call[LogPage]:
    query = {"limit": limit} | ({} if before is None else {"before": before})
    return Call("GET", f"{_run(id)}/logs", LogPage, query=query)


def series(id: str, keys: Sequence[str]) -> Call[SeriesPage]:
    return Call("GET", f"{_run(id)}/series", SeriesPage, query={"key": list(keys)})


def artifact(id: str, name: str) -> Call[bytes]:
    return Call("GET", f"{_run(id)}/artifacts/{quote(name, safe='')}", bytes)


def trainers() -> Call[list[Trainer]]:
    return Call("GET", "/api/trainers", list[Trainer], "trainers")


def datasets() -> Call[list[Dataset]]:
    return Call("GET", "/api/datasets", list[Dataset], "datasets")


def dataset(id: str) -> Call[Dataset]:
    return Call("GET", _dataset(id), Dataset, "dataset")


def delete_dataset(id: str) -> Call[str]:
    return Call("DELETE", _dataset(id), str, "cursor")


def register(path: str) -> Call[Dataset]:
    return Call("POST", "/api/datasets/path", Dataset, "dataset", body={"path": path}, seconds=_UPLOAD_SECONDS)


def upload(file: Path, replace: str | None = None) -> Call[Dataset]:
    query = {} if replace is None else {"replace": replace}
    return Call("POST", "/api/datasets", Dataset, "dataset", query=query, file=file, seconds=_UPLOAD_SECONDS)


def begin_upload(name: str, size: int, replace: str | None) -> Call[UploadState]:
    return Call("POST", "/api/uploads", UploadState, body={"name": name, "size": size, "replace": replace})


def upload_state(id: str) -> Call[UploadState]:
    return Call("GET", f"/api/uploads/{id}", UploadState)


def piece(id: str, file: Path, offset: int, length: int) -> Call[Dataset | None]:
    """Send a part of `file`; the data set comes with the last one."""
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
    return Call(
        "PATCH",
        f"/api/uploads/{id}",
        Dataset,
        "dataset",
        headers=headers,
        file=file,
        part=(offset, length),
        optional=True,
        seconds=_UPLOAD_SECONDS,
    )


def stream(query: Mapping[str, Any], last_id: str) -> Call[bytes]:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
    return Call("GET", "/api/events", bytes, query=query, headers=headers)


def page(query: Mapping[str, Any], cursor: str, wait: int, seconds: float) -> Call[Page]:
    """A page of the log, waited for `wait` seconds; `seconds` more are given to the answer."""
    asked = {**query, "cursor": cursor, "wait": wait}
    headers = {"Accept": "application/json"}
    return Call("GET", "/api/events", Page, query=asked, headers=headers, seconds=wait + seconds)


def _dataset(id: str) -> str:
    return f"/api/datasets/{quote(id, safe='')}"


def _run(id: str) -> str:
    return f"/api/runs/{quote(id, safe='')}"
