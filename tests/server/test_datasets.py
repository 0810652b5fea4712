"""Data sets over HTTP: what is taken, what is refused and how, and that nothing leaves the folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from pulsetrain.model.events import NewEvent
from server.data_site import Site, on_site

WINE = b"alcohol,class\n12.5,a\n13.1,b\n"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "datasets").iterdir() if path.is_file())


def test_the_life_of_a_data_set(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        answer = await here.upload("wine.csv", WINE)
        assert answer.status_code == 201
        dataset = answer.json()["dataset"]
        assert {key: dataset[key] for key in ("id", "name", "rows", "columns", "size", "sample", "problem")} == {
            "id": "wine.csv", "name": "wine.csv", "rows": 2, "columns": 2, "size": len(WINE), "sample": False,
            "problem": None,
        }  # fmt: skip
        assert (await here.upload("wine.csv", WINE)).json()["dataset"]["id"] == "wine-2.csv"
        listed = (await here.client.get("/api/datasets")).json()
        assert [one["id"] for one in listed["datasets"]] == ["wine-2.csv", "wine.csv"]
        preview = (await here.client.get("/api/datasets/wine.csv/preview")).json()
        assert preview["dataset"] == dataset
        assert preview["table"]["columns"][0]["kind"] == "number"
        file = await here.client.get("/api/datasets/wine.csv/file")
        assert (file.content, file.headers["content-disposition"]) == (WINE, 'attachment; filename="wine.csv"')
        gone = await here.client.delete("/api/datasets/wine.csv")
        assert gone.status_code == 200
        for path in ("", "/preview", "/file"):
            missing = await here.client.get(f"/api/datasets/wine.csv{path}")
            assert (missing.status_code, missing.json()["error"]["code"]) == (404, "dataset_not_found")
        page = await here.parts.log.read(0, 10)
        events = [json.loads(event.body) for event in page.events]
        assert [(event["type"], event["data"]["id"]) for event in events] == [
            ("dataset.created", "wine.csv"),
            ("dataset.created", "wine-2.csv"),
            ("dataset.deleted", "wine.csv"),
        ]
        assert gone.json()["cursor"].endswith("-3")
        assert files(tmp_path) == ["wine-2.csv"]

    on_site(tmp_path, body)


BAD_FILES = {
    "empty": (b"", "is empty"),
    "header only": (b"a,b\n", "no rows"),
    "ragged": (b"a,b\n1,2\n3\n", "Row 2 (line 3)"),
    "encoding": ("имя,b\nПривет,1\n".encode("cp1251"), "byte 0"),
    "binary": (b"PK\x03\x04" + b"\0" * 100, "spreadsheet"),
}


def test_a_bad_file_is_refused_with_the_reason_and_leaves_nothing(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        for content, words in BAD_FILES.values():
            answer = await here.upload("bad.csv", content)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (422, "bad_table")
            assert words in error["message"]
            assert error["hint"]
            assert files(tmp_path) == []

    on_site(tmp_path, body)


def test_doubtful_files_are_taken_with_a_warning(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        for content, words in [
            (b"a\n1\n2\n", "one column"),
            (b"a,b\n1,2\n1,3\n", "same value in every row"),
            (b"a,b\n,2\n,3\n", "no values at all"),
        ]:
            id = (await here.upload("odd.csv", content)).json()["dataset"]["id"]
            table = (await here.client.get(f"/api/datasets/{id}/preview")).json()["table"]
            assert any(words in warning for warning in table["warnings"])

    on_site(tmp_path, body)


NO_NAMES = ["../outside.csv", "..\\outside.csv", "/etc/outside.csv", "a/b.csv", "..／outside.csv", "..", "\u202e.", ""]


def test_a_name_that_is_a_path_or_none_is_refused(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        for name in NO_NAMES:
            assert await _post_form(here, name.encode(), WINE) == 400
            assert files(tmp_path) == []
        assert not list(tmp_path.rglob("*outside*"))

    on_site(tmp_path, body)


async def _post_form(here: Site, filename: bytes, content: bytes) -> int:
    """Post a form whose file name no client library has put in order."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + filename + b'"\r\n\r\n'
    answer = await here.client.post(
        "/api/datasets",
        content=head + content + b"\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    return answer.status_code


NO_IDS = ["..%2Flog.db", "%2Fetc%2Fpasswd", ".meta", ".meta%2Fwine.csv.json", "link.csv", "wine.csv%00", "folder.csv"]


def test_no_id_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "datasets"
    (folder / "folder.csv").mkdir(parents=True)
    (tmp_path / "secret.csv").write_bytes(WINE)
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "wine.csv").write_bytes(WINE)

    async def body(here: Site) -> None:
        for id in NO_IDS:
            for path in ("", "/preview", "/file"):
                answer = await here.client.get(f"/api/datasets/{id}{path}")
                assert answer.status_code == 404, id
        listed = (await here.client.get("/api/datasets")).json()["datasets"]
        assert [one["id"] for one in listed] == ["wine.csv"]
        # A link put in the place of a known file is not followed either.
        (folder / "wine.csv").unlink()
        (folder / "wine.csv").symlink_to(tmp_path / "secret.csv")
        assert (await here.client.get("/api/datasets/wine.csv/file")).status_code == 404

    on_site(tmp_path, body)


