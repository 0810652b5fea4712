"""The process of a run, as the supervisor starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.model.runs import USER_ERROR

MODULE = """
from pathlib import Path
from typing import Annotated
import pulsetrain
from pulsetrain.trainers.registry import Range

@pulsetrain.trainer("mine", data="csv", stages=["Only"])
def train(run, data: Path, *, epochs: Annotated[int, Range(1, 1000)] = 3, broken: bool = False) -> None:
    run.stage("Only", index=0, of=1)
    if broken:
        raise RuntimeError("it broke")
    run.log({"size": float(data.stat().st_size)}, step=epochs)
    (run.dir / "out.txt").write_text(str(epochs))
    run.save_artifact(run.dir / "out.txt", kind="file")
"""


def ran(folder: Path, **specification: Any) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(MODULE)
    (folder / "data.csv").write_text("a,b\n1,2\n")
    given = {"trainer": "mine", "dataset": str(folder / "data.csv"), "modules": [str(folder / "mine.py")]}
    (folder / "spec.json").write_text(json.dumps(given | specification))
    environment = {
        **os.environ,
        "PULSETRAIN_SPEC": str(folder / "spec.json"),
        "PULSETRAIN_DIR": str(folder),
        "PULSETRAIN_SPOOL": str(folder / "spool"),
        "PULSETRAIN_RUN": "r_aaaaaaaaaa",
    }
    command = [sys.executable, "-m", "pulsetrain.trainers.main"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_it_calls_the_trainer_with_a_run(tmp_path: Path) -> None:
    done = ran(tmp_path, parameters={"epochs": 7})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.txt").read_text() == "7"
    assert any(path.stat().st_size > 0 for path in (tmp_path / "spool").glob("sdk-*.spool"))
    assert [path.read_text() for path in (tmp_path / "spool" / "artifacts").iterdir()] == ["7"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": {"epochs": 0}}, "ERROR: epochs must be from 1 to 1000, not 0."),
        ({"trainer": "nobody"}, "ERROR: There is no trainer 'nobody'."),
        ({"dataset": None}, "ERROR: The trainer 'mine' needs a data set."),
        ({"dataset": "/nowhere/gone.csv"}, "ERROR: The data set gone.csv is not there."),
        ({"trainer": 3}, "ERROR: The specification"),
    ],
)
def test_a_mistake_of_the_user_is_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    done = ran(tmp_path, **change)
    assert done.returncode == USER_ERROR
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_crash_of_the_trainer_shows_its_traceback(tmp_path: Path) -> None:
    done = ran(tmp_path, parameters={"broken": True})
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("RuntimeError: it broke")
