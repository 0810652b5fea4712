"""The page: files of `_page/`, and its index for every address that the page's own router knows.

Only files that were found by walking the folder are served, looked up by name: no path can lead out of it.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

PAGE_FOLDER = Path(__file__).parents[1] / "_page"

RESERVED = frozenset(
    {
        "api",
        "docs",
        "events",
        "health",
        "metrics",
        "openapi.json",
        "asyncapi.json",
        "progress_data",
        "training",
        "training_data",
        "ws",
    }
)
"""First parts of addresses that never mean the page: what is wrong under them is an error, not the dashboard."""

_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
_COMPRESSIBLE = frozenset({"css", "html", "ico", "js", "json", "map", "mjs", "svg", "txt", "webmanifest", "xml"})
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Spelled out: what `mimetypes` says depends on the machine, and browsers refuse modules of a wrong type."""

_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>pulsetrain: the page is not built</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1.5rem }
  pre { padding: 1rem; border: 1px solid #8884; border-radius: .5rem; overflow-x: auto }
  h1 { font-size: 1.4rem }
</style>
<h1>The server runs; its page is not built yet.</h1>
<p>A checkout holds the page's source. Build it once, then reload:</p>
<pre>make install          # everything, into .venv
python hatch_build.py # the page alone</pre>
<p>Everything else works without it: <a href="/docs">the API</a>, and <code>pulsetrain ls</code>, <code>start</code>,
<code>watch</code> in a terminal. A package from <code>pip install pulsetrain</code> has the page inside.</p>
</html>"""


def is_page_path(path: str) -> bool:
    """Whether `path` belongs to the page, which everybody may load: it holds no data."""
    return path.lstrip("/").partition("/")[0] not in RESERVED


@dataclass(frozen=True)
class Asset:
    """One file of the page, in the encodings that it is there in."""

    media_type: str
    cache: str
    tag: str
    bodies: dict[str, bytes]
    """Content-Encoding → bytes; `identity` is always there."""

    def answer(self, request: Request) -> Response:
        accepted = request.headers.get("accept-encoding", "")
        encoding = next(
            (name for name, _ in _ENCODINGS if name in self.bodies and _accepts(accepted, name)), "identity"
        )
        tag = f'"{self.tag}-{encoding}"'
        headers = {"Cache-Control": self.cache, "ETag": tag, "Vary": "Accept-Encoding"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        return Response(self.bodies[encoding], headers=headers, media_type=self.media_type)


def _accepts(accepted: str, encoding: str) -> bool:
    for part in accepted.lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() == encoding:
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Page:
    """The built page. Files are read once, and again when a new build has replaced the index."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}
        self._assets: dict[str, Asset] = {}
        self._built: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def find(self, path: str) -> Asset | None:
        """The file at `path` (without a leading slash), else the index; None for an unknown asset or without a page."""
        with self._lock:
            self._rescan()
            name = path if path in self._files else "index.html"
            if name not in self._files or (name != path and path.startswith("assets/")):
                return None
            if name not in self._assets:
                self._assets[name] = self._read(name)
            return self._assets[name]

    @property
    def built(self) -> bool:
        return (self._folder / "index.html").is_file()

    def _rescan(self) -> None:
        try:
            stat = (self._folder / "index.html").stat()
        except OSError:
            self._files, self._assets, self._built = {}, {}, None
            return
        if (stat.st_mtime_ns, stat.st_ino) != self._built:
            self._built = (stat.st_mtime_ns, stat.st_ino)
            self._assets = {}
            self._files = {
                file.relative_to(self._folder).as_posix(): file
                for file in self._folder.rglob("*")
                if file.is_file() and not file.is_symlink() and file.suffix not in (".br", ".gz")
            }

    def _read(self, name: str) -> Asset:
        file = self._files[name]
        body = file.read_bytes()
        bodies = {"identity": body}
        for encoding, suffix in _ENCODINGS:
            packed = file.with_name(file.name + suffix)
            if packed.is_file():
                bodies[encoding] = packed.read_bytes()
        if "gzip" not in bodies and file.suffix.lstrip(".") in _COMPRESSIBLE and len(body) > 1024:
            bodies["gzip"] = gzip.compress(body, 9, mtime=0)
        media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        # The build puts a hash of the content into the names of assets, so they never change.
        cache = _IMMUTABLE if name.startswith("assets/") else _REVALIDATE
        return Asset(media_type, cache, hashlib.sha256(body).hexdigest()[:16], bodies)


class PageRoute(Route):
    """Takes every address that is the page's, and leaves reserved ones to the router, for a proper 404 or 405."""

    def __init__(self, folder: Path = PAGE_FOLDER) -> None:
        self.page = Page(folder)
        super().__init__("/{path:path}", self._answer, methods=["GET"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and is_page_path(scope["path"]):
            return super().matches(scope)
        return Match.NONE, {}

    def _answer(self, request: Request) -> Response:
        """Not a coroutine, so it runs in a thread: the first request for a file reads and compresses it."""
        asset = self.page.find(request.path_params["path"])
        if asset is not None:
            return asset.answer(request)
        if self.page.built:
            raise HTTPException(404)
        return Response(_MISSING, 503, {"Cache-Control": "no-store"}, "text/html; charset=utf-8")


routes: list[BaseRoute] = [PageRoute()]
