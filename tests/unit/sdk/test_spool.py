"""The spool's writer: every row numbered, whatever comes between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.sdk import spool
from pulsetrain.sdk.spool import SpoolWriter
from pulsetrain.wire.codec import encode_msgpack
from pulsetrain.wire.spool import PACKED, frame, scan


def records(path: Path) -> list[list[Any]]:
    return [record for record, _ in spool.records(path)]


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


number = st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 0.0, -0.0, 2**53 + 1]))
row = st.one_of(
    st.lists(number, min_size=2, max_size=2).map(lambda two: dict(zip("ab", two, strict=True))),
    st.lists(number, min_size=2, max_size=2).map(lambda two: dict(zip("ba", two, strict=True))),
    st.dictionaries(st.sampled_from("abc"), number, max_size=3),
)
step = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))


@settings(deadline=None)
@given(st.lists(st.tuples(step, row), max_size=40))
def test_rows_come_back_whatever_keys_and_kinds_follow_each_other(written: list[tuple[Any, dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sdk-1.spool"
        writer = SpoolWriter(path)
        for at, values in written:
            writer.row(at, values)
        writer.close()
        found = records(path)
    assert [record[0] for record in found] == list(range(1, len(written) + 1))
    for (at, values), record in zip(written, found, strict=True):
        assert record[3] == at
        assert record[4].keys() == values.keys()
        for key, value in values.items():
            # A column that began with floats goes on with floats; all else is exact.
            same = value if record[4][key].__class__ is value.__class__ else float(value)
            assert repr(record[4][key]) == repr(same)


def packed(path: Path) -> list[int]:
    """The numbers of the rows that do not say their keys."""
    return [record[0] for body, record in zip(scan(path.read_bytes()).bodies, records(path), strict=True)
            if body[0] == PACKED]  # fmt: skip


def test_rows_with_the_keys_of_the_two_before_are_packed(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for keys in ("ab", "ab", "ab", "ab", "ba", "c", "ab", "c", "ab", "ab", "ab"):
        writer.row(1, dict.fromkeys(keys, 1.0))
    writer.close()
    assert ["".join(record[4]) for record in records(path)] == [
        "ab",
        "ab",
        "ab",
        "ab",
        "ab",
        "c",
        "ab",
        "c",
        "ab",
        "ab",
        "ab",
    ]
    # The order of a dict's keys is no difference.
    assert packed(path) == [3, 4, 5, 11]


def test_a_row_that_was_not_written_names_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for _ in range(3):
        writer.row(1, {"a": 1.0})

    def no_room(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as full:
        full.setattr(writer, "_put", spool._no_room)
        full.setattr(writer, "_append", no_room)
        for _ in range(3):
            with pytest.raises(OSError):
                writer.row(2, {"b": 2.0})
    writer.row(3, {"a": 3.0})
    writer.row(3, {"b": 4.0})
    writer.close()
    assert [record[3:] for record in records(path)][2:] == [[1, {"a": 1.0}], [3, {"a": 3.0}], [3, {"b": 4.0}]]


def test_ctrl_c_behind_a_row_mixes_up_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for _ in range(3):
        writer.row(1, {"a": 1.0})

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as pressed:
        pressed.setattr(writer, "_learn", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.row(2, {"b": 2.0})
    for _ in range(3):
        writer.row(3, {"a": 3.0})
    writer.close()
    assert [record[4] for record in records(path)] == [{"a": 1.0}] * 3 + [{"b": 2.0}] + [{"a": 3.0}] * 3


class Slow:
    """A number that has to wait for its device."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile = meanwhile

    def __float__(self) -> float:
        self.meanwhile()
        return 0.5


def test_a_number_that_lets_its_row_wait_loses_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        time.sleep(1.3)  # longer than the one moment after which a turn may be nobody's

    for _ in range(3):
        writer.row(1, {"a": 1.0})
    thread = threading.Thread(target=writer.row, args=(2, {"a": Slow(wait)}))
    thread.start()
    begun.wait()
    writer.row(3, {"b": 1.0})
    thread.join()
    writer.close()
    assert [record[3] for record in records(path)] == [1, 1, 1, 2, 3]


def test_a_number_that_logs_itself_comes_after_its_row(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for _ in range(3):
        writer.row(1, {"a": 1.0})
    writer.row(2, {"a": Slow(lambda: writer.row(3, {"a": 2.0}))})
    writer.close()
    assert [record[3:] for record in records(path)][3:] == [[2, {"a": 0.5}], [3, {"a": 2.0}]]


def test_a_file_of_an_earlier_version_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    rows = [[n, "m", 1.5, n, {"loss": n / 2}] for n in range(1, 6)]
    path.write_bytes(b"".join(frame(encode_msgpack(one)) for one in rows))
    assert records(path) == rows
    writer = SpoolWriter(path)
    for n in range(6, 10):
        writer.row(n, {"loss": n / 2})
    writer.close()
    second = SpoolWriter(path)
    assert second.rows == 9
    second.row(10, {"loss": 5.0})
    second.close()
    assert [(record[0], record[3], record[4]) for record in records(path)] == [
        (n, n, {"loss": n / 2}) for n in range(1, 11)
    ]
    # A writer says the keys itself: those before it may be on a piece that is torn off.
    assert packed(path) == [8, 9]


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
