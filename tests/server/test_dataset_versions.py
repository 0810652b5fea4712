"""Versions of data sets: what was there before can still be read, and runs get what they were started with."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.core.datasets import contents
from pulsetrain.model.errors import DatasetNotFound
from pulsetrain.model.events import NewEvent
from server.data_site import Site, on_site

WINE = b"alcohol,class\n12.5,a\n13.1,b\n"
RUN = "r_aaaaaaaaaa"


async def replace(here: Site, content: bytes, name: str = "wine.csv") -> dict[str, Any]:
    answer = await here.upload(name, content, f"/api/datasets?replace={name}")
    assert answer.status_code == 201, answer.text
    dataset: dict[str, Any] = answer.json()["dataset"]
    return dataset


async def versions(here: Site, id: str = "wine.csv") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await here.client.get(f"/api/datasets/{id}/versions")).json()["versions"]
    return found


def test_replaced_content_is_the_next_version(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        first = (await here.upload("wine.csv", WINE)).json()["dataset"]
        second = await replace(here, WINE + b"13.5,c\n")
        assert (first["version"], second["version"], second["rows"], second["id"]) == (1, 2, 3, "wine.csv")
        assert second["created_at"] == first["created_at"] < second["updated_at"]
        # The same content again is no new version.
        assert (await replace(here, WINE + b"13.5,c\n"))["version"] == 2
        found = await versions(here)
        assert [(one["version"], one["digest"], one["rows"], one["kept"]) for one in found] == [
            (2, second["digest"], 3, True),
            (1, first["digest"], 2, True),
        ]
        for version, content in ((1, WINE), (2, WINE + b"13.5,c\n")):
            file = await here.client.get(f"/api/datasets/wine.csv/file?version={version}")
            assert file.content == content
            assert 'filename="wine.csv"' in file.headers["content-disposition"]
            table = (await here.client.get(f"/api/datasets/wine.csv/preview?version={version}")).json()["table"]
            assert table["rows"] == version + 1
        assert (await here.client.get("/api/datasets/wine.csv/file?version=3")).status_code == 404
        assert (await here.client.get("/api/datasets/wine.csv/file?version=x")).status_code == 400
        page = await here.parts.log.read(0, 10)
        events = [json.loads(event.body) for event in page.events]
        assert [(one["type"], one["data"]["version"]) for one in events] == [
            ("dataset.created", 1),
            ("dataset.updated", 2),
        ]
        assert events[1]["data"]["digest"] == second["digest"]

    on_site(tmp_path, body)


def test_a_version_of_another_format_or_of_nothing_is_refused(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("wine.csv", WINE)
        refused = await here.upload("x.jsonl", b'{"a": 1}\n', "/api/datasets?replace=wine.csv")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "wrong_format")
        refused = await here.upload("x.csv", WINE, "/api/datasets?replace=none.csv")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "dataset_not_found")
        refused = await here.upload("x.csv", b"a,b\n1\n", "/api/datasets?replace=wine.csv")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_table")
        assert refused.json()["error"]["problems"][0]["row"] == 1
        assert (await here.client.get("/api/datasets/wine.csv/file")).content == WINE
        assert len(await versions(here)) == 1

    on_site(tmp_path, body)


def test_a_data_folder_that_was_copied_still_serves_its_data(tmp_path: Path) -> None:
    """A copy has times of its own, and a file and what is kept of it are no longer one."""

    async def body(here: Site) -> None:
        datasets = here.parts.datasets
        digest = (await here.upload("wine.csv", WINE)).json()["dataset"]["digest"]
        kept, current = datasets.path("wine.csv", digest), datasets.path("wine.csv")
        assert kept.samefile(current)
        for path, seconds in ((kept, 1_000), (current, 2_000)):
            copy = path.with_name("copy")
            copy.write_bytes(path.read_bytes())
            os.utime(copy, (seconds, seconds))
            copy.replace(path)
        assert await datasets.digest("wine.csv") == digest
        assert datasets.path("wine.csv", digest).read_bytes() == WINE

    on_site(tmp_path, body)


def test_a_run_gets_the_content_that_it_was_started_with(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        datasets = here.parts.datasets
        first = (await here.upload("wine.csv", WINE)).json()["dataset"]["digest"]
        assert await datasets.digest("wine.csv") == first
        # A path that was given to a run stays, whatever takes the data set's place: between start and reading too.
        given = await asyncio.to_thread(datasets.path, "wine.csv", first)
        second = (await replace(here, WINE + b"13.5,c\n"))["digest"]
        assert given.read_bytes() == WINE
        assert given.name == "wine.csv"
        assert datasets.path("wine.csv", first) == given
        assert datasets.path("wine.csv", second).read_bytes() == WINE + b"13.5,c\n"
        assert datasets.path("wine.csv").read_bytes() == WINE + b"13.5,c\n"
        with pytest.raises(DatasetNotFound):
            datasets.path("wine.csv", "sha256:" + "0" * 64)

    on_site(tmp_path, body)


def test_old_contents_are_dropped_but_for_those_that_a_run_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulsetrain.core.datasets import shelf

    monkeypatch.setattr(shelf, "KEPT", 2)

    async def body(here: Site) -> None:
        first = (await here.upload("wine.csv", WINE)).json()["dataset"]["digest"]
        created = {"name": "w", "trainer": "tabular-gan", "dataset": "wine.csv", "dataset_digest": first}
        await here.append(NewEvent("run.created", created, RUN), NewEvent("run.status", {"state": "queued"}, RUN))
        for row in range(4):
            await replace(here, WINE + b"%d,c\n" % row)
        assert [one["kept"] for one in await versions(here)] == [True, True, True, False, True]
        gone = await here.client.get("/api/datasets/wine.csv/file?version=2")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "dataset_not_found")
        assert (await here.client.get("/api/datasets/wine.csv/file?version=1")).content == WINE
        await here.append(NewEvent("run.status", {"state": "stopped"}, RUN))
        await replace(here, WINE + b"9,d\n")
        assert [one["kept"] for one in await versions(here)] == [True, True, True, False, False, False]
        assert (await here.client.delete("/api/datasets/wine.csv")).status_code == 200
        assert list((tmp_path / "datasets" / ".versions").iterdir()) == []
        assert list((tmp_path / "datasets" / ".previews").iterdir()) == []

    on_site(tmp_path, body)


def test_a_file_written_over_by_hand_is_noticed_and_never_passes_for_the_old_one(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        datasets = here.parts.datasets
        first = (await here.upload("wine.csv", WINE)).json()["dataset"]["digest"]
        datasets.path("wine.csv", first)
        place = tmp_path / "datasets" / "wine.csv"
        place.write_bytes(WINE + b"13.5,c\n")
        # Not looked at yet, and the link in `.versions` was written over with it.
        with pytest.raises(DatasetNotFound):
            datasets.path("wine.csv", first)
        second = await datasets.digest("wine.csv")
        assert second != first
        assert [(one["version"], one["kept"]) for one in await versions(here)] == [(2, True), (1, False)]
        # A new date alone is no new version.
        os.utime(place, ns=(1, 1))
        assert await datasets.digest("wine.csv") == second
        assert len(await versions(here)) == 2

    on_site(tmp_path, body)


def test_versions_survive_a_restart(tmp_path: Path) -> None:
    async def first(here: Site) -> None:
        await here.upload("wine.csv", WINE)
        await replace(here, WINE + b"13.5,c\n")

    async def second(here: Site) -> None:
        assert [one["kept"] for one in await versions(here)] == [True, True]
        assert (await here.client.get("/api/datasets/wine.csv/file?version=1")).content == WINE

    on_site(tmp_path, first)
    on_site(tmp_path, second)


def test_where_the_disk_knows_no_links_there_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    kept = contents.Contents(tmp_path)
    file = tmp_path / "wine.csv"
    file.write_bytes(WINE)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    place = kept.keep("wine.csv", "sha256:ab", file)
    assert (place.read_bytes(), place.stat().st_mtime_ns) == (WINE, file.stat().st_mtime_ns)


def test_a_wrong_format_is_refused_when_a_run_is_started(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        datasets = here.parts.datasets
        await here.upload("wine.csv", WINE)
        started = await here.client.post("/api/runs", json={"trainer": "reader", "dataset": "wine.csv"})
        assert (started.status_code, started.json()["error"]["code"]) == (422, "wrong_format")
        assert "takes JSON Lines, and 'wine.csv' is CSV" in started.json()["error"]["message"]
        await here.upload("lines.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
        for trainer in ("reader", "tabular-gan"):
            started = await here.client.post("/api/runs", json={"trainer": trainer, "dataset": "lines.jsonl"})
            assert started.status_code == 201, started.text
        (tmp_path / "datasets" / "wine.csv").write_bytes(b"a,b\n1\n")
        started = await here.client.post("/api/runs", json={"trainer": "tabular-gan", "dataset": "wine.csv"})
        assert (started.status_code, started.json()["error"]["code"]) == (422, "bad_table")
        assert (await datasets.get("lines.jsonl"))[1].format == "jsonl"

    on_site(tmp_path, body)


# ---- files where they are ----


def test_a_file_below_an_allowed_folder_is_known_where_it_is(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    file = outside / "wine.csv"
    file.write_bytes(WINE)

    async def body(here: Site) -> None:
        answer = await here.client.post("/api/datasets/path", json={"path": str(file)})
        assert answer.status_code == 201
        first = answer.json()["dataset"]
        assert (first["id"], first["external"], first["rows"]) == ("wine.csv", True, 2)
        again = (await here.client.post("/api/datasets/path", json={"path": f"{outside}/./wine.csv"})).json()
        assert again["dataset"] == first
        # A name is given once, whoever asks.
        assert (await here.upload("wine.csv", WINE)).json()["dataset"]["id"] == "wine-2.csv"
        assert (await here.client.get("/api/datasets/wine.csv/file")).content == WINE
        file.write_bytes(WINE + b"13.5,c\n")
        with pytest.raises(DatasetNotFound):
            here.parts.datasets.path("wine.csv", first["digest"])
        assert await here.parts.datasets.digest("wine.csv") != first["digest"]
        assert [(one["version"], one["kept"]) for one in await versions(here)] == [(2, True), (1, False)]
        for change in (here.upload("x.csv", WINE, "/api/datasets?replace=wine.csv"),):
            assert (await change).status_code == 400
        file.rename(outside / "moved.csv")
        gone = (await here.client.get("/api/datasets")).json()["datasets"]
        assert "gone" in next(one for one in gone if one["id"] == "wine.csv")["problem"]
        assert (await here.client.get("/api/datasets/wine.csv/file")).status_code == 404
        (outside / "moved.csv").rename(file)
        back = (await here.client.get("/api/datasets")).json()["datasets"]
        found = next(one for one in back if one["id"] == "wine.csv")
        assert (found["problem"], found["version"]) == (None, 2)
        assert (await here.client.delete("/api/datasets/wine.csv")).status_code == 200
        assert file.exists()

    on_site(tmp_path, body)


def test_nothing_leads_out_of_the_allowed_folders(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "folder.csv").mkdir(parents=True)
    secret = tmp_path / "secret.csv"
    secret.write_bytes(WINE)
    (outside / "link.csv").symlink_to(secret)
    (outside / "up").symlink_to(tmp_path)
    (outside / "notes.md").write_bytes(WINE)
    os.mkfifo(outside / "pipe.csv")
    (outside / "wine.csv").write_bytes(WINE)

    async def body(here: Site) -> None:
        for path, status in {
            str(secret): 403,
            str(tmp_path / "none.csv"): 403,
            f"{outside}/../secret.csv": 403,
            f"{outside}/link.csv": 403,
            f"{outside}/up/secret.csv": 403,
            "/etc/passwd": 403,
            "outside/wine.csv": 400,
            f"{outside}/none.csv": 400,
            f"{outside}/folder.csv": 400,
            f"{outside}/pipe.csv": 400,
            f"{outside}/notes.md": 400,
            f"{outside}/wine.csv\0": 400,
        }.items():
            answer = await here.client.post("/api/datasets/path", json={"path": path})
            assert answer.status_code == status, path
        # A folder on the way that becomes a link afterwards leads nowhere either.
        known = await here.client.post("/api/datasets/path", json={"path": f"{outside}/wine.csv"})
        assert known.status_code == 201
        (outside / "wine.csv").unlink()
        (outside / "wine.csv").symlink_to(secret)
        assert (await here.client.get("/api/datasets/wine.csv/file")).status_code == 404
        assert "secret" not in (await here.client.get("/api/datasets")).text

    on_site(tmp_path, body)
