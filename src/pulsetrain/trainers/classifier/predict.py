"""A trained model as something that answers: one row of the table without its target → the target."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pulsetrain.model.errors import BadParameters
from pulsetrain.tables.read import MISSING

from .columns import Feature
from .model import Model
from .parts import Label, label_text

_MISSING = frozenset(MISSING)
_LEVELS_OFFERED = 50
_TYPES: dict[str, pl.DataType] = {
    "number": pl.Float64(),
    "flag": pl.Boolean(),
    "date": pl.Datetime("us"),
    "category": pl.String(),
    "many": pl.String(),
    "text": pl.String(),
}


class Answerer:
    """Predicts rows. What a row does not say is taken as missing, as in the table."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._about = model.about
        self._known = {feature.name for feature in self._about.features}
        self._ignored = {*self._about.unused, self._about.target}
        self.input: dict[str, Any] = {
            "type": "object",
            "properties": {feature.name: self._property(feature) for feature in self._about.features},
            "additionalProperties": False,
            "examples": [self._about.example],
        }

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`{prediction, confidence, probabilities}` for each row, or `{prediction, interval}` where numbers are
        predicted. Raises BadParameters that names the row."""
        if not rows:
            return []
        for index, row in enumerate(rows):
            self._check_names(index, row)
        columns = [
            pl.Series(
                feature.name,
                [_cell(index, feature, row.get(feature.name)) for index, row in enumerate(rows)],
                dtype=_TYPES[feature.form],
            )
            for feature in self._about.features
        ]
        answers = self._model.answers(pl.DataFrame(columns))
        if self._about.task == "regression":
            return [self._number(float(answer)) for answer in answers]
        return [self._class(probabilities) for probabilities in answers]

    def _class(self, probabilities: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
        best = int(probabilities.argmax())
        label: Label = self._about.classes[best]
        named = {label_text(one): float(share) for one, share in zip(self._about.classes, probabilities, strict=True)}
        return {"prediction": label, "confidence": float(probabilities[best]), "probabilities": named}

    def _number(self, answer: float) -> dict[str, Any]:
        half = self._about.error_90
        interval = None if half is None else [answer - half, answer + half]
        return {"prediction": answer, "interval": interval, "interval_share": None if half is None else 0.9}

    def _check_names(self, index: int, row: dict[str, Any]) -> None:
        unknown = [name for name in row if name not in self._known and name not in self._ignored]
        if unknown:
            raise BadParameters(
                f"Row {index + 1}: the model knows no column {unknown[0]!r}.",
                hint=f"It looks at {', '.join(list(self._known)[:20])}.",
            )
        if not any(_given(row.get(name)) for name in self._known):
            raise BadParameters(f"Row {index + 1} has no value in any column that the model looks at.")

    def _property(self, feature: Feature) -> dict[str, Any]:
        rule: dict[str, Any] = {"title": feature.name}
        match feature.form:
            case "number":
                rule["type"] = ["number", "null"]
                low, high = self._about.bounds.get(feature.name, (None, None))
                if low is not None:
                    rule["description"] = f"Seen: {low:g} to {high:g}."
            case "flag":
                rule["type"] = ["boolean", "null"]
            case "date":
                rule["type"] = ["string", "null"]
                rule["description"] = f"A date, as the table writes it ({feature.format}), or ISO 8601."
            case "category" | "many":
                levels = self._about.levels.get(feature.name, [])
                rule["type"] = ["string", "null"]
                rule["examples"] = levels[:_LEVELS_OFFERED]
                rule["description"] = f"{len(levels):,} levels were seen; others count as rare ones."
            case _:
                rule["type"] = ["string", "null"]
                rule["description"] = "Words."
        return rule


def _given(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and value.strip() in _MISSING)


def _cell(index: int, feature: Feature, value: Any) -> Any:
    """The value as the table would hold it. Raises BadParameters where it is not of the column's kind."""
    if not _given(value):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        match feature.form:
            case "number":
                return _number(value)
            case "flag":
                return _flag(value)
            case "date":
                return _date(value, feature.format)
            case _:
                return _text(value)
    except ValueError as problem:
        raise BadParameters(f"Row {index + 1}: {feature.name!r} {problem}, not {str(value)[:60]!r}.") from None


def _number(value: Any) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise ValueError("must be true or false")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    raise ValueError("must be text")


def _date(value: Any, format: str | None) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a date")
    text = pl.Series([value.strip()])
    if format is not None:
        parsed = _parsed(text, format)
        if parsed is not None:
            return parsed
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("must be a date" + (f" like {format}" if format else "")) from None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _parsed(text: pl.Series, format: str) -> datetime | None:
    times = text.str.to_datetime(format, strict=False) if "%H" in format else text.str.to_date(format, strict=False)
    if times.null_count():
        return None
    if "z" in format:
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    found = times.cast(pl.Datetime("us"))[0]
    assert isinstance(found, datetime)
    return found


def load(path: Path) -> Answerer:
    """The model in the file `path`. Raises BadParameters, or OSError."""
    return Answerer(Model.load(path))
