"""The OpenAPI document as one HTML page: without script or anything from elsewhere, so it works offline."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STYLE = Path(__file__).with_name("docs.css")
_SECRETS = {
    "token": "the server's token",
    "session": "a session cookie",
    "runToken": "the run's own token",
}


def render(document: dict[str, Any]) -> str:
    """The page for `document`, an OpenAPI 3.1 document as `openapi.document` makes it."""
    info = document["info"]
    operations = [
        (path, method, what) for path, methods in document["paths"].items() for method, what in methods.items()
    ]
    by_tag = {
        tag["name"]: [entry for entry in operations if tag["name"] in entry[2]["tags"]] for tag in document["tags"]
    }
    sections = [_section(tag, by_tag[tag["name"]]) for tag in document["tags"]]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(info["title"])} API</title>
<style>{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<div class="frame">
<nav aria-label="Routes"><a class="brand" href="/">pulse<b>train</b></a>{"".join(map(_menu, by_tag.items()))}
<h2>More</h2><ul><li><a href="#types">Types</a></li><li><a href="/openapi.json">openapi.json</a></li></ul></nav>
<main id="content">
<h1>{_text(info["title"])} API <span class="version">{_text(info["version"])}</span></h1>
<p class="about">{_prose(info["description"])}</p>
{"".join(sections)}
{_types(document["components"]["schemas"])}
</main>
</div>
</body>
</html>
"""


def _menu(entry: tuple[str, list[tuple[str, str, Any]]]) -> str:
    tag, operations = entry
    items = "".join(
        f'<li><a href="#{what["operationId"]}">{_method(method)}<span>{_text(path)}</span></a></li>'
        for path, method, what in operations
    )
    return f"<h2>{_text(tag)}</h2><ul>{items}</ul>"


def _section(tag: dict[str, str], operations: list[tuple[str, str, Any]]) -> str:
    shown = "".join(_operation(*entry) for entry in operations)
    return f'<section><h2>{_text(tag["name"])}</h2><p class="about">{_prose(tag["description"])}</p>{shown}</section>'


def _operation(path: str, method: str, what: dict[str, Any]) -> str:
    parts = [f'<p class="lock">Needs {_needs(what["security"])}.</p>']
    if "description" in what:
        parts.append(f"<p>{_prose(what['description'])}</p>")
    if what["parameters"]:
        parts.append("<h3>Parameters</h3>" + _table(("Name", "In", "Type", ""), _parameters(what["parameters"])))
    if "requestBody" in what:
        content = what["requestBody"]["content"]
        schema = next(iter(content.values()))["schema"]
        parts.append(f"<h3>Body</h3><p>{_type(schema)} <span class='lock'>as {_text(' or '.join(content))}</span></p>")
    parts.append("<h3>Answers</h3>" + _table(("Status", "Type", ""), _responses(what["responses"])))
    return (
        f'<details><summary>{_method(method)}<span class="path">{_text(path)}</span>'
        f'<span class="title">{_text(what["summary"])}</span></summary>'
        # The id lies within, because a browser opens what it goes to only from inside.
        f'<div class="inside" id="{what["operationId"]}">{"".join(parts)}</div></details>'
    )


def _needs(security: list[dict[str, Any]]) -> str:
    names = [_SECRETS[name] for choice in security for name in choice]
    return (" or ".join(names) or "no token") + (", if the server was started with a token" if {} in security else "")


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for parameter in parameters:
        needed = " class='needed'" if parameter["required"] else ""
        yield (
            f"<code{needed}>{_text(parameter['name'])}</code>",
            _text(parameter["in"]),
            _type(parameter["schema"]),
            _prose(parameter.get("description", "")),
        )


def _responses(responses: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for status, response in responses.items():
        media, content = next(iter(response["content"].items()))
        binary = content["schema"].get("format") == "binary" or media == "text/event-stream"
        kind = f"<span class='type'>{_text(media)}</span>" if binary else _type(content["schema"])
        yield f"<code>{status}</code>", kind, _prose(response["description"])


def _types(schemas: dict[str, Any]) -> str:
    shown = "".join(_component(name, schema) for name, schema in sorted(schemas.items()))
    return (
        f'<section id="types"><h2>Types</h2><p class="about">What bodies and answers are made of.</p>{shown}</section>'
    )


def _component(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (
            f"<code{' class=needed' if field in required else ''}>{_text(field)}</code>",
            _type(value),
            _prose(value.get("description", "")) + _default(value),
        )
        for field, value in schema.get("properties", {}).items()
    )
    fields = _table(("Field", "Type", ""), rows) if schema.get("properties") else f"<p>{_type(schema)}</p>"
    about = f"<p>{_prose(schema['description'])}</p>" if schema.get("description") else ""
    return (
        f'<details><summary><span class="path">{_text(name)}</span></summary>'
        f'<div class="inside" id="type-{_text(name)}">{about}{fields}</div></details>'
    )


def _default(schema: dict[str, Any]) -> str:
    if schema.get("default") is None:
        return ""
    return f" Default <code>{_text(json.dumps(schema['default']))}</code>."


def _type(schema: dict[str, Any]) -> str:
    return f"<span class='type'>{_type_text(schema)}</span>"


def _type_text(schema: dict[str, Any]) -> str:
    """A schema in a few words; references are links to the type."""
    if "$ref" in schema:
        name = _text(schema["$ref"].rpartition("/")[2])
        return f'<a href="#type-{name}">{name}</a>'
    if "anyOf" in schema:
        return " | ".join(_type_text(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(_text(json.dumps(value)) for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type_text(schema['items'])}" if "items" in schema else "list"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {_type_text(values)}" if isinstance(values, dict) else "object"
    if kind is None:
        return "any"
    bounds = [f"{sign} {schema[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in schema]
    return _text(" ".join([str(kind), *bounds]))


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _prose(text: str) -> str:
    """`text` with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(text))
