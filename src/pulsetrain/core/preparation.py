"""What lies ready when a run's process starts: its folder, its specification, its checkpoint, its environment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pulsetrain.model.errors import ArtifactNotFound
from pulsetrain.model.eta import Past
from pulsetrain.model.events import Event
from pulsetrain.model.queue import Grant, Machine
from pulsetrain.model.runs import Run

from .artifacts import Artifacts
from .line import asked

SPECIFICATION = "spec.json"


class Given(msgspec.Struct, frozen=True):
    """What a run was given, as its specification keeps it over a restart of the server."""

    cores: float
    memory_bytes: int = 0
    gpus: list[int] = []
    lent: list[int] = []
    """GPUs that nobody held when it started, so that it may see them without having asked."""


class _Kept(msgspec.Struct, frozen=True):
    given: Given


class Preparation:
    """Lays out the folders of runs below `folder`."""

    def __init__(
        self,
        folder: Path,
        artifacts: Artifacts,
        *,
        dataset_path: Callable[[str, str | None], Path],
        trainer_modules: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._artifacts = artifacts
        self._dataset_path = dataset_path
        self._modules = list(trainer_modules)

    def lay_out(
        self, run: Run, given: Given, checkpoint: str | None, history: Sequence[Past]
    ) -> tuple[Path, dict[str, str]]:
        """The run's folder, ready, and what its environment says of it. `checkpoint` is an artifact of `resume_from`.

        Raises OSError or PulsetrainError.
        """
        folder = self._folder / run.id
        folder.mkdir(parents=True, exist_ok=True)
        specification = {
            "trainer": run.trainer,
            "dataset": str(self._dataset_path(run.dataset, run.dataset_digest)) if run.dataset else None,
            "parameters": run.parameters,
            "modules": self._modules,
            "history": history,
            "given": given,
        }
        path = folder / SPECIFICATION
        path.write_bytes(msgspec.json.encode(specification))
        environment = {"PULSETRAIN_SPEC": str(path)}
        if run.resume_from is not None:
            if checkpoint is None:
                raise ArtifactNotFound(f"Run {run.resume_from} has no checkpoint to continue from.")
            copy = folder / f"resume-{checkpoint}"
            shutil.copyfile(self._artifacts.path(run.resume_from, checkpoint), copy)
            environment["PULSETRAIN_CHECKPOINT"] = str(copy)
        return folder, environment

    def given(self, run: Run) -> Given:
        """What `run` was given when it was started, by whichever server."""
        try:
            return msgspec.json.decode((self._folder / run.id / SPECIFICATION).read_bytes(), type=_Kept).given
        except (OSError, msgspec.DecodeError):
            return given_of(asked(run.resources)) if run.resources is not None else Given(1)


def given_of(grant: Grant, lent: frozenset[int] = frozenset()) -> Given:
    return Given(grant.cores, grant.memory_bytes, sorted(grant.gpus), sorted(lent))


def grant_of(given: Given) -> Grant:
    return Grant(given.cores, given.memory_bytes, frozenset(given.gpus))


def newest_checkpoint(events: Sequence[Event], run: Run) -> str | None:
    """Name of the newest checkpoint of `run`. `events` are its `run.artifact` events; trimmed ones are missing."""
    made = [event.data["name"] for event in events if event.data.get("kind") == "checkpoint"]
    left = [artifact.name for artifact in run.artifacts if artifact.kind == "checkpoint"]
    return next(iter([*reversed(made), *reversed(left)]), None)


def visible_gpus(given: Given, machine: Machine, *, managed: bool) -> dict[str, str]:
    """Which GPUs the run's process sees: its own, or those lent to it; empty for none.

    Where no GPU is `managed` nothing is said: the process sees what there is, other makes than NVIDIA's included.
    """
    if not managed:
        return {}
    seen = given.gpus or given.lent
    # The index that the driver gives is CUDA's own only in this order.
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, seen)), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
