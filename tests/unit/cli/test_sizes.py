"""Amounts and watchdogs as a person writes them."""

from __future__ import annotations

import pytest

from pulsetrain.cli.sizes import indices_of, size_of
from pulsetrain.cli.watching import watchdogs_of
from pulsetrain.model.errors import BadParameters, BadRequest


@pytest.mark.parametrize(
    ("text", "size"),
    [("16G", 16 * 2**30), ("1.5g", 3 * 2**29), ("500 MiB", 500 * 2**20), ("123", 123), ("2TB", 2**41), ("8k", 8192)],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1X", "1 2", "1e9", "NaN"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        size_of(text)


def test_gpus_are_named_or_none() -> None:
    assert (indices_of("0,1"), indices_of(" 2 , 0"), indices_of("none"), indices_of("")) == ((0, 1), (2, 0), (), ())
    for text in ("a", "0,0", "0,", "-1", "²"):
        with pytest.raises(BadRequest):
            indices_of(text)


def test_watchdogs_are_read() -> None:
    assert watchdogs_of(["nan:stop", "bound:metric=val:above=-1.5"]) == [
        {"kind": "nan", "action": "stop", "metric": None},
        {"kind": "bound", "action": "warn", "metric": "val", "above": -1.5, "below": None},
    ]
    assert watchdogs_of(["none"]) == []
    for text in ("cat", "nan:bite", "stalled:minutes=soon", "stalled"):
        with pytest.raises(BadParameters):
            watchdogs_of([text])
