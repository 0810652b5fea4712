"""A trained GAN as something that answers: asked for a number of rows, it makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulsetrain.model.errors import BadParameters

from .model import Model

MAX_ROWS = 1000


class RowMaker:
    """Its prediction is a list of synthetic rows."""

    input: dict[str, Any] = {  # noqa: RUF012  # the protocol's name, never changed
        "type": "object",
        "properties": {
            "rows": {"type": "integer", "title": "Rows", "minimum": 1, "maximum": MAX_ROWS, "default": 5},
            "seed": {"type": "integer", "title": "Seed", "minimum": 0, "default": 0},
        },
        "additionalProperties": False,
        "examples": [{"rows": 5, "seed": 1}],
    }

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """So many synthetic rows for each request. Raises BadParameters."""
        return [{"prediction": self._make(index, asked)} for index, asked in enumerate(rows)]

    def _make(self, index: int, asked: dict[str, Any]) -> list[dict[str, Any]]:
        count, seed = asked.get("rows", 5), asked.get("seed", 0)
        if type(count) is not int or not 1 <= count <= MAX_ROWS:
            raise BadParameters(f"Row {index + 1}: 'rows' is a whole number from 1 to {MAX_ROWS}, not {count!r}.")
        if type(seed) is not int or not 0 <= seed < 2**31:
            raise BadParameters(f"Row {index + 1}: 'seed' is a whole number from 0, not {seed!r}.")
        made = self._model.sample(count, seed)
        # Dates and the like are shown as the text that they are in the CSV.
        return [{name: _plain(value) for name, value in row.items()} for row in made.iter_rows(named=True)]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def load(path: Path) -> RowMaker:
    """The model in the file `path`. Raises BadParameters, or OSError."""
    return RowMaker(Model.load(path))
