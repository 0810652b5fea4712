"""Output → lines, as a terminal would show them. Pure: text in, lines out."""

from __future__ import annotations

import re

LONGEST = 64 * 1024
"""Characters after which a line without an end is cut."""

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\^_]")


class Lines:
    """Puts the pieces of one stream together. A carriage return goes back to the start of the line: its last state
    wins.
    """

    def __init__(self) -> None:
        self._open = ""

    def feed(self, text: str) -> list[str]:
        """The lines that `text` ends."""
        text = self._open + text
        if "\n" not in text:
            self._open = self._shortened(text)
            if len(self._open) > LONGEST:
                line, self._open = self._open[:LONGEST], self._open[LONGEST:]
                return [shown(line)]
            return []
        *whole, rest = text.split("\n")
        self._open = self._shortened(rest)
        return [shown(line) for line in whole]

    @property
    def open(self) -> str:
        """The line that has no end yet, as it looks now: a progress bar, for instance."""
        return shown(self._open)

    def rest(self) -> list[str]:
        """The last line, if the stream ended within it."""
        line, self._open = shown(self._open), ""
        return [line] if line else []

    @staticmethod
    def _shortened(text: str) -> str:
        """`text` without states of the line that nobody will see again."""
        back = text.rstrip("\r").rfind("\r")
        return text if back < 0 else text[back + 1 :]


def shown(line: str) -> str:
    """What a terminal shows of `line` when it is over, without colours and other escapes."""
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    return _ESCAPES.sub("", line) if "\x1b" in line else line
