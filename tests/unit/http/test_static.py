"""The page: what is served, how it is cached, and that nothing else is."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from pulsetrain.http.errors import exception_handlers, json_response
from pulsetrain.http.static import PageRoute, is_page_path

SCRIPT = b"console.log('hello');" * 200


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "_page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>pulsetrain</title>")
    (folder / "assets/app-4f3a.js").write_bytes(SCRIPT)
    (folder / "assets/font-1b2c.woff2").write_bytes(b"wOF2" + bytes(2000))
    (folder / "assets/packed-9d.css").write_bytes(b"body{}")
    (folder / "assets/packed-9d.css.br").write_bytes(b"brotli bytes")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def _app(folder: Path) -> Starlette:
    async def runs(request: object) -> object:
        return json_response([])

    routes = [Route("/api/runs", runs), PageRoute(folder)]
    return Starlette(routes=routes, exception_handlers=dict(exception_handlers))


def _get(folder: Path | Starlette, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    app = folder if isinstance(folder, Starlette) else _app(folder)
    named = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=named)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/", "/index.html", "/runs", "/runs/r_abcdefghij", "/data/wine.csv", "/eventsx"])
def test_every_address_of_the_pages_router_gets_the_index_uncached(page: Path, path: str) -> None:
    answer = _get(page, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "<title>pulsetrain" in answer.text


def test_hashed_assets_are_cached_for_good(page: Path) -> None:
    answer = _get(page, "/assets/app-4f3a.js")
    assert answer.content == SCRIPT
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert _get(page, "/favicon.svg").headers["cache-control"] == "no-cache"


def test_an_unknown_asset_is_not_the_index(page: Path) -> None:
    answer = _get(page, "/assets/gone-0000.js")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/api/nowhere", "/api", "/events/nowhere", "/docs/x", "/health/x"])
def test_what_is_wrong_under_the_api_is_an_error_and_not_the_page(page: Path, path: str) -> None:
    assert _get(page, path).status_code == 404
    assert not is_page_path(path) and not is_page_path("/" + path)


def test_a_wrong_method_is_told_as_such(page: Path) -> None:
    assert _get(page, "/api/runs", "POST").status_code == 405
    assert _get(page, "/runs", "POST").status_code == 405
    assert _get(page, "/runs", "HEAD").status_code == 200


def test_text_is_compressed_for_who_takes_it(page: Path) -> None:
    packed = _get(page, "/assets/app-4f3a.js", accept_encoding="gzip, deflate")
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT) // 10
    assert packed.content == SCRIPT
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "content-encoding" not in _get(page, "/assets/app-4f3a.js", accept_encoding="gzip;q=0").headers
    assert "content-encoding" not in _get(page, "/assets/font-1b2c.woff2", accept_encoding="gzip").headers


def test_files_that_the_build_packed_are_served_packed_and_not_by_their_own_name(page: Path) -> None:
    app = _app(page)
    asked = _get(app, "/assets/packed-9d.css", accept_encoding="identity")
    assert asked.content == b"body{}"
    assert _get(app, "/assets/packed-9d.css.br").status_code == 404
    asset = app.routes[-1].page.find("assets/packed-9d.css")  # type: ignore[attr-defined]  # it is a PageRoute
    assert asset.bodies["br"] == b"brotli bytes"


def test_an_unchanged_file_is_not_sent_again(page: Path) -> None:
    app = _app(page)
    first = _get(app, "/")
    again = _get(app, "/", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    packed = _get(app, "/assets/app-4f3a.js", accept_encoding="gzip")
    plain = _get(app, "/assets/app-4f3a.js", if_none_match=packed.headers["etag"])
    assert plain.status_code == 200, "another encoding is another thing"


def test_a_new_build_shows_at_once(page: Path) -> None:
    app = _app(page)
    assert "pulsetrain" in _get(app, "/").text
    (page / "new.html").write_text("<title>newer</title>")
    (page / "new.html").replace(page / "index.html")
    assert "newer" in _get(app, "/").text


TRAVERSALS = ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "assets/../../secret.txt", "..\\secret.txt"]


@pytest.mark.parametrize("path", [*TRAVERSALS, "link.txt", "/etc/passwd", "assets/%00", "."])
def test_no_path_leads_out_of_the_folder(page: Path, path: str) -> None:
    for asked in (path, quote(path, safe="/")):
        answer = _get(page, f"/{asked}")
        assert "secret" not in answer.text and "root:" not in answer.text
        assert PageRoute(page).page.find(path) in (None, PageRoute(page).page.find("index.html"))


def test_without_a_page_the_server_says_how_to_build_it(tmp_path: Path) -> None:
    answer = _get(tmp_path / "nothing", "/")
    assert answer.status_code == 503
    assert "make install" in answer.text and "python hatch_build.py" in answer.text


def test_compression_is_the_same_each_time(page: Path) -> None:
    one, two = (PageRoute(page).page.find("assets/app-4f3a.js") for _ in range(2))
    assert one is not None and two is not None and one.bodies == two.bodies
    assert gzip.decompress(one.bodies["gzip"]) == SCRIPT
