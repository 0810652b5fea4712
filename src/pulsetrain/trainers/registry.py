"""The trainers: functions that become runs which can be started from the page, the command line and over REST.

    @pulsetrain.trainer("my-trainer", data="csv", stages=["Train"])
    def train(run, data: Path, *, epochs: Annotated[int, Range(1, 1000), Help("Passes over the data")] = 100): ...

The keyword-only parameters are the form, the flags and the JSON Schema (PROTOCOL §4). This module imports no learning
library, and neither should the module of a trainer at its top: `needs` names what the function will import.
"""

from __future__ import annotations

import importlib.util
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from pulsetrain.model.formats import TAKEN
from pulsetrain.model.runs import Resources
from pulsetrain.model.trainers import Trainer

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """Bounds of a number, both included."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Help:
    """What a parameter does, in one sentence for the form."""

    text: str
    title: str | None = None
    """Its label; by default made from its name."""


@dataclass(frozen=True)
class Advanced:
    """A parameter that a form may fold away."""


@dataclass(frozen=True)
class Lines:
    """A text that may have several lines."""


@dataclass(frozen=True)
class Registered:
    """A trainer that can run: its description and its function."""

    description: Trainer
    function: Callable[..., Any]
    predictor: str | None = None
    """`module:function` that loads its models."""
    takes_over: bool = False
    """Whether its function turns the process into another program, and so gets no run."""


class Predictor(Protocol):
    """A loaded model that answers. It lives in a process of its own."""

    input: dict[str, Any]
    """JSON Schema of one row, with `examples`."""

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer for each row, each with at least `prediction`. Raises BadParameters that names the bad row."""
        ...


_registered: dict[str, Registered] = {}


def trainer(
    name: str,
    *,
    title: str | None = None,
    data: str | None = None,
    stages: Sequence[str] = (),
    summary: str | None = None,
    needs: Sequence[str] = (),
    install: str = "",
    predictor: str | None = None,
    resources: Resources | None = None,
    takes_over: bool = False,
) -> Callable[[Function], Function]:
    """Register the decorated function as the trainer `name`.

    `data` says which data sets it takes: "table" (or "csv") any that `tables.read_table` reads (CSV, JSON Lines,
    Parquet), "jsonl" JSON Lines alone. It is called as `function(run, data, **parameters)`, `data` being the path of
    the chosen data set, or as `function(run, **parameters)` when `data` is None. `summary` is by default the first
    line of its docstring. While a module in `needs` is missing the trainer is shown as unavailable, with `install`
    as what to do.
    `predictor` is `module:function`: the function loads a model that this trainer made (`load(path) -> Predictor`) when
    somebody asks it for predictions. `resources` are what a run takes of a machine; a core, if nothing is said.
    With `takes_over`, the function is called without a run, as `function(**parameters)`: it replaces the process by
    another program, whose output is captured as it stands.
    Raises TypeError or ValueError where the signature cannot become a form.
    """

    def register(function: Function) -> Function:
        known = _registered.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise ValueError(f"The trainer {name!r} is registered already, by {known.function.__module__}.")
        if data not in (None, *TAKEN):
            raise ValueError(f"The trainer {name!r} takes data {data!r}; known: {', '.join(TAKEN)}.")
        missing = [module for module in needs if importlib.util.find_spec(module) is None]
        problem = f"{', '.join(missing)} is not installed. {install}".strip() if missing else None
        documentation = (inspect.getdoc(function) or "").partition("\n")[0]
        description = Trainer(
            name=name,
            title=title or _title(name),
            summary=documentation if summary is None else summary,
            data=data,
            stages=list(stages),
            parameters=schema_of(function),
            available=problem is None,
            problem=problem,
            predicts=predictor is not None,
            resources=resources or Resources(),
        )
        _registered[name] = Registered(description, function, predictor, takes_over)
        return function

    return register


def registered() -> dict[str, Registered]:
    """The trainers that were registered so far, by name."""
    return dict(_registered)


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The JSON Schema of the keyword-only parameters of `function`."""
    parameters = inspect.signature(function).parameters.values()
    asked = [parameter for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    hints = _hints(function, asked)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in asked:
        properties[parameter.name] = _property(parameter.name, hints[parameter.name])
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
        else:
            properties[parameter.name]["default"] = parameter.default
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | {"required": required} if required else schema


def _hints(function: Callable[..., Any], asked: list[inspect.Parameter]) -> dict[str, Any]:
    """The types of some parameters. Those of others may name what is imported for type checkers alone."""
    for parameter in asked:
        if parameter.annotation is inspect.Parameter.empty:
            raise TypeError(f"The parameter {parameter.name!r} of {function.__qualname__} needs a type.")

    def carrier() -> None: ...

    carrier.__annotations__ = {parameter.name: parameter.annotation for parameter in asked}
    return typing.get_type_hints(carrier, globalns=inspect.unwrap(function).__globals__, include_extras=True)


def _property(name: str, hint: Any) -> dict[str, Any]:
    marks: tuple[Any, ...] = ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *marks_found = typing.get_args(hint)
        marks = tuple(marks_found)
    rule = {**_type(name, hint), "title": _title(name)}
    for mark in marks:
        match mark:
            case Range():
                bounds = {"minimum": mark.minimum, "maximum": mark.maximum}
                rule |= {key: bound for key, bound in bounds.items() if bound is not None}
            case Help():
                rule |= {"description": mark.text} | ({"title": mark.title} if mark.title else {})
            case Advanced():
                rule["x-advanced"] = True
            case Lines():
                rule["x-lines"] = True
            case _:
                raise TypeError(
                    f"The parameter {name!r} has a mark that is no Range, Help, Lines or Advanced: {mark!r}."
                )
    return rule


_TYPES: dict[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean"}


def _type(name: str, hint: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        kinds = {type(option) for option in arguments}
        if len(kinds) == 1 and next(iter(kinds)) in _TYPES:
            return {"type": _TYPES[next(iter(kinds))], "enum": list(arguments)}
    elif origin in (typing.Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        inner = _type(name, next(argument for argument in arguments if argument is not type(None)))
        return {**inner, "type": [inner["type"], "null"]}
    elif hint in _TYPES:
        return {"type": _TYPES[hint]}
    raise TypeError(f"The parameter {name!r} must be int, float, str, bool, a Literal, or one of these or None.")


def _title(name: str) -> str:
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
