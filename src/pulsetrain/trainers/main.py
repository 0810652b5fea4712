"""`python -m pulsetrain.trainers.main`: the process of a run of a registered trainer.

`PULSETRAIN_SPEC` names a JSON file: `{trainer, dataset: path or null, parameters, modules?}`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

import pulsetrain
from pulsetrain.model.errors import BadParameters, PulsetrainError, TrainerNotFound, TrainerUnavailable
from pulsetrain.model.parameters import validate
from pulsetrain.model.runs import USER_ERROR

from .loading import load
from .registry import Registered


class Specification(msgspec.Struct, frozen=True):
    """What to run."""

    trainer: str
    dataset: str | None = None
    parameters: dict[str, Any] = {}
    modules: list[str] = []


def main() -> int:
    """Run the trainer that the specification names; the answer is the process's exit code."""
    try:
        specification = _specification()
        trainer = _find(specification)
        parameters = validate(trainer.description.parameters, specification.parameters)
        if trainer.takes_over:
            trainer.function(**parameters)
            return 0
        with pulsetrain.init() as run:
            run.take_rules(trainer.description.parameters.get("properties", {}))
            if trainer.description.data is None:
                trainer.function(run, **parameters)
            else:
                trainer.function(run, _dataset(specification), **parameters)
    except PulsetrainError as problem:
        # The user's own mistake: a sentence says more than a traceback.
        print(f"ERROR: {problem.message} {problem.hint}".rstrip(), file=sys.stderr, flush=True)  # noqa: T201
        return USER_ERROR
    return 0


def _specification() -> Specification:
    path = os.environ.get("PULSETRAIN_SPEC")
    if not path:
        raise BadParameters("PULSETRAIN_SPEC names no file.", hint="This program is started by pulsetrain itself.")
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Specification)
    except (OSError, msgspec.DecodeError) as problem:
        raise BadParameters(f"The specification {path} cannot be read: {problem}") from problem


def _find(specification: Specification) -> Registered:
    found, broken = load(specification.modules)
    trainer = found.get(specification.trainer)
    if trainer is None:
        # It may be in one of those; otherwise they are no concern of this run.
        for source in broken:
            print(f"{source.name}: {source.problem}", file=sys.stderr, flush=True)  # noqa: T201
        known = ", ".join(sorted(found)) or "none"
        raise TrainerNotFound(f"There is no trainer {specification.trainer!r}. Known: {known}.")
    if trainer.description.problem is not None:
        raise TrainerUnavailable(trainer.description.problem)
    return trainer


def _dataset(specification: Specification) -> Path:
    if specification.dataset is None:
        raise BadParameters(f"The trainer {specification.trainer!r} needs a data set.")
    path = Path(specification.dataset)
    if not path.is_file():
        raise BadParameters(f"The data set {path.name} is not there.", hint="Was it deleted while the run waited?")
    return path


if __name__ == "__main__":
    raise SystemExit(main())
