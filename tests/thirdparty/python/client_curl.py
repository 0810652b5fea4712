"""curl: its output read line by line, as a script in a shell would; it is started anew with the last id."""

from __future__ import annotations

import subprocess
import time

from printing import PAUSE, URL, tell

last = ""
while True:
    words = ["curl", "--no-buffer", "--silent", "--http1.1", "--max-time", "170", URL]
    resume = ["-H", f"Last-Event-ID: {last}"] if last else []
    with subprocess.Popen([*words, *resume], stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        fields: dict[str, str] = {}
        for raw in curl.stdout:
            line = raw.decode().removesuffix("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "event" not in fields and "data" in fields:
                tell(fields["id"], fields["data"])
            last = fields.get("id", last)
            fields = {}
    time.sleep(PAUSE)