def test_an_upload_over_the_limit_is_refused_by_its_announced_length(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(
            b"POST /api/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        # The answer comes although not one byte of the gigabyte was sent.
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        writer.close()

    on_site(tmp_path, body)


def test_an_upload_over_the_limit_is_refused_on_the_way(tmp_path: Path) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\na,b\n'

    async def long() -> AsyncIterator[bytes]:
        yield head
        for _ in range(500):
            yield b"1,2,3\n" * 10_000
        yield b"\r\n--b--\r\n"

    async def body(here: Site) -> None:
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        # No length is announced, and a client that sends to its end before it reads gets the answer all the same.
        answer = await here.client.post("/api/datasets", content=long(), headers=form)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        assert "1 MiB" in answer.json()["error"]["message"]
        # One that reads while it sends hears it as soon as the limit is passed.
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(b"POST /api/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1100000\r\n")
        writer.write(b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + head + b"1,2\n" * 265_000)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
        writer.close()
        assert files(tmp_path) == []

    on_site(tmp_path, body)


def test_a_file_of_just_the_limit_is_taken(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        content = b"a,b\n" + b"1,2\n" * 249
        assert (await here.upload("full.csv", content)).status_code == 201
        assert (await here.upload("over.csv", content + b"1,2\n")).status_code == 413

    on_site(tmp_path, body, upload_limit=1000)


NO_FORMS = [
    ("application/json", b"{}"),
    ("multipart/form-data", b"--b"),
    ("multipart/form-data; boundary=b", b""),
    ("multipart/form-data; boundary=b", b"nonsense"),
    ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n'),
    (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n1,2',
    ),
    ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 300_000),
]


def test_bodies_that_are_no_form_with_a_file(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        for media, content in NO_FORMS:
            answer = await here.client.post("/api/datasets", content=content, headers={"Content-Type": media})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
        assert files(tmp_path) == []

    on_site(tmp_path, body)


def test_a_data_set_that_an_active_run_needs_is_not_deleted(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("wine.csv", WINE)
        run = "r_aaaaaaaaaa"
        await here.append(
            NewEvent("run.created", {"name": "wine-1", "trainer": "tabular-gan", "dataset": "wine.csv"}, run)
        )
        refused = await here.client.delete("/api/datasets/wine.csv")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "dataset_in_use")
        assert "wine-1" in refused.json()["error"]["message"]
        await here.append(NewEvent("run.status", {"state": "stopped"}, run))
        assert (await here.client.delete("/api/datasets/wine.csv")).status_code == 200

    on_site(tmp_path, body)


def test_the_order_book(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        made = await here.client.post("/api/datasets/order-book", json={"rows": 80, "seed": 3})
        assert made.status_code == 201
        dataset = made.json()["dataset"]
        assert (dataset["rows"], dataset["columns"], dataset["sample"]) == (80, 24, True)
        again = (await here.client.post("/api/datasets/order-book", json={"rows": 80, "seed": 3})).json()["dataset"]
        assert again["digest"] == dataset["digest"]
        for rows in (7, 200_001):
            refused = await here.client.post("/api/datasets/order-book", json={"rows": rows})
            assert refused.status_code == 400

    on_site(tmp_path, body)


def test_files_put_into_the_folder_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "mine.csv").write_bytes(WINE)
    (folder / "broken.csv").write_bytes(b"a,b\n1\n")
    (folder / "notes.md").write_text("not a table")
    (folder / ".incoming-left.csv").write_bytes(b"torn")

    async def body(here: Site) -> None:
        listed = (await here.client.get("/api/datasets")).json()["datasets"]
        found = {one["id"]: one for one in listed}
        assert sorted(found) == ["broken.csv", "mine.csv"]
        assert "Row 1 (line 2)" in found["broken.csv"]["problem"]
        assert found["broken.csv"]["rows"] is None
        assert (await here.client.get("/api/datasets/broken.csv/preview")).status_code == 422
        (folder / "mine.csv").write_bytes(WINE + b"13.5,c\n")
        (folder / "broken.csv").unlink()
        [mine] = (await here.client.get("/api/datasets")).json()["datasets"]
        assert mine["rows"] == 3

    on_site(tmp_path, body)
    assert not (folder / ".incoming-left.csv").exists()
