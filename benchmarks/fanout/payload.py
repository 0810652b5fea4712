"""What is published: an event's envelope of 250 bytes, stamped with the time at which it is made."""

from __future__ import annotations

import random
import time

EVENT_BYTES = 250
RUN = "r_benchmarks"
_TIME = "2026-11-20T10:05:05.123456Z"


class Payload:
    """Events whose data is a stamp and filling: one letter over and over, or numbers as a training logs them."""

    def __init__(self, numbers: bool = False) -> None:
        self._numbers = random.Random(1) if numbers else None

    def event(self, number: int) -> bytes:
        """The whole envelope, for servers that keep no log."""
        data = self._data(number)
        return f'{{"seq":{number},"run":"{RUN}","type":"run.system","time":"{_TIME}","data":{data}}}'.encode()

    def record(self, number: int, n: int) -> bytes:
        """The record that pulsetrain turns into such an envelope; `n` is its producer's count."""
        return f'{{"n":{n},"type":"run.system","time":"{_TIME}","data":{self._data(number)}}}'.encode()

    def _data(self, number: int) -> str:
        head = f'{{"seq":{number},"run":"{RUN}","type":"run.system","time":"{_TIME}","data":'
        start = f'{{"at":{time.monotonic_ns()},"'
        room = EVENT_BYTES - len(head) - len(start) - 1
        if self._numbers is None:
            return start + 'text":"' + "x" * (room - len('text":""}')) + '"}'
        random = self._numbers.random
        names = ("generator_loss", "discriminator_loss", "real_scores", "fake_scores")
        values = "".join(f'{name}":{random():.4f},"' for name in names)
        values += f'epoch":{number // 100},"rate":'
        # The last number takes the digits that are left, and none of them is filling.
        return start + values + f"{random():.17f}"[: room - len(values) - 1] + "}"
