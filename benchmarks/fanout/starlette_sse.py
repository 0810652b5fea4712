"""Server-Sent Events on Starlette as one would write it: a queue for each client, a StreamingResponse over it.

python starlette_sse.py PORT          `POST /publish` takes events, one a line; `GET /` streams them
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

clients: set[asyncio.Queue[bytes]] = set()


async def publish(request: Request) -> Response:
    for event in (await request.body()).split(b"\n"):
        frame = b"data: " + event + b"\n\n"
        for client in clients:
            client.put_nowait(frame)
    return Response()


async def stream(request: Request) -> Response:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    clients.add(queue)

    async def frames() -> AsyncIterator[bytes]:
        try:
            yield b": hello\n\n"
            while True:
                yield await queue.get()
        finally:
            clients.discard(queue)

    return StreamingResponse(frames(), media_type="text/event-stream")


app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/", stream)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning", access_log=False)
