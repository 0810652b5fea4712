"""The map of the server: every route, on one screen."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from pulsetrain.core.tokens import Tokens

from . import (
    asyncapi,
    auth,
    datasets,
    events,
    examples,
    gan_dashboard,
    ingest,
    metrics,
    mlops_dashboard,
    models,
    openapi,
    queue,
    runs,
    static,
    training_jobs,
    uploads,
)
from .errors import exception_handlers
from .services import Services


def all_routes() -> list[BaseRoute]:
    """Every route; the page takes what no other does, so it comes last."""
    return [
        *ingest.routes,  #        /api/runs/{id}/records: first, because each event comes this way
        *events.routes,  #        /api/events: SSE, WebSocket, pages
        *auth.routes,  #          /api/login /api/logout /api/session
        *runs.routes,  #          /health /api/trainers /api/runs…
        *queue.routes,  #         /api/queue /api/runs/{id}/queue
        *examples.routes,  #      /api/datasets/{id}/examples…
        *datasets.routes,  #      /api/datasets…
        *uploads.routes,  #       /api/uploads…
        *models.routes,  #        /api/models… /api/deployments…
        *gan_dashboard.routes,  # CONTRACTS A: /events/… /api/start_training …
        *mlops_dashboard.routes,  # CONTRACTS B: /ws /api/upload /api/train /api/training…
        *training_jobs.routes,  # CONTRACTS C: /ws/training /training/jobs… /training/datasets…
        *metrics.routes,  #       /metrics
        *openapi.routes,  #       /openapi.json /docs
        *asyncapi.routes,  #      /asyncapi.json
        *static.routes,  #        the page
    ]


def _for_other_pages(services: Services) -> list[Middleware]:
    """What browsers ask for before a page of another origin may read an answer; none unless some are let in."""
    origins = services.settings.allowed_origins
    if not origins:
        return []
    methods, headers = (
        ["GET", "POST", "PUT", "PATCH", "DELETE"],
        ["Authorization", "Last-Event-ID", "Pulsetrain-Client"],
    )
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=methods,
            allow_headers=[*headers, "If-None-Match", "If-Match", "Upload-Offset"],
            expose_headers=["ETag", "Retry-After", "Upload-Offset"],
        )
    ]


def make_app(services: Services, tokens: Tokens) -> Starlette:
    """The ASGI application over `services`."""
    app = Starlette(
        routes=all_routes(),
        exception_handlers=exception_handlers,
        middleware=[*_for_other_pages(services), Middleware(auth.Doors, services=services, tokens=tokens)],
    )
    app.state.services = services
    app.state.tokens = tokens
    return app
