"""The description of the API is the API: every route is in it, and no other."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from pulsetrain.http import answers
from pulsetrain.http.app import all_routes
from pulsetrain.http.docs import render
from pulsetrain.http.errors import STATUS
from pulsetrain.http.openapi import document
from pulsetrain.http.operations import OPERATIONS
from pulsetrain.http.static import PageRoute
from pulsetrain.tables.describe import ColumnStatistics, Description

ROUTES = [route for route in all_routes() if isinstance(route, Route) and not isinstance(route, PageRoute)]


def _path(route: Route) -> str:
    return re.sub(r":\w+\}", "}", route.path)


def test_every_route_is_described_and_nothing_else() -> None:
    routed = {(method, _path(route)) for route in ROUTES for method in route.methods or () if method != "HEAD"}
    described = {(operation.method, operation.path) for operation in OPERATIONS}
    assert described - routed == set(), "described, but not there"
    assert routed - described == set(), "there, but not described"


def test_no_operation_is_described_twice() -> None:
    named = [what["operationId"] for methods in document()["paths"].values() for what in methods.values()]
    assert len(named) == len(set(named)) == len(OPERATIONS)


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(document())
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert used <= set(document()["components"]["schemas"])
    assert used > {"Run", "Dataset", "Trainer", "Error"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_an_operation_says_what_can_go_wrong_by_codes_that_exist(operation: Any) -> None:
    assert set(operation.errors) <= set(STATUS)
    described = document()["paths"][operation.path][operation.method.lower()]
    assert {str(STATUS[code]) for code in operation.errors} <= set(described["responses"])
    names = re.findall(r"\{(\w+)\}", operation.path)
    assert names == [parameter["name"] for parameter in described["parameters"] if parameter["in"] == "path"]


def test_the_page_shows_every_operation_and_type_and_loads_nothing() -> None:
    page = render(document())
    for operation in OPERATIONS:
        assert f'<span class="path">{operation.path}</span>' in page
    for name in document()["components"]["schemas"]:
        assert f'id="type-{name}"' in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!/|#)', page) == []
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_what_comes_from_the_document_cannot_break_the_page() -> None:
    evil = "</style><script>alert(1)</script>"
    hostile = json.loads(json.dumps(document()).replace("The runs, newest first", evil))
    assert "<script" not in render(hostile)


@pytest.mark.parametrize(("described", "real"), [(answers.Table, Description), (answers.Column, ColumnStatistics)])
def test_the_described_table_is_the_real_one(described: type, real: type) -> None:
    """The server may not import what reads tables, so its description is a copy."""
    assert _names(described) == _names(real)


def _names(kind: type) -> list[str]:
    return [field.name for field in msgspec.structs.fields(kind)]
