"""`websockets.broadcast` as its documentation shows it, without compression, on uvloop.

python websockets_broadcast.py PORT PUBLISH     clients come to PORT; a connection to PUBLISH sends events, one a line
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

clients: set[ServerConnection] = set()


async def client(connection: ServerConnection) -> None:
    clients.add(connection)
    try:
        await connection.send("hello")  # It gets what is published from now on.
        await connection.wait_closed()
    finally:
        clients.discard(connection)


async def publisher(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        broadcast(clients, line[:-1].decode())
    writer.close()


async def main(port: int, publish: int) -> None:
    publishing = await asyncio.start_server(publisher, "127.0.0.1", publish)
    async with publishing, serve(client, "127.0.0.1", port, compression=None, backlog=2048) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
