"""Output → lines, as a terminal would show them. Pure: text in, lines out.

A carriage return goes back to the start of the line, and its last state wins. Bars that are drawn below one another
(an epoch's, and one for its batches) go down a line, draw, and go up again: the line above is not over then.
"""

from __future__ import annotations

import re
from typing import Literal

LONGEST = 64 * 1024
"""Characters after which a line without an end is cut."""
_MOST_ROWS = 16
"""Rows of bars that are drawn at once; of more, the top one is over."""

_ESCAPE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])"
_TOKEN = re.compile(rf"[\r\n]|{_ESCAPE}|[^\r\n\x1b]+|\x1b")
_CUT_ESCAPE = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}|\][^\x07\x1b]{0,512})?\Z")
_UP = re.compile(r"\x1b\[(\d{0,4})A")
_ERASE = re.compile(r"\x1b\[2?K")
_BAR = re.compile(r"\d%\||\d/\d|\d/\?|it \[|^\s*$")
"""What a line that is drawn again and again has, or one that was wiped."""
_COUNT = re.compile(r"(\d+)/(\d+)")


class State(str):
    """Not a line, but a state of a bar that must not be missed."""

    why: Literal["first", "again", "over"]
    """The first one on an empty line; the first after the line was wiped, as `tqdm.write()` does to print through it;
    the last one before the bar begins anew."""

    @classmethod
    def of(cls, text: str, why: Literal["first", "again", "over"]) -> State:
        state = cls(text)
        state.why = why
        return state


class _Row:
    """A line on the screen that may yet be drawn over."""

    __slots__ = ("_before", "_settled", "drawn", "text")

    def __init__(self) -> None:
        self.text = ""
        self.drawn = False
        """Whether a carriage return came before its text."""
        self._before = ""
        self._settled = ""

    def draw(self, text: str) -> State | None:
        """Show `text` in the place of what was there. A state of either that must not be missed, if there is one."""
        before, self.text = self.text, "" if text.isspace() else text
        again, self.drawn = self.drawn, True
        if not self.text:
            return None
        if not before:
            return State.of(self.text, "again" if again else "first") if _BAR.search(self.text) else None
        if _moved(self._before, before):
            self._settled = before
        self._before = before
        return State.of(before, "over") if _is_over(before) and _moved(before, self.text) else None

    @property
    def is_bar(self) -> bool:
        return _BAR.search(self.text) is not None

    @property
    def settled(self) -> str:
        """The newest state in which the bar had moved on: the numbers behind it are then of the step that it shows.

        In between, bars show numbers of the next step beside the count of the last one.
        """
        # At the end nothing moves any more, and what is said last holds.
        return self.text if _is_over(self.text) or _moved(self._before, self.text) else self._settled


def _is_over(text: str) -> bool:
    count = _COUNT.search(text)
    return count is not None and count[1] == count[2]


def _moved(before: str, after: str) -> bool:
    count, earlier = _COUNT.search(after), _COUNT.search(before)
    return count is None or earlier is None or count[0] != earlier[0]


class Lines:
    """Puts the pieces of one stream together."""

    def __init__(self) -> None:
        self._rows = [_Row()]
        self._cursor = 0
        self._back = self._below = False
        """Whether the cursor is at the start of its row: after a carriage return, after a line end."""
        self._down_now = False
        """Whether it came down to its row and nothing was drawn there since."""
        self._quiet = False
        """Whether nothing came since the last look."""
        self._escape = ""
        self._found: list[str] = []

    def feed(self, text: str) -> list[str]:
        """The lines that `text` ends."""
        return [line for line in self.events(text) if type(line) is str]

    def events(self, text: str) -> list[str]:
        """The lines that `text` ends, and in between any `State` that must not be missed."""
        text, self._escape = self._escape + text, ""
        self._quiet = False
        plain = len(self._rows) == 1 and not self._back and not self._rows[0].drawn
        if plain and "\r" not in text and "\x1b" not in text and "\b" not in text:
            self._plain(text)
        else:
            self._terminal(text)
        found, self._found = self._found, []
        return found

    @property
    def open(self) -> list[str]:
        """The lines that are being drawn, the top one first, in the newest state in which all that they say holds."""
        return [row.settled for row in self._rows if row.settled]

    def settle(self, *, now: bool = False) -> list[str]:
        """The lines above the cursor, which were held back in case that they are drawn over: if nothing came since the
        last time of asking, or `now` if nothing is being drawn below them.
        """
        if self._quiet or (now and not self._rows[self._cursor].text):
            self._end_above()
        self._quiet = True
        found, self._found = self._found, []
        return found

    def rest(self) -> list[str]:
        """What is left at the end of the stream."""
        lines = [row.text for row in self._rows if row.text]
        self._rows, self._cursor, self._back, self._below = [_Row()], 0, False, False
        return lines

    # ---- how it is read ----

    def _plain(self, text: str) -> None:
        row = self._rows[0]
        *whole, row.text = (row.text + text).split("\n")
        self._below = self._below or bool(whole)
        if row.text:
            self._below = False
        for line in whole:
            self._found.append(line)
        self._cut(row)

    def _terminal(self, text: str) -> None:
        if cut := _CUT_ESCAPE.search(text):
            text, self._escape = text[: cut.start()], cut[0]
        for token in _TOKEN.findall(text):
            if token == "\r":
                self._back = True
            elif token == "\n":
                self._down()
            elif token[0] != "\x1b":
                self._write(token)
            elif up := _UP.fullmatch(token):
                self._cursor = max(0, self._cursor - int(up[1] or 1))
            elif _ERASE.fullmatch(token):
                self._rows[self._cursor].draw(" ")

    def _write(self, text: str) -> None:
        if "\b" in text:
            # Whoever goes back letter by letter draws the line anew.
            text = text.replace("\b", "")
            if not text:
                return
        if self._back and self._cursor > 0 and not self._down_now:
            # Drawn twice without going up: what is above is over.
            self._end_above()
        row = self._rows[self._cursor]
        if self._back:
            state = row.draw(text)
            if state is not None and self._cursor == 0:
                self._found.append(state)
        elif self._below:
            row.text, row.drawn = text, False
        else:
            row.text += text
        self._back = self._below = self._down_now = False
        self._cut(row)

    def _down(self) -> None:
        row = self._rows[self._cursor]
        if (row.drawn or self._cursor > 0) and row.is_bar:
            self._cursor += 1
        else:
            self._end_above(self._cursor + 1)
            # A line is printed over what was drawn below it.
            self._cursor = 0
            del self._rows[1:]
        if self._cursor == len(self._rows):
            self._rows.append(_Row())
        if len(self._rows) > _MOST_ROWS:
            self._end_above(self._cursor - _MOST_ROWS + 1)
        self._back, self._below, self._down_now = False, True, True

    def _end_above(self, count: int | None = None) -> None:
        """The top `count` rows are over, by default all above the cursor. Bars that were wiped leave no line."""
        count = self._cursor if count is None else max(0, count)
        for row in self._rows[:count]:
            if row.text or not row.drawn:
                self._found.append(row.text)
        del self._rows[:count]
        self._cursor -= count

    def _cut(self, row: _Row) -> None:
        if len(row.text) > LONGEST:
            self._found.append(row.text[:LONGEST])
            row.text = row.text[LONGEST:]
