"""The environment that a run gets."""

from __future__ import annotations

import pytest

from pulsetrain.supervisor.launch import THREAD_COUNTS, CannotStart, environment, launch


def test_thread_counts_are_the_share_of_the_cores_or_less() -> None:
    made = environment({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "64", "OPENBLAS_NUM_THREADS": "lots"}, {"A": "b"}, 4)
    assert {name: made[name] for name in THREAD_COUNTS} == dict.fromkeys(THREAD_COUNTS, "4") | {"OMP_NUM_THREADS": "1"}
    assert (made["PYTHONUNBUFFERED"], made["A"]) == ("1", "b")


def test_a_persons_token_stays_with_the_person() -> None:
    assert "PULSETRAIN_TOKEN" not in environment({"PULSETRAIN_TOKEN": "secret"}, {}, 1)


def test_what_is_not_there_cannot_be_started() -> None:
    with pytest.raises(CannotStart, match="no-such-program") as caught:
        launch(["no-such-program"], {})
    assert caught.value.code == 127
