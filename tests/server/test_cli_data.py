"""`pulsetrain data` and the client's uploads, against a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pulsetrain
from conftest import StartServer
from live import LiveServer, eventually
from pulsetrain.sdk import uploading
from pulsetrain.sdk.answers import Refused

EXAMPLE = {"text": "play some jazz", "intent": "play", "entities": [{"start": 10, "end": 14, "label": "genre"}]}


def run(server: LiveServer, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pulsetrain.cli.main", "data", *words, "--url", server.url]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**server.environment, "COLUMNS": "140"}
    )


def test_data_sets_are_added_listed_shown_and_removed(start_server: StartServer, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    server = start_server("--data-path", str(outside))
    lines = [json.dumps(EXAMPLE), json.dumps({**EXAMPLE, "intent": ""})]
    (tmp_path / "assistant.jsonl").write_text("\n".join(lines))
    (outside / "wine.csv").write_text("a,b\n1,2\n3,4\n")
    added = run(server, "add", str(tmp_path / "assistant.jsonl"))
    assert (added.returncode, added.stdout) == (0, "assistant.jsonl · version 1 · 2 rows\n")
    (tmp_path / "assistant.jsonl").write_text("\n".join([*lines, json.dumps(EXAMPLE)]))
    again = run(server, "add", str(tmp_path / "assistant.jsonl"), "--replace", "assistant.jsonl")
    assert again.stdout == "assistant.jsonl · version 2 · 3 rows\n"
    assert "wine.csv · version 1" in run(server, "add", "--path", str(outside / "wine.csv")).stdout
    refused = run(server, "add", "--path", str(tmp_path / "assistant.jsonl"))
    assert refused.returncode != 0 and "not below a folder" in refused.stderr
    listed = run(server, "ls").stdout
    assert "examples" in listed and "1 rows wrong" in listed and "wine.csv" in listed
    shown = run(server, "show", "assistant.jsonl").stdout
    assert "row 2: The intent is missing." in shown
    assert run(server, "rm", "--yes", "assistant.jsonl", "wine.csv").returncode == 0
    assert json.loads(run(server, "ls", "--json").stdout) == []
    assert (outside / "wine.csv").exists()


def test_a_large_file_goes_on_after_the_server_was_killed(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    file = tmp_path / "large.csv"
    with file.open("wb") as out:
        out.write(b"a,b\n")
        out.writelines(b"%08d,%08d\n" % (row, row * 3) for row in range(1_100_000))
    parts = tmp_path / "data" / "datasets" / ".uploads"
    found: list[str] = []
    with pulsetrain.Client(server.url) as client:
        sending = threading.Thread(target=lambda: found.append(client.upload(file).digest or ""))
        sending.start()
        eventually(lambda: any(one.stat().st_size > 0 for one in parts.glob("*/content.csv")), "the first bytes")
        server.kill()
        server.start()
        sending.join(120)
        assert found and found == [client.dataset("large.csv").digest]
        assert client.dataset("large.csv").size == file.stat().st_size


def test_the_async_client_sends_in_pieces_too(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "ONE_PIECE", 5)
    server = start_server()
    (tmp_path / "small.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "bad.csv").write_text("a,b\n1\n2\n")

    async def main() -> None:
        async with pulsetrain.AsyncClient(server.url) as client:
            assert (await client.upload(tmp_path / "small.csv")).rows == 2
            with pytest.raises(Refused) as refusal:
                await client.upload(tmp_path / "bad.csv")
            assert refusal.value.reason == "bad_table"
            await client.delete_dataset("small.csv")
            assert await client.datasets() == []

    asyncio.run(main())
