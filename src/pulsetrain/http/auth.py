"""The door: every request passes `Doors` before anything else sees it. Pure ASGI, so that streams stay streams."""

from __future__ import annotations

import hmac
import re
from urllib.parse import parse_qs

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulsetrain import __version__
from pulsetrain.core.runs import token_digest
from pulsetrain.core.tokens import SESSION_SECONDS, Tokens
from pulsetrain.core.tokens import require_token as require_token
from pulsetrain.model.errors import BadRequest, PulsetrainError, Unauthorized

from .bodies import read_json
from .errors import error_response, json_response
from .origin import Hosts, check_origin
from .services import Services
from .static import is_page_path
from .ws import ADMIT, ONLY_RUN

OPEN = {("GET", "/health"), ("HEAD", "/health"), ("POST", "/api/login"), ("GET", "/api/session")}
"""What needs no token, beside the static page: it must be there to ask for the token."""

_RUN_ROUTE = re.compile(r"/api/runs/([^/]+)/(records|artifacts/[^/]+)")
_DIALECT_RUN_ROUTES = {"/training_data", "/progress_data"}

_WRONG = "The token is not valid here."
_ASK = "Ask whoever started the server for its token."

_PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
_DATA_POLICY = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_PAGE_HEADERS = [*_HEADERS, (b"content-security-policy", _PAGE_POLICY.encode())]
_DATA_HEADERS = [*_HEADERS, (b"content-security-policy", _DATA_POLICY.encode())]


def _run_of(scope: Scope) -> str | None:
    """The one run whose own token opens this request."""
    path = scope["path"]
    if path == "/api/events" and (scope["type"] == "websocket" or scope["method"] == "GET"):
        runs = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("run", [])
        return runs[0] if len(runs) == 1 else None
    match = _RUN_ROUTE.fullmatch(path)
    if match is None or scope["type"] != "http":
        return None
    return match[1] if scope["method"] == ("POST" if match[2] == "records" else "PUT") else None


def bearer(headers: Headers) -> str | None:
    """The token of `Authorization: Bearer …`."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def session_of(headers: Headers, name: str) -> str | None:
    """The session's secret in the cookie called `name`."""
    return cookie_parser(headers.get("cookie", "")).get(name)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "local"


class Doors:
    """ASGI middleware: Host, Origin, token, and the security headers of what is answered."""

    def __init__(self, app: ASGIApp, *, services: Services, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens
        self._log = services.log
        self._allowed = frozenset(services.settings.allowed_origins)
        self._hosts = Hosts(services.settings.host, services.settings.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = _with_security_headers(send, scope)
        headers = Headers(scope=scope)
        try:
            self._hosts.check(headers.getlist("host"))
            websocket = scope["type"] == "websocket"
            check_origin(scope.get("method", "GET"), headers, websocket=websocket, allowed=self._allowed)
            await self._admit(scope, headers)
        except PulsetrainError as problem:
            await _refuse(error_response(problem), scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope, headers: Headers) -> None:
        """Raise Unauthorized unless the request is open to all or comes with a valid secret."""
        tokens = self._tokens
        if not tokens.required or _is_open(scope):
            return
        session = session_of(headers, tokens.cookie)
        if session is not None and tokens.session_valid(session):
            return
        token = bearer(headers)
        if token is None and scope["type"] == "websocket" and scope["path"] == "/api/events":
            # Browsers cannot send a header with it: the token may come as the first message.
            scope[ADMIT] = lambda token: self._admit_token(scope, token)
            return
        if token is None:
            raise Unauthorized(
                "This server asks for a token.",
                hint="Log in on the page, or send `Authorization: Bearer …`; the command line takes PULSETRAIN_TOKEN.",
            )
        scope[ONLY_RUN] = await self._admit_token(scope, token)

    async def _admit_token(self, scope: Scope, token: str) -> str | None:
        """Let `token` in; answers the one run that it opens if it is a run's own. Raises Unauthorized."""
        if self._tokens.known(token):
            return None
        if await self._is_run_token(scope, token):
            return _run_of(scope)
        if not await self._tokens.right(token, _address(scope)):
            raise Unauthorized(_WRONG, hint=_ASK)
        return None

    async def _is_run_token(self, scope: Scope, token: str) -> bool:
        """Whether this is a route of one run, and `token` that run's own."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in _DIALECT_RUN_ROUTES:
            return True  # the handler finds the run by its token, and refuses a wrong one
        run = _run_of(scope)
        digest = await self._log.run_token_digest(run) if run is not None else None
        return digest is not None and hmac.compare_digest(digest, token_digest(token))


def _is_open(scope: Scope) -> bool:
    """Whether the request needs no token."""
    if scope["type"] != "http":
        return False
    method, path = scope["method"], scope["path"]
    return (method, path) in OPEN or (method in ("GET", "HEAD") and is_page_path(path))


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with `response`, before the handshake of a WebSocket too."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4401 if response.status_code == 401 else 4403})


def _with_security_headers(send: Send, scope: Scope) -> Send:
    path = scope["path"]
    added = _PAGE_HEADERS if is_page_path(path) or path == "/docs" else _DATA_HEADERS

    def sending(message: Message) -> object:
        # Not a coroutine of its own: this lies in the way of every chunk of every stream.
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            present = {name for name, _ in message.get("headers", ())}
            extra = [pair for pair in added if pair[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        return send(message)

    return sending  # type: ignore[return-value]  # it returns send's own awaitable


class LoginRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str


class SessionAnswer(msgspec.Struct, frozen=True):
    authenticated: bool
    token_required: bool
    version: str


async def login(request: Request) -> Response:
    """Exchange the token for a session cookie."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadRequest('A login is JSON: {"token": "…"}.', hint="Send Content-Type: application/json.")
    body = await read_json(request, LoginRequest)
    tokens = _tokens(request)
    if not tokens.required:
        return _session_answer(True, tokens)
    if not await tokens.right(body.token.strip(), _address(request.scope)):
        raise Unauthorized(_WRONG, hint=_ASK)
    response = _session_answer(True, tokens)
    _set_cookie(response, request, tokens.cookie, tokens.open_session(), int(SESSION_SECONDS))
    return response


async def logout(request: Request) -> Response:
    """End the session for good."""
    tokens = _tokens(request)
    secret = session_of(request.headers, tokens.cookie)
    if secret is not None:
        tokens.close_session(secret)
    response = _session_answer(not tokens.required, tokens)
    _set_cookie(response, request, tokens.cookie, "", 0)
    return response


async def session(request: Request) -> Response:
    """Whether this client is logged in, and whether it has to be."""
    tokens = _tokens(request)
    secret, token = session_of(request.headers, tokens.cookie), bearer(request.headers)
    inside = not tokens.required or (secret is not None and tokens.session_valid(secret))
    if not inside and token is not None:
        inside = await tokens.right(token, _address(request.scope))
    return _session_answer(inside, tokens)


def _tokens(request: Request) -> Tokens:
    found: Tokens = request.app.state.tokens
    return found


def _session_answer(authenticated: bool, tokens: Tokens) -> Response:
    return json_response(SessionAnswer(authenticated, tokens.required, __version__))


def _set_cookie(response: Response, request: Request, name: str, value: str, max_age: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=max_age, path="/", secure=secure, httponly=True, samesite="strict")


routes: list[BaseRoute] = [
    Route("/api/login", login, methods=["POST"]),
    Route("/api/logout", logout, methods=["POST"]),
    Route("/api/session", session),
]
