"""JSON Schemas of what goes over the wire, made from the code's own types.

`python protocol/make_schemas.py` writes them to `protocol/schemas/`; a test proves that the files are what this makes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pulsetrain.model.events import Event
from pulsetrain.model.records import Batch
from pulsetrain.model.report import Report
from pulsetrain.model.runs import Run

from .event_data import EVENT_DATA

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, bytes]:
    """File name → JSON Schema: the envelope, the data of each event type, the folded run, a batch, a report."""
    kinds: dict[str, Any] = {"event": Event, "run": Run, "records": Batch, "report": Report, **EVENT_DATA}
    return {f"{name}.json": _file(name, kind) for name, kind in kinds.items()}


def _file(name: str, kind: Any) -> bytes:
    (schema,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    if list(definitions) == [kind.__name__]:
        schema, definitions = definitions[kind.__name__], {}
    document = {"$schema": _DIALECT, "$id": f"pulsetrain:v1/{name}", **schema}
    if definitions:
        document["$defs"] = definitions
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
