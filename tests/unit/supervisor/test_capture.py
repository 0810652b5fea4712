"""What is printed becomes lines, metrics and progress; and never the same number twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulsetrain.sdk.spool import SpoolWriter, records
from pulsetrain.supervisor.capture import Capture, Stream


class Printed:
    """A capture whose process has the SDK in the state `sdk`."""

    def __init__(self, folder: Path, sdk: tuple[bool, bool, bool]) -> None:
        self.sdk = sdk
        self.path = folder / "supervisor.spool"
        self.writer = SpoolWriter(self.path)
        self.capture = Capture(self.writer, lambda: self.sdk, lambda _: None)

    def records(self, type: str) -> list[list[Any]]:
        found = [record for record, _ in records(self.path)]
        return [record for record in found if record[1] == type]

    def metrics(self) -> list[tuple[int | None, dict[str, float]]]:
        return [(record[3], record[4]) for record in self.records("m")]


def test_lines_metrics_and_progress(tmp_path: Path) -> None:
    printed = Printed(tmp_path, (False, False, False))
    printed.capture.take("stdout", ["Epoch 1/4", "Generator Loss: 1.25", "hello"])
    printed.capture.take("stderr", ["ERROR: no more paper"])
    lines = [line for record in printed.records("run.log") for line in record[3]["lines"]]
    assert [(line["stream"], line["text"]) for line in lines] == [
        ("stdout", "Epoch 1/4"),
        ("stdout", "Generator Loss: 1.25"),
        ("stdout", "hello"),
        ("stderr", "ERROR: no more paper"),
    ]
    assert lines[-1]["level"] == "error"
    assert printed.metrics() == [(1, {"generator_loss": 1.25})]
    assert printed.records("run.progress")[0][3]["epochs"] == 4
    assert printed.capture.words.text == "ERROR: no more paper"


def test_numbers_that_the_sdk_logs_are_not_read_from_the_output_as_well(tmp_path: Path) -> None:
    printed = Printed(tmp_path, (True, True, True))
    printed.capture.take("stdout", ["Epoch 1/4 loss: 0.5"])
    assert printed.metrics() == []
    assert printed.records("run.progress") == []


def test_numbers_wait_while_the_sdk_may_still_log_them(tmp_path: Path) -> None:
    printed = Printed(tmp_path, (True, False, False))
    printed.capture.take("stdout", ["step 1/9 loss: 0.5"])
    assert printed.metrics() == []
    printed.sdk = (True, True, False)
    printed.capture.end([])
    assert printed.metrics() == []


def test_numbers_come_in_the_end_if_the_sdk_never_logged_any(tmp_path: Path) -> None:
    printed = Printed(tmp_path, (True, False, False))
    printed.capture.take("stdout", ["Epoch 1/2 loss: 0.5", "Epoch 2/2 loss: 0.25"])
    printed.capture.end([])
    assert [metrics for _, metrics in printed.metrics()] == [{"loss": 0.5}, {"loss": 0.25}]


def test_a_bar_is_read_while_it_is_drawn(tmp_path: Path) -> None:
    printed = Printed(tmp_path, (False, False, False))
    stream = Stream(-1, "stderr", None)
    stream.lines.feed("\r 10%|#         | 10/100 [00:01<00:09, 10.00it/s, loss=0.5]")
    printed.capture.look([stream])
    assert printed.metrics() == [(10, {"loss": 0.5})]
    assert printed.records("run.log") == []


def test_the_last_line_of_a_traceback_is_why(tmp_path: Path) -> None:
    printed = Printed(tmp_path, (False, False, False))
    trace = ["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "ValueError: bad"]
    printed.capture.take("stderr", trace)
    printed.capture.take("stdout", ["cleaning up"])
    assert printed.capture.words.text == "ValueError: bad"
