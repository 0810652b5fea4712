"""The spool's writer: every row numbered, whatever comes between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.sdk.spool import SpoolWriter, bodies


def records(path: Path) -> list[list[Any]]:
    return [msgspec.msgpack.decode(body) for body, _ in bodies(path)]


def test_rows_and_records_are_numbered_together(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    writer.row(1, {"loss": 0.5})
    writer.record("run.log", {"lines": [{"text": "a"}, {"text": "b"}]}, 2)
    writer.row(None, {"loss": 0.25})
    # Readable at once, with zeros behind it, and after closing without them.
    assert [record[0] for record in records(path)] == [1, 2, 4]
    writer.close()
    assert [record[:2] for record in records(path)] == [[1, "m"], [2, "run.log"], [4, "m"]]
    assert records(path)[2][3:] == [None, {"loss": 0.25}]


def test_windows_follow_each_other_without_a_seam(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for number in range(200):
        writer.record("run.log", {"lines": [{"text": "x" * (number * 37 % 9000)}]})
    writer.record("run.log", {"lines": [{"text": "y" * 1_000_000}]})
    writer.row(1, {"loss": 1.0})
    writer.close()
    found = records(path)
    assert [record[0] for record in found] == list(range(1, 203))
    assert [len(record[3]["lines"][0]["text"]) for record in found[:200]] == [n * 37 % 9000 for n in range(200)]


def test_a_second_writer_goes_on_behind_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for step in range(10):
        writer.row(step, {"loss": 1.0})
    writer.close()
    with path.open("ab") as file:
        file.write(b"\x30\0\0\0torn")
    second = SpoolWriter(path)
    assert second.rows == 10
    second.row(10, {"loss": 2.0})
    second.close()
    assert [record[0] for record in records(path)] == list(range(1, 12))


def test_without_mapping_each_record_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    writer._mappable = False
    for step in range(100):
        writer.row(step, {"loss": 1.0})
    assert [record[0] for record in records(path)] == list(range(1, 101))
    writer.close()


def test_threads_share_a_spool(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)

    def log(name: str) -> None:
        for step in range(2000):
            writer.row(step, {name: 1.0})

    threads = [threading.Thread(target=log, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = records(path)
    assert [record[0] for record in found] == list(range(1, 8001))
    for number in range(4):
        assert [record[3] for record in found if f"t{number}" in record[4]] == list(range(2000))


def test_a_signal_handler_that_logs_comes_between_two_rows(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    fired = 0

    def handler(*_: object) -> None:
        nonlocal fired
        fired += 1
        writer.row(None, {"signal": 1.0})

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        step = 0
        while fired < 50:
            step += 1
            writer.row(step, {"loss": 1.0})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    writer.close()
    found = records(path)
    assert [record[0] for record in found] == list(range(1, len(found) + 1))
    assert sum("signal" in record[4] for record in found) == fired
    assert [record[3] for record in found if "loss" in record[4]] == list(range(1, step + 1))


def test_a_turn_that_nobody_gave_back_is_taken_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    writer.row(1, {"loss": 1.0})
    # What Ctrl-C leaves in the moment between taking the token and being ready to give it back.
    writer._turn.clear()
    writer.row(2, {"loss": 1.0})
    writer.row(3, {"loss": 1.0})
    writer.close()
    assert [record[0] for record in records(path)] == [1, 2, 3]


FULL = """
import resource, sys, warnings
from pathlib import Path
from pulsetrain.sdk.spool import SpoolWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, resource.RLIM_INFINITY))
writer = SpoolWriter(Path(sys.argv[1]))
step = 0
try:
    while True:
        writer.row(step + 1, {"loss": 1.0})
        step += 1
except OSError as problem:
    print("full", step, writer.rows)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.row(step + 1, {"loss": 1.0})
print("again", writer.rows)
"""


def test_where_there_is_no_room_it_says_so_and_goes_on_when_there_is(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    words = [sys.executable, "-c", FULL, str(path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout.split()
    steps = int(said[1])
    assert said == ["full", str(steps), str(steps), "again", str(steps + 1)]
    assert [record[0] for record in records(path)] == list(range(1, steps + 2))
