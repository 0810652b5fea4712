from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.core import host
from pulsetrain.core.host import Health, Host, judge


def sample(cpu: float = 10, memory: float = 10, disk: float = 10) -> dict[str, float]:
    return {"cpu_percent": cpu, "memory_percent": memory, "disk_percent": disk}


@pytest.mark.parametrize(
    ("measured", "before", "after"),
    [
        (sample(), "healthy", "healthy"),
        (sample(cpu=80), "healthy", "healthy"),
        (sample(cpu=80.1), "healthy", "warning"),
        (sample(cpu=90.1), "healthy", "critical"),
        (sample(disk=90), "healthy", "healthy"),
        (sample(disk=95.1, cpu=85), "healthy", "critical"),
        # A value on the edge does not flutter: what holds ends two points below where it began.
        (sample(cpu=78.1), "warning", "warning"),
        (sample(cpu=78), "warning", "healthy"),
        (sample(memory=88.1), "critical", "critical"),
        (sample(memory=88), "critical", "warning"),
    ],
)
def test_how_well_a_machine_is(measured: dict[str, float], before: Health, after: Health) -> None:
    assert judge(measured, before) == after


def test_a_change_that_somebody_asked_for_first_is_told_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`request_metrics` samples too: it must not swallow the change; and one that takes nothing holds up nobody."""
    monkeypatch.setattr(host, "SAMPLE_SECONDS", 0.05)
    load = {"cpu": 10.0}
    monkeypatch.setattr(host, "measure", lambda folder: sample(cpu=load["cpu"]))
    changes: list[tuple[str, str]] = []

    async def main() -> None:
        watched = Host(tmp_path)
        first, told = asyncio.Event(), asyncio.Event()

        async def hear(measured: dict[str, Any], before: str) -> None:
            first.set()
            if measured["system_health"] != before:
                changes.append((before, measured["system_health"]))
                told.set()

        async def stuck(measured: dict[str, Any], before: str) -> None:
            await asyncio.Event().wait()

        with watched.listened(stuck), watched.listened(hear):
            await asyncio.wait_for(first.wait(), 60)
            load["cpu"] = 99.0
            assert (await watched.sample())["system_health"] == "critical"
            await asyncio.wait_for(told.wait(), 60)

    asyncio.run(main())
    assert changes == [("healthy", "critical")]
