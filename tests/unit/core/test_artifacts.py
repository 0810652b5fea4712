"""Artifacts are whole or absent, bounded, and never outside their folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pulsetrain.core.artifacts import Artifacts
from pulsetrain.model.errors import ArtifactNotFound, BadRequest, TooLarge


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_what_was_put_is_found_with_its_size_and_digest(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, 1000)
    made = asyncio.run(artifacts.put("r_a", "out.csv", "data", chunks(b"a,b\n", b"1,2\n")))
    assert (made.size, made.digest) == (8, "sha256:" + hashlib.sha256(b"a,b\n1,2\n").hexdigest())
    assert artifacts.path("r_a", "out.csv").read_bytes() == b"a,b\n1,2\n"


@pytest.mark.parametrize("name", ["../spec.json", "/etc/passwd", "a/b", "..", ".hidden", "", "x" * 200, "a\0b", "a\nb"])
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    artifacts = Artifacts(tmp_path, 1000)
    with pytest.raises(BadRequest):
        artifacts.path("r_a", name)
    with pytest.raises(BadRequest):
        asyncio.run(artifacts.put("r_a", name, "file", chunks(b"x")))


def test_too_much_leaves_nothing_behind_and_spares_what_was_there(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, 10)
    asyncio.run(artifacts.put("r_a", "model.pt", "model", chunks(b"old")))
    with pytest.raises(TooLarge):
        asyncio.run(artifacts.put("r_a", "model.pt", "model", chunks(b"123456", b"789012")))
    assert artifacts.path("r_a", "model.pt").read_bytes() == b"old"
    assert [path.name for path in (tmp_path / "r_a" / "artifacts").iterdir()] == ["model.pt"]


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ArtifactNotFound):
        Artifacts(tmp_path, 10).path("r_a", "model.pt")
