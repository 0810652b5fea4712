"""The measured server: the log, the hub, and the routes of stream and ingest, as `pulsetrain up` has them.

python benchmarks/server.py FOLDER [full|normal]      prints `port run token` once it serves
"""

from __future__ import annotations

import hashlib
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import uvicorn
import uvloop
from starlette.applications import Starlette

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.hub import Hub
from pulsetrain.core.ingest import Ingest
from pulsetrain.http import events, ingest
from pulsetrain.http.errors import exception_handlers
from pulsetrain.http.transport import RequestProtocol
from pulsetrain.model.events import NewEvent
from pulsetrain.ports import Transaction

RUN, TOKEN = "r_benchmarks", "a-token-for-the-benchmark"


def register(log: Transaction) -> list[NewEvent]:
    log.set_run_token_digest(RUN, hashlib.sha256(TOKEN.encode()).hexdigest())
    return [NewEvent("run.created", {"name": "benchmark"}, RUN)]


async def main(folder: Path, durability: str) -> None:
    log = await SqliteLog.open(folder / "log.db", durability="normal" if durability == "normal" else "full")
    await log.append(register)
    app = Starlette(routes=[*events.routes, *ingest.routes], exception_handlers=exception_handlers)
    app.state.services = SimpleNamespace(log=log, hub=Hub(log), ingest=Ingest(log, lambda _: None))
    config = uvicorn.Config(app, http=RequestProtocol, log_level="warning", access_log=False, lifespan="off")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        print(listener.getsockname()[1], RUN, TOKEN, flush=True)
        await uvicorn.Server(config).serve([listener])
    await log.close()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "full"))
