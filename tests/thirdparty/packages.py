"""Sees to it that the npm packages of tests/thirdparty/node are there, with the Node that also builds the page.

`eventsource` is held at version 4 there: 5 asks for Node 22, and the page is content with 20.19.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "node"

sys.path.append(str(ROOT))
from hatch_build import _node  # noqa: E402


def node() -> str:
    """The node that runs the clients."""
    return _node()[0]


def install() -> None:
    """`npm ci`, unless the packages of this very lock file are there."""
    stamp = FOLDER / "node_modules/lock.sha256"
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    node, npm = _node()
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    command = [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=FOLDER, env={**os.environ, "PATH": path}, check=True)
    stamp.write_text(wanted)


if __name__ == "__main__":
    install()
