"""Steering from inside the training process: values and functions, obeyed at safe points, answered once."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pulsetrain
from pulsetrain.sdk import warn
from pulsetrain.sdk.control import Command, Commands, CommandWriter
from pulsetrain.sdk.folder import SpoolFolder
from pulsetrain.sdk.run import Run
from pulsetrain.sdk.spool import records

Data = dict[str, Any]


class Site:
    """A run under a supervisor that the test plays."""

    def __init__(self, folder: SpoolFolder) -> None:
        self.folder = folder
        self.run: Run = pulsetrain.init(config={"lr": 0.1, "layers": [1, 2], "epochs": 10})
        self.commands = CommandWriter(folder)
        self._asked = 0

    def ask(self, command: str, **arguments: Any) -> str:
        self._asked += 1
        id = f"c_{self._asked:010}"
        self.commands.send(Command(id, command, arguments), 0.0)
        return id

    def set(self, name: str, value: Any) -> str:
        return self.ask("set", name=name, value=value)

    def events(self, *types: str) -> list[Data]:
        """What the run has written of these types, in order."""
        found = []
        for name in self.folder.producers():
            found += [record[3] for record, _ in records(self.folder.producer(name)) if record[1] in types]
        return found

    def answers(self) -> list[Data]:
        return self.events("command.applied", "command.rejected")

    def controls(self) -> dict[str, Data]:
        """The newest word on what there is to steer."""
        said = self.events("run.controls")
        return {control["name"]: control for control in said[-1]["controls"]} if said else {}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = SpoolFolder(tmp_path / "spool")
    monkeypatch.setenv("PULSETRAIN_SPOOL", str(folder.path))
    monkeypatch.setenv("PULSETRAIN_RUN", "r_aaaaaaaaaa")
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(warn, "_said", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = Site(folder)
        yield made
        made.run.finish()


def test_a_parameter_that_was_left_empty_is_a_control_with_the_default(site: Site) -> None:
    site.run.parameters["rate"] = None
    site.run.take_rules({"rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1}})
    assert site.run.param("rate", 0.5) == 0.5
    assert (site.controls()["rate"]["value"], site.controls()["rate"]["maximum"]) == (0.5, 1.0)
    site.set("rate", 0.25)
    assert site.run.param("rate", 0.5) == 0.25


def test_a_value_in_the_loop_is_a_control_and_takes_what_it_is_set_to(site: Site) -> None:
    run = site.run
    assert run.param("lr", 1e-3, minimum=0, maximum=1, help="How fast") == 0.1
    assert site.controls()["lr"] == {
        "name": "lr",
        "value": 0.1,
        "type": "number",
        "minimum": 0.0,
        "maximum": 1.0,
        "choices": None,
        "help": "How fast",
    }
    run.log({"loss": 1.0}, step=7)
    id = site.set("lr", 0.5)
    assert run.param("lr", 1e-3) == 0.5
    details = {"name": "lr", "value": 0.5, "previous": 0.1}
    assert site.answers() == [{"id": id, "command": "set", "step": 7, "how": "safe point", "details": details}]
    assert site.controls()["lr"]["value"] == 0.5
    assert run.param("lr", 1e-3) == 0.5
    assert len(site.answers()) == 1


def test_should_stop_is_a_safe_point_as_well(site: Site) -> None:
    site.run.param("lr", maximum=1)
    site.set("lr", 0.25)
    assert not site.run.should_stop
    assert [answer["details"]["value"] for answer in site.answers()] == [0.25]
    assert site.run.param("lr") == 0.25


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("lr", 2.0, "lr must be from 0 to 1, not 2."),
        ("lr", "fast", "lr must be a number, not 'fast'."),
        ("epochs", 2.5, "epochs must be a whole number, not 2.5."),
        ("optimiser", "lion", "optimiser must be one of 'adam', 'sgd', not 'lion'."),
    ],
)
def test_what_does_not_fit_is_rejected_with_the_reason(site: Site, name: str, value: Any, reason: str) -> None:
    def values() -> list[Any]:
        run = site.run
        lr = run.param("lr", 1e-3, minimum=0, maximum=1)
        return [lr, run.param("epochs", 1, minimum=1), run.param("optimiser", "adam", choices=["adam", "sgd"])]

    before = values()
    id = site.set(name, value)
    assert values() == before
    assert site.answers() == [{"id": id, "command": "set", "reason": reason}]


def test_a_value_that_is_read_once_before_the_loop_is_no_control(site: Site) -> None:
    assert site.run.param("epochs", 3) == 10
    assert site.run.param("layers") == [1, 2]
    assert site.run.param("nothing") is None
    assert site.controls() == {}
    # The second reading is that of a loop.
    assert site.run.param("epochs", 3) == 10
    assert site.run.param("layers") == [1, 2]
    assert list(site.controls()) == ["epochs"]


def test_the_type_is_that_of_the_default_where_a_whole_number_stands_for_another(site: Site) -> None:
    site.run.parameters["rate"] = 1
    found = site.run.param("rate", 0.5, minimum=0)
    assert (found, type(found)) == (1.0, float)
    assert site.controls()["rate"]["type"] == "number"


def test_bounds_come_from_the_schema_of_a_trainer(site: Site) -> None:
    rule = {"type": ["integer", "null"], "minimum": 1, "maximum": 1000, "description": "Passes over the rows."}
    site.run.take_rules({"epochs": rule})
    site.run.param("epochs", 100)
    control = site.controls()["epochs"]
    assert (control["type"], control["minimum"], control["maximum"]) == ("integer", 1, 1000)
    assert control["help"] == "Passes over the rows."
    site.set("epochs", 1001)
    assert site.run.param("epochs", 100) == 10
    assert "from 1 to 1000" in site.answers()[0]["reason"]


def test_a_value_that_was_set_before_it_is_first_read_is_taken_then(site: Site) -> None:
    site.set("lr", 0.3)
    site.set("lr", 7)
    assert not site.run.should_stop
    assert site.answers() == []
    assert site.run.param("lr", 1e-3, maximum=1) == 0.3
    assert [("reason" in answer) for answer in site.answers()] == [False, True]


def test_an_action_is_called_at_the_next_safe_point_in_the_thread_of_the_training(site: Site) -> None:
    called: list[int] = []
    site.run.on("sample", lambda: called.append(threading.get_ident()))
    site.run.on("checkpoint", lambda: None)
    assert site.events("run.controls")[-1]["actions"] == ["checkpoint", "sample"]
    id = site.ask("sample")
    assert called == []
    assert not site.run.should_stop
    assert called == [threading.get_ident()]
    assert [(answer["id"], answer["how"]) for answer in site.answers()] == [(id, "safe point")]


def test_an_error_in_an_action_is_told_and_training_goes_on(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ValueError("no room for it")

    site.run.on("checkpoint", broken)
    site.ask("checkpoint")
    assert site.run.param("lr", maximum=1) == 0.1
    (answer,) = site.answers()
    assert answer["reason"] == "ValueError: no room for it"
    assert "Traceback" in capfd.readouterr().err


def test_an_action_may_come_to_safe_points_itself(site: Site) -> None:
    seen: list[bool] = []

    def evaluate() -> None:
        site.ask("sample")
        site.ask("stop")
        seen.append(site.run.should_stop)  # long work can be stopped
        seen.append(len(site.answers()) > 1)  # and another action waits for its end

    site.run.on("evaluate", evaluate)
    site.run.on("sample", lambda: None)
    site.ask("evaluate")
    assert site.run.should_stop
    assert seen == [True, False]
    assert [answer["command"] for answer in site.answers()] == ["stop", "evaluate", "sample"]


def test_a_stop_is_answered_where_the_training_learns_of_it(site: Site) -> None:
    site.ask("stop")
    site.run.param("lr", maximum=1)
    assert site.answers() == []
    assert site.run.should_stop and site.run.should_stop
    assert [answer["command"] for answer in site.answers()] == ["stop"]


def test_what_has_no_effect_any_more_is_withdrawn(site: Site) -> None:
    site.run.param("lr", maximum=1)
    site.run.on("sample", lambda: None)
    site.set("lr", 0.4)
    site.run.param("lr")
    site.run.settle()
    assert site.events("run.controls")[-1] == {"controls": [], "actions": []}
    site.set("lr", 0.5)
    site.ask("sample")
    assert site.run.param("lr") == 0.4
    assert ["no use" in answer["reason"] for answer in site.answers()[1:]] == [True, True]


def test_a_paused_process_waits_at_its_safe_point_until_it_may_go_on(site: Site) -> None:
    saved: list[str] = []
    site.run.on("checkpoint", lambda: saved.append("now"))
    site.commands.hold(3)
    id = site.ask("pause", hold=3)
    answered = threading.Event()
    over = threading.Event()

    def supervise() -> None:
        while not site.folder.claimed(id):
            time.sleep(0.002)
        answered.set()
        assert not over.wait(0.1)
        site.commands.set_halted(5.0)
        site.commands.hold(0)

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    before = site.run.clock()
    assert not site.run.should_stop
    over.set()
    supervisor.join()
    assert answered.is_set() and saved == ["now"]
    (answer,) = site.answers()
    assert (answer["how"], answer["details"]) == ("safe point", {"checkpoint": True})
    # The clock for speeds stood still: its seconds are those of the wall less those that were halted.
    assert site.run.clock() < before


def test_a_pause_that_is_over_already_is_nothing(site: Site) -> None:
    saved: list[str] = []
    site.run.on("checkpoint", lambda: saved.append("now"))
    assert site.folder.claim(site.ask("pause", hold=1))
    assert not site.run.should_stop
    assert saved == []


def test_of_many_processes_all_obey_and_one_answers(site: Site) -> None:
    site.run.param("lr", maximum=1)
    site.set("lr", 0.6)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(site.run.param("lr")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"0.6"
    assert site.run.param("lr") == 0.6
    assert len(site.answers()) == 1
    # What there is to steer is said by one of them.
    names = [name for name in site.folder.producers() if any(site.events("run.controls"))]
    said = [name for name in names for record, _ in records(site.folder.producer(name)) if record[1] == "run.controls"]
    assert set(said) == {f"sdk-{os.getpid()}"}


def test_a_process_that_begins_later_takes_values_and_leaves_old_requests_alone(site: Site) -> None:
    site.run.param("lr", maximum=1)
    site.run.on("checkpoint", lambda: None)
    site.set("lr", 0.6)
    site.ask("checkpoint")
    assert not site.run.should_stop
    later = Commands(site.folder)
    assert [command.command for command in later.take()] == ["set"]
    site.ask("checkpoint")
    assert [command.command for command in later.take()] == ["checkpoint"]


def test_an_alert_is_an_event_at_the_last_step(site: Site) -> None:
    site.run.log({"loss": 1.0}, step=4)
    site.run.alert("error", "the loss is odd")
    assert site.events("alert") == [{"severity": "error", "message": "the loss is odd", "step": 4}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        site.run.alert("dreadful", "x")
        site.run.on("dance", lambda: None)
    assert site.events("alert")[1]["severity"] == "warning"


def test_a_run_that_is_not_logged_has_its_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = Run(id="r_", folder=None, parameters={"lr": 0.5})
    assert [run.param("lr", 1.0, maximum=2) for _ in range(3)] == [0.5, 0.5, 0.5]
    run.on("sample", lambda: None)
    run.settle()
    assert not run.should_stop
    assert run.clock() > 0
