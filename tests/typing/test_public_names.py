"""The public names are there, light, and typed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pulsetrain
from pulsetrain.wire.event_data import EVENT_DATA

HERE = Path(__file__).parent
SOURCES = Path(pulsetrain.__file__).parents[1]


def test_type_checkers_understand_what_is_public() -> None:
    """Every `type: ignore` there must be needed, so what should be refused is refused."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", HERE / "public_names.py"],
        env={**os.environ, "MYPYPATH": str(SOURCES)},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_public_name_can_be_had() -> None:
    """What type checkers are told is there, is there, and the other way round."""
    tree = ast.parse(Path(pulsetrain.__file__).read_text(encoding="utf-8"))
    told = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level for alias in node.names
    }
    assert told | {"__version__"} == set(pulsetrain.__all__)
    assert {kind.__name__ for kind in EVENT_DATA.values()} <= told
    for name in pulsetrain.__all__:
        assert getattr(pulsetrain, name) is not None
    assert pulsetrain.Client.__module__ == "pulsetrain.sdk.client"


def test_naming_a_client_imports_no_http_library() -> None:
    program = "import sys, pulsetrain; pulsetrain.Client, pulsetrain.typed; assert 'httpx' not in sys.modules"
    program += "; import pulsetrain.sdk.client as c; c.Client(); assert 'httpx' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
