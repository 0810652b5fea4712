"""The page that lists the metrics lists them all, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pulsetrain.core.beats import Beats
from pulsetrain.core.hub import Hub
from pulsetrain.core.meter import Meter
from pulsetrain.http.metrics import families
from pulsetrain.model.log import View

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"


def test_the_documentation_lists_every_metric_and_no_other() -> None:
    hub: Any = SimpleNamespace(
        meter=Meter(), beats=Beats(), readers=0, lag=lambda: 0, view=lambda: View("abcdefgh", 1, 0)
    )
    known = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in families(cast(Hub, hub), tasks=0)
    }
    named = set(re.findall(r"`(pulsetrain_\w+)`", PAGE.read_text()))
    assert named == known
