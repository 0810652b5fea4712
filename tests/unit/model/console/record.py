"""Records what a script prints: `python record.py NAME pipe|terminal -- COMMAND…`.

`NAME.WAY.txt` holds the bytes as they came, of both streams, and `NAME.WAY.timing` a line for each piece of them: its
stream, the seconds since the start, its size. With `pipe`, stdout and stderr are a pipe each, as under a supervisor;
with `terminal` both are one terminal of 100 columns.
"""

from __future__ import annotations

import fcntl
import os
import pty
import selectors
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> int:
    name, way, _, *command = sys.argv[1:]
    began = time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    if way == "pipe":
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        assert child.stdout is not None and child.stderr is not None
        streams = {child.stdout.fileno(): "stdout", child.stderr.fileno(): "stderr"}
    else:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        streams = {ours: "stdout"}
    with (FOLDER / f"{name}.{way}.txt").open("wb") as text, (FOLDER / f"{name}.{way}.timing").open("w") as timing:
        waiting = selectors.DefaultSelector()
        for descriptor in streams:
            waiting.register(descriptor, selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select():
                try:
                    piece = os.read(key.fd, 65536)
                except OSError:  # the end of a terminal
                    piece = b""
                if not piece:
                    waiting.unregister(key.fd)
                    continue
                text.write(piece)
                timing.write(f"{streams[key.fd]} {time.monotonic() - began:.3f} {len(piece)}\n")
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
