"""What a training script sees: plain calls, and never an exception."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pulsetrain
from pulsetrain.sdk import warn
from pulsetrain.sdk.control import Command, CommandWriter
from pulsetrain.sdk.folder import SpoolFolder
from pulsetrain.sdk.run import Run
from pulsetrain.sdk.spool import records as spooled


def records(path: Path) -> list[list[Any]]:
    return [record for record, _ in spooled(path)]


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpoolFolder:
    folder = SpoolFolder(tmp_path / "spool")
    monkeypatch.setenv("PULSETRAIN_SPOOL", str(folder.path))
    monkeypatch.setenv("PULSETRAIN_RUN", "r_aaaaaaaaaa")
    monkeypatch.setattr(warn, "_said", set())
    return folder


@pytest.fixture
def run(spool: SpoolFolder) -> Iterator[Run]:
    with warnings.catch_warnings():
        # Whoever turns warnings into errors must not get them from here either.
        warnings.simplefilter("error")
        made = pulsetrain.init(config={"lr": 0.1, "layers": [1, 2]})
        yield made
        made.finish()


def rows(run: Run) -> list[tuple[int | None, dict[str, Any]]]:
    assert run._folder is not None
    own = run._folder.producer(f"sdk-{os.getpid()}")
    return [(record[3], record[4]) for record in records(own) if record[1] == "m"]


def test_rows_with_and_without_steps(run: Run) -> None:
    run.log({"loss": 0.5})
    run.log({"loss": 0.4}, step=10)
    run.log({"loss": 0.3})
    run.log({"loss": 1, "nan": float("nan")}, step=3)
    found = rows(run)
    assert [step for step, _ in found] == [1, 10, 11, 3]
    assert found[3][1]["loss"] == 1
    assert str(found[3][1]["nan"]) == "nan"


def test_what_is_almost_a_number_is_one(run: Run) -> None:
    torch = pytest.importorskip("torch")
    run.log(
        {"a": np.float32(0.5), "b": np.int64(3), "c": np.array([2.0]), "d": True, "e": Decimal("1.5")}, step=np.int64(7)
    )
    run.log({"t": torch.tensor(0.25, requires_grad=True), "train": {"loss": 1.0, "deep": {"x": 2}}, 5: 1.0})
    run.log({"big": 2**80})
    assert rows(run) == [
        (7, {"a": 0.5, "b": 3, "c": 2.0, "d": 1, "e": 1.5}),
        (8, {"t": 0.25, "train/loss": 1.0, "train/deep/x": 2, "5": 1.0}),
        (9, {"big": float(2**80)}),
    ]


def test_what_is_none_is_left_out_and_said_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        run.log({"loss": 1.0, "name": "text", "nothing": None, "many": np.zeros(3)})
    run.log({"name": "text"})
    run.log({"loss": 2.0}, step="soon")  # type: ignore[arg-type]  # people do
    assert [values for _, values in rows(run)] == [{"loss": 1.0}] * 3 + [{"loss": 2.0}]
    assert [step for step, _ in rows(run)] == [1, 2, 3, 4]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert all(line.startswith("pulsetrain: ") for line in said)


def test_after_many_plain_rows_too(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        run.log({"loss": 1.0, "count": 1})
    run.log({"loss": np.float32(0.5), "count": np.int64(2)})
    run.log({"loss": True, "count": False})
    run.log({"count": 3, "loss": 2})
    run.log({"loss": "1.5", "count": 4})
    run.log({"loss": None, "count": 5})
    run.log({"loss": [1.0], "count": 6})
    run.log({("loss",): 1.0, "count": 7})
    run.log({"loss": 1.0, "count": 0.5})
    run.log({"loss": 2**80, "count": 2**70})
    lazy: defaultdict[str, float] = defaultdict(float, {"loss": 1.0, "other": 2.0})
    run.log(lazy)
    assert list(lazy) == ["loss", "other"]
    assert [values for _, values in rows(run)][3:] == [
        {"loss": 0.5, "count": 2},
        {"loss": 1, "count": 0},
        {"count": 3, "loss": 2},
        {"count": 4},
        {"count": 5},
        {"count": 6},
        {"('loss',)": 1.0, "count": 7},
        {"loss": 1.0, "count": 0.5},
        {"loss": float(2**80), "count": float(2**70)},
        {"loss": 1.0, "other": 2.0},
    ]
    assert [step for step, _ in rows(run)] == list(range(1, 14))
    assert capsys.readouterr().err.count("'loss' is not a number") == 1


class Hostile:
    def __float__(self) -> float:
        raise RuntimeError("no")

    def item(self) -> float:
        raise RuntimeError("no")

    def __str__(self) -> str:
        return "hostile \udc80"


strange = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates(), st.complex_numbers(),
        st.just(Hostile()), st.just("\udc80"), st.just(object()),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    values=st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), strange, max_size=4),
    step=strange,
    odd=strange,
)
def test_nothing_raises(run: Run, values: Any, step: Any, odd: Any) -> None:
    run.log(values, step=step)
    run.log(odd)
    run.progress(odd, epoch=step, epochs=odd, unit=odd, rate=odd)
    run.stage(odd, index=step)
    run.result(odd, odd, score=odd, domain=odd)
    run.save_artifact(odd, name=odd, kind=odd)
    # And what came into the spool can be read again.
    assert run._folder is not None
    numbers = [record[0] for record in records(run._folder.producer(f"sdk-{os.getpid()}"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_finished_run_only_warns(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.log({"loss": 1.0})
    run.finish()
    run.log({"loss": 2.0})
    run.log({"loss": 2.0})
    run.progress(50)
    run.stage("Train")
    run.save_artifact(__file__)
    run.finish()
    assert not run.should_stop
    assert len(rows(run)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_without_a_place_only_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(warn, "_said", set())
    monkeypatch.setenv("PULSETRAIN_SPOOL", str(tmp_path / "file" / "spool"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = pulsetrain.init(config={"lr": 0.5})
        run.log({"loss": 1.0})
        run.progress(5)
        run.save_artifact(__file__)
        assert run.param("lr") == 0.5
        assert not run.should_stop
        run.finish()
    assert capsys.readouterr().err.count("pulsetrain: ") == 1


def test_progress_reckons_what_it_can(run: Run) -> None:
    run.progress(epoch=1, epochs=4)
    time.sleep(0.01)
    run.progress(epoch=2, epochs=4, rate=12.5, unit="rows")
    run.progress(epoch=2, epochs=4)
    assert run._folder is not None
    found = [record[3] for record in records(run._folder.producer(f"sdk-{os.getpid()}"))]
    assert [data["percent"] for data in found] == [25.0, 50.0]
    assert found[0]["eta_seconds"] is None
    # Half is left, and a quarter took at least 10 ms.
    assert found[1]["eta_seconds"] >= 0.02
    assert found[1]["rate"] == 12.5
    assert found[1]["step"] is None


def test_stages_count_themselves(run: Run) -> None:
    run.stage("Prepare", of=2)
    with pytest.raises(KeyError), run.stage("Train"):
        raise KeyError("x")
    assert run._folder is not None
    found = [record[3] for record in records(run._folder.producer(f"sdk-{os.getpid()}"))]
    assert [(data["name"], data["index"], data["of"], data["state"]) for data in found] == [
        ("Prepare", 0, 2, "running"),
        ("Train", 1, None, "running"),
        ("Train", 1, None, "failed"),
    ]


def test_a_stop_is_answered_once(run: Run) -> None:
    assert run._folder is not None
    assert not run.should_stop
    run.log({"loss": 1.0}, step=41)
    writer = CommandWriter(run._folder)
    writer.send(Command("c_aaaaaaaaaa", "stop", {"grace_seconds": 5.0}), time.time())
    assert run.should_stop
    assert run.should_stop
    writer.close()
    found = records(run._folder.producer(f"sdk-{os.getpid()}"))
    answers = [record[3] for record in found if record[1] == "command.applied"]
    assert answers == [{"id": "c_aaaaaaaaaa", "command": "stop", "step": 41, "how": "safe point"}]


def test_parameters_come_from_the_start_then_from_the_script(
    spool: SpoolFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"trainer": "x", "parameters": {"lr": 0.5}}')
    monkeypatch.setenv("PULSETRAIN_SPEC", str(spec))
    run = pulsetrain.init(config={"lr": 0.1, "epochs": 3})
    assert (run.param("lr", 1.0), run.param("epochs"), run.param("seed", 7)) == (0.5, 3, 7)
    assert pulsetrain.init() is run
    run.finish()


def test_an_artifact_is_kept_as_it_was(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my model?.pt"
    file.write_bytes(b"first")
    run.save_artifact(file, kind="model")
    file.write_bytes(b"second")
    run.save_artifact(file, name="model.pt", kind="model")
    run.save_artifact(tmp_path / "missing")
    run.save_artifact(file, kind="poem")
    assert run._folder is not None
    found = [record[3] for record in records(run._folder.producer(f"sdk-{os.getpid()}"))]
    assert [(data["name"], data["kind"], data["size"]) for data in found] == [
        ("my model_.pt", "model", 5),
        ("model.pt", "model", 6),
    ]
    assert [(run._folder.path / data["path"]).read_bytes() for data in found] == [b"first", b"second"]


FORK = """
import os, pulsetrain
run = pulsetrain.init()
run.log({"parent": 1.0})
child = os.fork()
for step in range(2000):
    run.log({"child" if child == 0 else "parent": 2.0})
