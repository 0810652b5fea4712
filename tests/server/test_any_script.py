"""`pulsetrain run -- anything`: a script in another language, its output, its children, its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import StartServer
from live import PATIENCE, eventually

SCRIPT = """
echo "Epoch 1/2"
printf '\\r 50%%|#####     | 1/2 [00:01<00:01,  1.00it/s, loss=0.5]'
printf '\\r100%%|##########| 2/2 [00:02<00:00,  1.00it/s, loss=0.25]\\n'
(sleep 600 & sleep 600 & wait) &
while [ ! -e go ]; do sleep 0.05; done
echo "Epoch 2/2"
awk 'BEGIN { print "2/2 - 1s - 12ms/step - loss: 0.125 - val_loss: 0.375" }'
echo "cannot write: disk full" >&2
exit 3
"""


def test_a_shell_script_is_captured_with_its_children(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    (tmp_path / "train.sh").write_text(SCRIPT)
    words = ["run", "--url", server.url, "--", "sh", "train.sh"]
    environment = {**os.environ, "PULSETRAIN_HOME": str(tmp_path / "home")}
    running = subprocess.Popen(
        [sys.executable, "-m", "pulsetrain.cli.main", *words],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    runs = eventually(lambda: server.get("/api/runs")["runs"], "the run")
    id = runs[0]["id"]
    # The script, the shell that it forked, and two that sleep.
    server.events(id, lambda event: event["type"] == "run.system" and event["data"]["processes"] >= 4)
    (tmp_path / "go").touch()
    run = server.ended(id)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == run["return_code"] == 3
    assert (run["name"], run["state"], run["message"]) == ("train", "failed", "cannot write: disk full")
    assert run["processes_left"] == 0
    series = server.get(f"/api/runs/{id}/series")["series"]
    assert list(zip(series["loss"]["step"], series["loss"]["value"], strict=True)) == [(2, 0.25), (4, 0.125)]
    assert series["val_loss"]["step"] == [4]
    assert series.keys() == {"loss", "val_loss"}
    assert (run["progress"]["epoch"], run["progress"]["epochs"], run["progress"]["percent"]) == (2, 2, 100.0)
    texts = [line["text"] for line in server.get(f"/api/runs/{id}/logs")["lines"]]
    assert [text for text in texts if "%|" in text] == ["100%|##########| 2/2 [00:02<00:00,  1.00it/s, loss=0.25]"]
