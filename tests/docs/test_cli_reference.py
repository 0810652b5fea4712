"""The reference of the command line is what the commands say of themselves."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from pulsetrain.cli.main import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli_reference", DOCS / "make_cli_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_up_to_date() -> None:
    text = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
    assert text == _maker().page(text), "run `python docs/make_cli_reference.py`"


def test_every_command_and_its_options_are_there() -> None:
    text = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"### pulsetrain {name}\n" in text
    for flag in ("`--follow`", "`--grace`", "`--json`", "`--allow-host`"):
        assert flag in text
