from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from pulsetrain.trainers.nlu.linear import Optimizer, Weights, narrow, softmax
from pulsetrain.trainers.nlu.vectors import Vectors, terms

ROWS = sparse.csr_matrix(np.array([[1, 0, 2, 0], [0, 0, 3, 0]], np.float32))


def test_a_batch_is_narrowed_to_the_columns_that_it_uses() -> None:
    columns, small = narrow(ROWS)
    assert columns.tolist() == [0, 2]
    assert small.toarray().tolist() == [[1, 2], [0, 3]]


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.1), ("adagrad", 0.5), ("sgd", 0.5)])
def test_each_optimiser_reaches_the_least_of_a_bowl(optimizer: Optimizer, rate: float) -> None:
    weights = Weights(3, 2, optimizer)
    rows, goal = np.array([0, 2]), np.array([[1.0, -2.0], [0.5, 3.0]])
    for _ in range(300):
        weights.learn(rows, weights.values[rows] - goal, rate)
    assert weights.values[rows] == pytest.approx(goal, abs=0.05)
    assert not weights.values[1].any(), "what no batch touched is as it was"


def test_adam_takes_a_whole_first_step_on_rare_rows_too() -> None:
    """Its means begin at zero; without a clock for each row, rare rows would hardly move."""
    weights = Weights(2, 1, "adam")
    for _ in range(100):
        weights.learn(np.array([0]), np.array([[1.0]]), 0.01)
    weights.learn(np.array([1]), np.array([[1.0]]), 0.01)
    assert weights.values[1, 0] == pytest.approx(-0.01, rel=1e-3)


def test_going_on_from_a_state_equals_never_having_stopped() -> None:
    gradients = np.random.default_rng(0).normal(size=(6, 2, 2)).astype(np.float32)
    whole = Weights(2, 2, "adam", pull=0.1)
    for gradient in gradients:
        whole.learn(slice(None), gradient, 0.1)
    first, second = Weights(2, 2, "adam", pull=0.1), Weights(2, 2, "adam", pull=0.1)
    for gradient in gradients[:3]:
        first.learn(slice(None), gradient, 0.1)
    second.load({name: array.copy() for name, array in first.state().items()})
    for gradient in gradients[3:]:
        second.learn(slice(None), gradient, 0.1)
    assert np.array_equal(whole.values, second.values)


def test_shares_sum_to_one_however_large_scores_are() -> None:
    shares = softmax(np.array([[1000.0, 999.0], [-1000.0, -1000.0]]))
    assert shares == pytest.approx(np.array([[0.731, 0.269], [0.5, 0.5]]), abs=1e-3)


def test_a_text_is_counted_in_words_pairs_and_pieces() -> None:
    pieces = "~_pl ~pla ~lay ~ay_ ~_pla ~play ~lay_ ~_play ~play_ ~_it ~it_ ~_it_"
    assert terms("Play it") == ["play", "it", "play it", *pieces.split()]


def test_rows_of_vectors_have_the_same_length_and_rare_words_count_more() -> None:
    vectors = Vectors.fitted(["play jazz", "play Bach", "play jazz now"], least=2)
    assert "jazz" in vectors.vocabulary and "bach" not in vectors.vocabulary
    row = vectors.of(["play jazz", "bach", "play play play"]).toarray()
    assert np.linalg.norm(row[:, :-1], axis=1) == pytest.approx([1, 0, 1])
    assert row[:, -1].tolist() == [1, 1, 1]
    place = {term: number for number, term in enumerate(vectors.vocabulary)}
    assert row[0, place["jazz"]] > row[0, place["play"]] > 0
