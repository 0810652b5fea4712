"""The line of output that best says why a run ended. Pure."""

from __future__ import annotations

import re

_LONGEST = 2000
_ROOT = re.compile(r"\s*rank\s+: (\d{1,6}) \(local_rank: \d+\)")
"""In what torchrun says in the end: the process whose failure brought the others down."""


class LastWords:
    """Hears every line. Of a traceback, the last line says what happened; what a launcher adds says less."""

    def __init__(self) -> None:
        self._last: str | None = None
        self._complained = False
        """Whether stderr said something in the pieces that are being taken: of those, it is believed to be the last."""
        self._error: str | None = None
        self._before: str | None = None
        """The newest error before the traceback that is being told."""
        self._of_rank: dict[int, str] = {}
        self._looks_for_root = False
        self._root: int | None = None

    def pause(self) -> None:
        """What is heard from now on came later."""
        self._complained = False

    def hear(self, line: str, level: str | None, rank: int | None, *, stderr: bool = False) -> None:
        line = line.strip()
        if not line:
            return
        if stderr or not self._complained:
            self._last = line
            self._complained = stderr
        if rank is not None:
            if level == "error":
                self._of_rank[rank] = line
        elif line.startswith("Root Cause"):
            self._looks_for_root = True
        elif self._looks_for_root and (found := _ROOT.match(line)):
            self._root, self._looks_for_root = int(found[1]), False
        elif level == "error":
            self._hear_error(line)

    def _hear_error(self, line: str) -> None:
        if line.startswith("Traceback"):
            self._before = self._error
        if line.startswith("torch.distributed.elastic."):
            self._error = self._before or line
        elif "torch/distributed/elastic/" not in line:
            self._error = line

    @property
    def text(self) -> str | None:
        """None where nothing was said."""
        failed = self._root if self._root in self._of_rank else next(iter(self._of_rank), None)
        if failed is not None:
            return f"Rank {failed}: {self._of_rank[failed]}"[:_LONGEST]
        return (self._error or self._last or "")[:_LONGEST] or None
