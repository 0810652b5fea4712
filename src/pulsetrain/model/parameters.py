"""Parameters of a trainer against its JSON Schema: pure rules, used by the server, the command line and trainers alike.

The schema is the small part of JSON Schema that PROTOCOL §4 names: an object whose properties have `type` (one name or
a list with `null`), `enum`, `minimum`, `maximum`, `default`, `title`, `description`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .errors import BadParameters

Schema = Mapping[str, Any]

_NAMES = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}


def validate(schema: Schema, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`parameters` checked against `schema` and completed with its defaults.

    A whole number may come as `5.0`, as browsers write it. Raises BadParameters that names every problem at once.
    """
    properties: Mapping[str, Schema] = schema.get("properties", {})
    problems = [_unknown(name, properties) for name in parameters if name not in properties]
    checked: dict[str, Any] = {}
    for name, rule in properties.items():
        if name in parameters:
            try:
                checked[name] = _value(name, rule, parameters[name])
            except BadParameters as problem:
                problems.append(problem.message)
        elif "default" in rule:
            checked[name] = rule["default"]
        elif name in schema.get("required", ()):
            problems.append(f"{name} is missing.")
    if problems:
        raise BadParameters(" ".join(problems), hint="GET /api/trainers lists what each trainer takes.")
    return checked


def from_text(schema: Schema, texts: Mapping[str, str]) -> dict[str, Any]:
    """Parameters as a command line or a form gives them, as the types that `schema` asks for.

    Bounds are left to `validate`. Raises BadParameters where a text cannot be read as its type.
    """
    properties: Mapping[str, Schema] = schema.get("properties", {})
    parsed: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in properties:
            raise BadParameters(_unknown(name, properties))
        parsed[name] = _parse(name, properties[name], text)
    return parsed


def _unknown(name: str, properties: Mapping[str, Schema]) -> str:
    known = ", ".join(properties) or "none"
    return f"There is no parameter {name!r} (known: {known})."


def _types(rule: Schema) -> list[str]:
    types = rule.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def _value(name: str, rule: Schema, value: Any) -> Any:
    types = _types(rule)
    if value is None and "null" in types:
        return None
    if "enum" in rule:
        return _chosen(name, rule["enum"], value)
    if "integer" in types and isinstance(value, float) and value.is_integer():
        value = int(value)
    if types and not any(_FITS[type_](value) for type_ in types if type_ in _FITS):
        wanted = " or ".join(_NAMES[type_] for type_ in types if type_ in _NAMES)
        raise BadParameters(f"{name} must be {wanted}, not {_shown(value)}.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        _bounded(name, rule, value)
        return float(value) if types[:1] == ["number"] else value
    return value


def _chosen(name: str, options: list[Any], value: Any) -> Any:
    for option in options:
        if type(option) is type(value) and option == value:
            return option
    raise BadParameters(f"{name} must be one of {', '.join(map(_shown, options))}, not {_shown(value)}.")


def _bounded(name: str, rule: Schema, value: float) -> None:
    low, high = rule.get("minimum"), rule.get("maximum")
    if (low is None or value >= low) and (high is None or value <= high):
        return
    if low is not None and high is not None:
        bounds = f"from {low:g} to {high:g}" if isinstance(low + high, float) else f"from {low} to {high}"
    else:
        bounds = f"at least {low}" if high is None else f"at most {high}"
    raise BadParameters(f"{name} must be {bounds}, not {value}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))


_FITS: dict[str, Callable[[Any], bool]] = {
    "integer": _whole,
    "number": _finite,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
}

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def _parse(name: str, rule: Schema, text: str) -> Any:
    types = _types(rule)
    if "null" in types and text.lower() in {"", "null", "none"}:
        return None
    if "string" in types:
        return text
    if "boolean" in types and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    for type_, read in (("integer", int), ("number", float)):
        if type_ in types:
            try:
                return read(text)
            except ValueError:
                continue
    wanted = " or ".join(_NAMES[type_] for type_ in types if type_ in _NAMES)
    raise BadParameters(f"{name} must be {wanted}, not {_shown(text)}.")
