"""Uploads in pieces: they go on where they were, whatever happened in between."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from conftest import StartServer
from live import PATIENCE
from pulsetrain.core.datasets import uploads
from server.data_site import Site, on_site

CONTENT = b"a,b\n" + b"1,2\n3,4\n" * 500
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


async def begin(here: Site, **asked: object) -> str:
    answer = await here.client.post("/api/uploads", json={"name": "wine.csv", "size": len(CONTENT), **asked})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["offset"], answer.json()["chunk_bytes"]) == (0, 8 * 1024 * 1024)
    id: str = answer.json()["id"]
    return id


async def send(here: Site, id: str, offset: int, piece: bytes) -> httpx.Response:
    return await here.client.patch(f"/api/uploads/{id}", content=piece, headers={"Upload-Offset": str(offset)})


async def offset(here: Site, id: str) -> int:
    answer = await here.client.head(f"/api/uploads/{id}")
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def test_pieces_become_a_data_set(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        id = await begin(here, digest=DIGEST)
        first = await send(here, id, 0, CONTENT[:1000])
        assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "1000", b"")
        assert await offset(here, id) == 1000
        last = await send(here, id, 1000, CONTENT[1000:])
        assert (last.status_code, last.json()["dataset"]["rows"]) == (201, 1000)
        assert last.json()["dataset"]["digest"] == DIGEST
        assert (await here.client.get("/api/datasets/wine.csv/file")).content == CONTENT
        # Whoever did not hear the answer asks again, and makes no second data set.
        assert await offset(here, id) == len(CONTENT)
        again = await send(here, id, len(CONTENT), b"")
        assert (again.status_code, again.json()["dataset"]["id"]) == (201, "wine.csv")
        assert len((await here.client.get("/api/datasets")).json()["datasets"]) == 1
        state = (await here.client.get(f"/api/uploads/{id}")).json()
        assert state == {
            "id": id,
            "name": "wine.csv",
            "size": len(CONTENT),
            "offset": len(CONTENT),
            "dataset": "wine.csv",
        }

    on_site(tmp_path, body)


def test_a_piece_that_does_not_follow_is_refused_with_the_place(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        id = await begin(here)
        await send(here, id, 0, CONTENT[:1000])
        for wrong in (0, 999, 1001):
            refused = await send(here, id, wrong, CONTENT[wrong:])
            assert (refused.status_code, refused.headers["upload-offset"]) == (409, "1000")
            assert refused.json()["error"]["code"] == "upload_offset"
        assert (await send(here, id, 1000, CONTENT[1000:] + b"more")).status_code == 400
        assert (await here.client.patch(f"/api/uploads/{id}", content=b"x")).status_code == 400
        assert (await here.client.patch("/api/uploads/u_aaaaaaaaaa", headers={"Upload-Offset": "0"})).status_code == 404
        assert (await here.client.head("/api/uploads/..%2F..%2Flog.db")).status_code == 404
        assert await offset(here, id) == 1000
        assert (await send(here, id, 1000, CONTENT[1000:])).status_code == 201

    on_site(tmp_path, body)


def test_a_broken_connection_costs_nothing_that_arrived(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        id = await begin(here)
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        head = f"PATCH /api/uploads/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpload-Offset: 0\r\n"
        head += f"Content-Length: {len(CONTENT)}"
        writer.write(head.encode() + b"\r\n\r\n" + CONTENT[:2000])
        await writer.drain()
        while await offset(here, id) < 2000:
            pass
        # While that one is sending, nobody else may.
        refused = await send(here, id, 2000, CONTENT[2000:])
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "upload_offset")
        writer.close()
        while (last := await send(here, id, 2000, CONTENT[2000:])).status_code == 409:
            pass
        assert (last.status_code, last.json()["dataset"]["digest"]) == (201, DIGEST)

    on_site(tmp_path, body)


def test_what_is_announced_is_checked(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        for asked, status in (
            ({"name": "../x.csv", "size": 5}, 400),
            ({"name": "x.csv", "size": 0}, 400),
            ({"name": "x.csv", "size": -1}, 400),
            ({"name": "x.csv", "size": 2**20 + 1}, 413),
            ({"name": "x.csv", "size": 5, "digest": "md5"}, 400),
            ({"name": "x.csv", "size": 5, "replace": "none.csv"}, 404),
            ({"name": "x.csv"}, 400),
        ):
            assert (await here.client.post("/api/uploads", json=asked)).status_code == status, asked
        id = await begin(here, digest="sha256:" + "0" * 64)
        refused = await send(here, id, 0, CONTENT)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "upload_corrupt")
        assert (await here.client.head(f"/api/uploads/{id}")).status_code == 404
        id = await begin(here, size=5)
        refused = await send(here, id, 0, b"a,b\n1")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_table")
        assert list((tmp_path / "datasets" / ".uploads").iterdir()) == []

    on_site(tmp_path, body)


def test_uploads_at_the_same_time_and_as_the_next_version(tmp_path: Path) -> None:
    async def one(here: Site, number: int) -> str:
        content = CONTENT + b"%d,9\n" % number
        id = await begin(here, size=len(content))
        for at in range(0, len(content), 700):
            answer = await send(here, id, at, content[at : at + 700])
        assert answer.status_code == 201
        found: str = answer.json()["dataset"]["id"]
        return found

    async def body(here: Site) -> None:
        names = await asyncio.gather(*(one(here, number) for number in range(3)))
        assert sorted(names) == ["wine-2.csv", "wine-3.csv", "wine.csv"]
        id = await begin(here, replace="wine.csv")
        dataset = (await send(here, id, 0, CONTENT)).json()["dataset"]
        assert (dataset["id"], dataset["version"]) == ("wine.csv", 2)

    on_site(tmp_path, body)


def test_there_is_a_bound_and_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST", 2)

    async def body(here: Site) -> None:
        old, new = await begin(here), await begin(here)
        await send(here, old, 0, CONTENT[:10])
        answer = await here.client.post("/api/uploads", json={"name": "x.csv", "size": 5})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        assert (await here.client.delete(f"/api/uploads/{new}")).status_code == 204
        new = await begin(here)
        # Nobody has sent to the first one for a day: the next announcement takes its place.
        for file in (tmp_path / "datasets" / ".uploads" / old).iterdir():
            os.utime(file, (0, 0))
        await begin(here)
        assert (await here.client.head(f"/api/uploads/{old}")).status_code == 404
        assert await offset(here, new) == 0

    on_site(tmp_path, body)


def test_an_upload_survives_the_death_of_the_server(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server()
    id = server.post("/api/uploads", json={"name": "wine.csv", "size": len(CONTENT), "digest": DIGEST})["id"]
    address = f"/api/uploads/{id}"
    httpx.patch(server.url + address, content=CONTENT[:3000], headers={"Upload-Offset": "0"}, timeout=PATIENCE)
    server.kill()
    server.start()
    assert httpx.head(server.url + address, timeout=PATIENCE).headers["upload-offset"] == "3000"
    last = httpx.patch(
        server.url + address, content=CONTENT[3000:], headers={"Upload-Offset": "3000"}, timeout=PATIENCE
    )
    assert (last.status_code, last.json()["dataset"]["digest"]) == (201, DIGEST)


def test_a_torn_body_is_kept(tmp_path: Path) -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield CONTENT[:500]
        raise ConnectionError

    async def body(here: Site) -> None:
        id = await begin(here)
        with pytest.raises(ConnectionError):
            await here.parts.uploads.write(id, 0, torn())
        assert await offset(here, id) == 500

    on_site(tmp_path, body)
