"""Output as a terminal would show it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.lines import LONGEST, Lines, shown


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
    assert lines.open == "20%"


def test_line_ends_of_other_systems_and_colours() -> None:
    assert lines_of("a\r\nb\r", "\nc") == ["a", "b", "c"]
    assert shown("\x1b[31mred\x1b[0m \x1b]0;title\x07here") == "red here"


def test_a_line_without_end_is_cut() -> None:
    found = lines_of("x" * (LONGEST + 10))
    assert [len(line) for line in found] == [LONGEST, 10]


@given(st.text(alphabet="ab\r\n", max_size=60), st.data())
def test_pieces_do_not_matter(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    assert lines_of(text[:cut], text[cut:]) == lines_of(text)
