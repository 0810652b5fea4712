"""The examples of the Python client run as they stand, one after the other, against a server that trains."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import StartServer

PAGE = Path(__file__).parents[2] / "docs/how-to/python-client.md"


def test_the_examples_run(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--stop-runs")
    rows = "".join(f"{n % 7},{n * 0.5},{'red' if n % 3 else 'white'}\n" for n in range(60))
    (tmp_path / "wine.csv").write_text("quality,acid,colour\n" + rows)
    environment = {**os.environ, "PULSETRAIN_URL": server.url}
    said = []
    for example in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        done = subprocess.run(
            [sys.executable, "-c", example],
            env=environment,
            cwd=tmp_path,
            timeout=120,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{example}\n{done.stderr}"
        said.append(done.stdout)
    waited, followed, read, asynchronous = said
    assert waited == "from-python succeeded\n" and asynchronous == "succeeded\n"
    assert "100 % live" in followed
    assert "running" in read and "generator_loss" in read
    assert (tmp_path / "synthetic.csv").is_file(), "what the run made was downloaded"