if child == 0:
    grandchild = os.fork()
    run.log({"late": 1.0})
    if grandchild:
        os.waitpid(grandchild, 0)
    os._exit(0)
os.waitpid(child, 0)
run.finish()
print(os.getpid(), child)
"""


def test_a_forked_child_writes_its_own_file(tmp_path: Path) -> None:
    environment = {**os.environ, "PULSETRAIN_SPOOL": str(tmp_path), "PULSETRAIN_RUN": "r_aaaaaaaaaa"}
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK], env=environment, capture_output=True, text=True, check=True
    )
    parent, child = said.stdout.split()
    assert said.stderr == ""
    of_parent, of_child = records(tmp_path / f"sdk-{parent}.spool"), records(tmp_path / f"sdk-{child}.spool")
    assert [record[0] for record in of_parent] == list(range(1, 2002))
    assert {key for record in of_parent for key in record[4]} == {"parent"}
    assert [record[0] for record in of_child] == list(range(1, 2002))
    assert len(list(tmp_path.glob("sdk-*.spool"))) == 3


def test_the_import_is_light() -> None:
    code = "import sys, pulsetrain; pulsetrain.init; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "numpy",
        "torch",
        "httpx",
        "starlette",
        "polars",
        "asyncio",
        "ssl",
        "socket",
        "http",
        "subprocess",
        "psutil",
        "typer",
    }
    assert not heavy & set(loaded)
