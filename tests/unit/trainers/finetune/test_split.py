from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pulsetrain.trainers.finetune.examples import Dialogue, Labelled, Turn
from pulsetrain.trainers.finetune.schedule import factor
from pulsetrain.trainers.finetune.split import batches, split


def test_each_label_is_held_out_in_proportion() -> None:
    examples = [Labelled(row, f"text {row}", "many" if row % 10 else "few") for row in range(200)]
    learnt, held_out = split(examples, 0.2, 0)
    assert Counter(one.label for one in held_out if isinstance(one, Labelled)) == {"many": 36, "few": 4}
    assert sorted(one.row for one in [*learnt, *held_out]) == list(range(200))
    assert split(examples, 0.2, 0) == (learnt, held_out)
    assert split(examples, 0.2, 1) != (learnt, held_out)
    assert len({one.label for one in held_out[:20] if isinstance(one, Labelled)}) == 2, "they are mixed"


def test_a_text_that_occurs_again_stays_on_one_side() -> None:
    examples = [Labelled(row, f"text {row % 30}", str(row % 2)) for row in range(120)]
    learnt, held_out = split(examples, 0.3, 0)
    assert held_out
    assert not {one.text for one in learnt if isinstance(one, Labelled)} & {
        one.text for one in held_out if isinstance(one, Labelled)
    }


def test_many_labels_with_few_texts_each_are_held_out_too() -> None:
    examples = [Labelled(row, f"text {row}", f"label {row // 3}") for row in range(300)]
    learnt, held_out = split(examples, 0.1, 0)
    assert len(held_out) == 30
    assert len({one.label for one in learnt if isinstance(one, Labelled)}) == 100, "every label is learnt"


def test_there_is_something_on_either_side() -> None:
    examples = [Dialogue(row, (Turn("user", "the same"), Turn("assistant", str(row)))) for row in range(10)]
    learnt, held_out = split(examples, 0.01, 0)
    assert (len(learnt), len(held_out)) == (9, 1)


@given(some.lists(some.integers(1, 500), min_size=1, max_size=300), some.integers(1, 40), some.booleans())
def test_a_batch_holds_each_example_once(lengths: list[int], size: int, by_length: bool) -> None:
    found = batches(lengths, size, seed=1, epoch=2, by_length=by_length)
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in found)
    assert found == batches(lengths, size, seed=1, epoch=2, by_length=by_length)


def test_grouping_by_length_pads_less() -> None:
    lengths = [1 + (place * 7919) % 200 for place in range(500)]

    def padded(by_length: bool) -> int:
        found = batches(lengths, 16, seed=0, epoch=0, by_length=by_length)
        return sum(len(batch) * max(lengths[place] for place in batch) for batch in found)

    assert padded(True) < 1.15 * sum(lengths) < 1.5 * sum(lengths) < padded(False)
    orders = [batches(lengths, 16, seed=0, epoch=epoch, by_length=True) for epoch in (0, 1)]
    assert orders[0] != orders[1], "each epoch is in another order"


@pytest.mark.parametrize("shape", ["cosine", "linear", "constant"])
def test_the_learning_rate_goes_up_and_then_down(shape: str) -> None:
    found = [factor(step, 100, warmup=0.1, shape=shape) for step in range(100)]
    assert found[:10] == sorted(found[:10])
    assert 0 < found[0] < 0.2
    assert found[10] == 1.0
    assert found[10:] == sorted(found[10:], reverse=True)
    assert (found[-1] < 0.05) == (shape != "constant")
    assert factor(120, 100, warmup=0.1, shape="linear") == 0.0, "past the end, where the epochs were lowered"
    assert factor(0, 1, warmup=0.0, shape=shape) == 1.0
