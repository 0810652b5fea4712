from __future__ import annotations

import pytest

from pulsetrain.trainers.nlu.examples import Example
from pulsetrain.trainers.nlu.scores import (
    Dictionary,
    accuracy,
    belief,
    confusion,
    entity_scores,
    intent_scores,
    surely,
)
from pulsetrain.trainers.nlu.tokens import Span, tokens


def test_intents_are_scored_each_and_together() -> None:
    truth, answers = ["a", "a", "a", "b", "c"], ["a", "a", "b", "b", "b"]
    found = intent_scores(truth, answers)
    rows = {row.name: (row.precision, row.recall, row.f1, row.count) for row in found.rows}
    assert rows["a"] == (1, pytest.approx(2 / 3), pytest.approx(0.8), 3)
    assert rows["b"] == (pytest.approx(1 / 3), 1, pytest.approx(0.5), 1)
    assert rows["c"] == (None, 0, 0, 1)
    assert found.together.f1 == accuracy(truth, answers) == 0.6
    assert found.macro == pytest.approx((0.8 + 0.5 + 0) / 3)
    assert confusion(["a", "b", "c"], truth, answers) == [[2, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert accuracy([], []) is None


def test_entities_are_right_if_all_of_them_is() -> None:
    truth = [[Span(0, 4, "x"), Span(5, 9, "y")], []]
    answers = [[Span(0, 4, "x"), Span(5, 8, "y"), Span(5, 9, "x")], [Span(0, 1, "y")]]
    found = entity_scores(truth, answers)
    assert (found.together.precision, found.together.recall) == (0.25, 0.5)
    assert found.together.f1 == pytest.approx(2 * 1 / (2 + 4))
    assert entity_scores([[]], [[]]).together.f1 is None, "nothing to find is no score"


def test_what_a_share_of_few_is_worth() -> None:
    low, high = surely(0.981, 700)
    assert (round(low, 3), round(high, 3)) == (0.968, 0.989)
    assert surely(1.0, 10) == (pytest.approx(0.722, abs=1e-3), 1.0)


def test_confidence_is_held_against_what_was_right() -> None:
    found = belief([0.95, 0.95, 0.95, 0.95, 0.55, 0.55], [True, True, True, False, True, False])
    assert found.confidence == pytest.approx([0.55, 0.95])
    assert found.right == pytest.approx([0.5, 0.75])
    assert found.error == pytest.approx(2 / 6 * 0.05 + 4 / 6 * 0.2)
    at = found.thresholds.index(0.9)
    assert found.answered[at] == pytest.approx(4 / 6)
    assert found.right_of_answered[at] == 0.75
    assert found.right_of_answered[-1] is None, "none is so sure"


def test_the_dictionary_takes_the_longest_that_it_knows() -> None:
    def example(text: str, *entities: Span) -> Example:
        return Example(1, text, "any", list(entities), tokens(text))

    known = Dictionary(
        [
            example("to New York", Span(3, 11, "place")),
            example("to York", Span(3, 7, "city")),
            example("from York", Span(5, 9, "city")),
            example("in York", Span(3, 7, "place")),
        ]
    )
    text = "new york, York and Leeds"
    assert known.find(tokens(text)) == [Span(0, 8, "place"), Span(10, 14, "city")]
