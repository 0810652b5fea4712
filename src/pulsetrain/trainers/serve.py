"""`python -m pulsetrain.trainers.serve`: one model that answers, in a process of its own.

Lines of JSON on stdin and stdout: first `{"input": <JSON Schema of a row>}` or `{"problem": …}`, then for each request
`{"id", "rows": [{…}…]}` the answer `{"id", "predictions": [{…}…]}` or `{"id", "problem": {code, message, hint}}`.
It ends with its stdin, so no server leaves one behind, however it dies.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model.errors import BadParameters, PulsetrainError, TrainerNotFound, TrainerUnavailable

from .loading import load
from .registry import Predictor


class Request(msgspec.Struct, frozen=True):
    id: int
    rows: list[dict[str, Any]]


class Problem(msgspec.Struct, frozen=True):
    code: str
    message: str
    hint: str = ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pulsetrain.trainers.serve", description=__doc__)
    parser.add_argument("--trainer", required=True, help="the trainer that made the model")
    parser.add_argument("--model", required=True, type=Path, help="its file")
    parser.add_argument("--trainers", metavar="MODULE", action="append", default=[], help="a module or a .py file")
    options = parser.parse_args(arguments)
    # A library that prints must not speak into the conversation: what goes to stdout goes to stderr from here on.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        predictor = load_predictor(options.trainer, options.model, options.trainers)
    except Exception as problem:  # noqa: BLE001  # whatever loading a model may raise, the server shall hear of it
        answers.write(_line({"problem": _problem(problem)}))
        return 1
    answers.write(_line({"input": predictor.input}))
    for line in sys.stdin.buffer:
        answers.write(_line(_answer(predictor, msgspec.json.decode(line, type=Request))))
    return 0


def load_predictor(trainer: str, model: Path, modules: list[str]) -> Predictor:
    """The predictor of the model in the file `model`, which `trainer` made.

    Raises TrainerNotFound, TrainerUnavailable, or whatever the trainer's own loading raises.
    """
    found, _ = load(modules)
    registered = found.get(trainer)
    if registered is None:
        raise TrainerNotFound(f"There is no trainer {trainer!r} to load the model with.")
    if registered.description.problem is not None:
        raise TrainerUnavailable(registered.description.problem)
    if registered.predictor is None:
        raise BadParameters(f"Models of {registered.description.title} make no predictions.")
    module, _, function = registered.predictor.partition(":")
    predictor: Predictor = getattr(importlib.import_module(module), function)(model)
    return predictor


def _answer(predictor: Predictor, request: Request) -> dict[str, Any]:
    try:
        predictions = predictor.predict(request.rows)
        if len(predictions) != len(request.rows):
            raise ValueError(f"the predictor gave {len(predictions)} answers for {len(request.rows)} rows")
        msgspec.json.encode(predictions)
    except Exception as problem:  # noqa: BLE001  # one bad row must not end the endpoint
        return {"id": request.id, "problem": _problem(problem)}
    return {"id": request.id, "predictions": predictions}


def _problem(problem: Exception) -> Problem:
    if isinstance(problem, PulsetrainError):
        return Problem(problem.code, problem.message, problem.hint)
    return Problem("predictor_failed", f"The model failed: {type(problem).__name__}: {problem}")


def _line(content: dict[str, Any]) -> bytes:
    return msgspec.json.encode(content) + b"\n"


if __name__ == "__main__":
    raise SystemExit(main())
