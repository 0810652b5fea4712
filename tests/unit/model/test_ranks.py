"""Prefixes by which launchers tell processes apart."""

from __future__ import annotations

import pytest

from pulsetrain.model.logparse import ranked, split_rank


@pytest.mark.parametrize(
    ("line", "rank", "text"),
    [
        ("[default1]:step 1", 1, "step 1"),
        ("[default0]:[rank0]: Traceback (most recent call last):", 0, "Traceback (most recent call last):"),
        ('[rank3]:   File "x.py"', 3, '  File "x.py"'),
        ("[1,2]<stdout>: hello", 2, "hello"),
        ("[0]\ttrain-rmse:0.9", None, "[0]\ttrain-rmse:0.9"),
        ("[epoch1]: loss: 3", None, "[epoch1]: loss: 3"),
        ("[INFO] x", None, "[INFO] x"),
        ("", None, ""),
    ],
)
def test_a_prefix_names_the_rank(line: str, rank: int | None, text: str) -> None:
    assert split_rank(line) == (rank, text)


def test_metrics_of_rank_0_are_the_runs() -> None:
    assert ranked({"loss": 1.0}, 0) == ranked({"loss": 1.0}, None) == {"loss": 1.0}
    assert ranked({"loss": 1.0}, 2) == {"rank2/loss": 1.0}
