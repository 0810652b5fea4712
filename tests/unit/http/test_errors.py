"""The error table is complete, documented, and answers say nothing that they should not."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pulsetrain.http.errors import STATUS, exception_handlers
from pulsetrain.model import errors

DOCS = Path(__file__).parents[3] / "docs/reference/errors.md"


def _classes(base: type[errors.PulsetrainError] = errors.PulsetrainError) -> Iterator[type[errors.PulsetrainError]]:
    yield base
    for child in base.__subclasses__():
        # What only clients raise never travels.
        if child.__module__ == errors.__name__:
            yield from _classes(child)


@pytest.mark.parametrize("kind", list(_classes()), ids=lambda kind: kind.__name__)
def test_every_error_class_has_a_code_of_its_own_and_a_status(kind: type[errors.PulsetrainError]) -> None:
    assert kind.code in STATUS
    assert kind.__doc__
    if kind is not errors.PulsetrainError:
        assert kind.code != "error", "an error class of its own needs a code of its own"


def test_no_two_error_classes_share_a_code() -> None:
    codes = [kind.code for kind in _classes()]
    assert len(codes) == len(set(codes))


def test_the_documentation_lists_every_code_with_its_status_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", DOCS.read_text(), re.MULTILINE)
    assert {code: int(status) for code, status in rows} == STATUS


def _ask(error: Exception, path: str = "/fail", method: str = "GET") -> httpx.Response:
    """What an application whose one route fails with `error` answers."""

    async def fail(request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/fail", fail)], exception_handlers=dict(exception_handlers))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


def test_an_error_is_answered_with_code_message_and_hint() -> None:
    answer = _ask(errors.RunNotFound("There is no run r_x."))
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "error": {
            "code": "run_not_found",
            "message": "There is no run r_x.",
            "hint": "GET /api/runs lists the runs.",
        }
    }


def test_a_gap_says_where_to_go_on() -> None:
    answer = _ask(errors.Gap(expected=7, got=9))
    assert answer.status_code == 409
    assert answer.json()["error"]["expected"] == 7


def test_headers_tell_a_client_when_to_try_again_and_how_to_log_in() -> None:
    assert _ask(errors.Unauthorized("No token.")).headers["www-authenticate"] == "Bearer"
    assert _ask(errors.TooManyAttempts(30)).headers["retry-after"] == "30"
    assert _ask(errors.Closing("The server is shutting down.")).headers["retry-after"] == "5"


def test_an_unknown_route_and_a_wrong_method_have_the_same_shape() -> None:
    missing = _ask(ValueError(), "/nowhere")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = _ask(ValueError(), method="POST")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]
    other = _ask(HTTPException(418, "I am a teapot"))
    assert (other.status_code, other.json()["error"]) == (
        418,
        {"code": "http_418", "message": "I am a teapot", "hint": ""},
    )


def test_a_bug_leaks_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "pulsetrain.http"):
        answer = _ask(ValueError("password is hunter2"))
    assert answer.status_code == 500
    assert "hunter2" not in answer.text and "Traceback" not in answer.text
    incident = answer.json()["error"]["incident"]
    assert incident in caplog.text and "hunter2" in caplog.text
