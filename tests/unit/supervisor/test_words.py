"""Which line says best why a run ended."""

from __future__ import annotations

from pulsetrain.supervisor.words import LastWords


def said(*lines: tuple[str, str | None, int | None]) -> str | None:
    words = LastWords()
    for line in lines:
        words.hear(*line)
    return words.text


def test_the_last_error_else_the_last_line() -> None:
    assert said() is None
    assert said(("hello", None, None), ("  ", None, None)) == "hello"
    assert said(("ValueError: bad", "error", None), ("cleaning up", None, None)) == "ValueError: bad"


def test_what_comes_at_once_on_both_streams_ends_with_stderr() -> None:
    words = LastWords()
    words.hear("disk full", None, None, stderr=True)
    words.hear("epoch 3", None, None)
    assert words.text == "disk full"
    words.pause()
    words.hear("bye", None, None)
    assert words.text == "bye"


def test_what_the_launcher_adds_says_less() -> None:
    launcher = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"
    own, trace = ("ValueError: bad", "error", None), ("Traceback (most recent call last):", "error", None)
    assert said(own, trace, ('File "run.py"', "error", None), (launcher, "error", None)) == "ValueError: bad"
    assert said(trace, (launcher, "error", None)) == launcher


def test_the_rank_that_brought_the_others_down() -> None:
    closed, bad = ("RuntimeError: closed by peer", "error", 0), ("ValueError: bad", "error", 1)
    root = [("Root Cause (first observed failure):", None, None), ("  rank      : 1 (local_rank: 1)", None, None)]
    assert said(closed, bad, *root) == "Rank 1: ValueError: bad"
    assert said(closed, bad) == "Rank 0: RuntimeError: closed by peer"
