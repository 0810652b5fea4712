"""What runs may take is what the operator says, and else what there is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from pulsetrain.core.machine import machine_of
from pulsetrain.core.settings import Settings
from pulsetrain.model.queue import Gpu


def test_without_a_word_it_is_the_machine(tmp_path: Path) -> None:
    found = asyncio.run(machine_of(Settings(tmp_path)))
    assert found.cores == len(os.sched_getaffinity(0))
    assert 0 < found.memory_bytes <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.slots == 1


def test_what_the_operator_says_counts(tmp_path: Path) -> None:
    settings = Settings(tmp_path, slots=3, cores=1.5, memory_bytes=7, gpus=(1, 3))
    found = asyncio.run(machine_of(settings))
    assert (found.slots, found.cores, found.memory_bytes) == (3, 1.5, 7)
    assert [gpu.index for gpu in found.gpus] == [1, 3]
    assert asyncio.run(machine_of(Settings(tmp_path, gpus=()))).gpus == ()


def test_the_driver_is_asked_in_a_process_of_its_own() -> None:
    words = [sys.executable, "-m", "pulsetrain.supervisor.gpus"]
    answer = subprocess.run(words, check=True, capture_output=True, timeout=60).stdout
    msgspec.json.decode(answer, type=list[Gpu])
