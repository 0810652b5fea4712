"""Output as a terminal would show it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.lines import LONGEST, Lines, State


def lines_of(*pieces: str) -> list[str]:
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(piece)]
    return found + lines.rest()


def test_a_bar_that_is_drawn_over_itself_is_one_line() -> None:
    drawn = "".join(f"\r{percent}%|####|" for percent in range(101))
    assert lines_of(drawn, "\n", "done\n") == ["100%|####|", "done"]


def test_the_open_line_shows_the_last_state() -> None:
    lines = Lines()
    lines.feed("\r10%")
    lines.feed("\r20%\r")
    assert lines.open == ["20%"]


def test_line_ends_of_other_systems_and_colours() -> None:
    assert lines_of("a\r\nb\r", "\nc") == ["a", "b", "c"]
    assert lines_of("\x1b[31mred\x1b[0m \x1b]0;title\x07here\n") == ["red here"]


def test_a_line_without_end_is_cut() -> None:
    found = lines_of("x" * (LONGEST + 10))
    assert [len(line) for line in found] == [LONGEST, 10]


@given(st.text(alphabet="ab1/\r\n\x1b[A", max_size=60), st.data())
def test_pieces_do_not_matter(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    assert lines_of(text[:cut], text[cut:]) == lines_of(text)


def test_bars_below_one_another_leave_one_line_each() -> None:
    inner = "".join(f"\n\rbatches {batch}/9\x1b[A" for batch in range(10))
    wiped = "\n\r             \x1b[A"
    drawn = "".join(f"\repochs {epoch}/3{inner}{wiped}" for epoch in range(3))
    assert lines_of(drawn, "\repochs 3/3", "\n", "done\n") == ["epochs 3/3", "done"]


def test_the_inner_bar_is_open_below_the_outer_one() -> None:
    lines = Lines()
    lines.feed("\repochs 1/3\n\rbatches 2/9\x1b[A")
    assert lines.open == ["epochs 1/3", "batches 2/9"]


def test_a_bar_that_is_over_comes_with_the_next_line_or_when_it_is_asked_for() -> None:
    lines = Lines()
    assert lines.feed("\r1/2\r2/2\n") == []
    assert lines.settle() == []  # it may go up again in a moment
    assert lines.settle() == ["2/2"]
    assert lines.feed("\r1/2\r2/2\n") == []
    assert lines.settle(now=True) == ["2/2"]
    assert lines.rest() == []


def test_a_bar_is_over_when_the_next_one_moves() -> None:
    assert lines_of("\r1/2\r2/2\n\r1/3", "\r2/3") == ["2/2", "2/3"]
    lines = Lines()
    assert lines.feed("\r2/2\n\r1/3\r2/3") == ["2/2"]


def test_numbers_behind_a_bar_hold_where_it_moved_on() -> None:
    lines = Lines()
    # Drawn when the numbers change, and again when the count does.
    lines.feed("\r3/9 loss=0.5\r3/9 loss=0.4\r4/9 loss=0.4\r4/9 loss=0.3")
    assert lines.open == ["4/9 loss=0.4"]
    lines.feed("\r9/9 loss=0.3\r9/9 loss=0.3 val_loss=0.6")
    assert lines.open == ["9/9 loss=0.3 val_loss=0.6"]


def test_a_line_printed_through_a_bar_is_followed_by_the_state_of_the_bar() -> None:
    lines = Lines()
    lines.feed("\r1/9")
    assert lines.events("\r2/9\r     \rhello\n\r3/9\r4/9") == ["hello", "3/9"]
    # Where the line itself goes to another stream.
    assert lines.events("\r     \r\r5/9\r6/9") == ["5/9"]
    [state] = lines.events("\r     \r\r7/9")
    assert isinstance(state, State)
    assert state.why == "again"


def test_the_end_of_a_bar_that_begins_anew_is_not_missed() -> None:
    lines = Lines()
    assert lines.events("\r1/2\r2/2\r2/2 val_loss=0.5\r0/2 val_loss=0.5\r1/2") == ["1/2", "2/2 val_loss=0.5"]
