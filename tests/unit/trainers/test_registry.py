from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

import pulsetrain
from pulsetrain.trainers.registry import Advanced, Help, Range, registered, schema_of, trainer


def test_the_signature_is_the_schema() -> None:
    def train(
        run: Any,
        data: Path,
        *,
        steps: int,
        epochs: Annotated[int, Range(1, 1000), Help("Passes over the data.")] = 100,
        learning_rate: Annotated[float, Range(minimum=1e-6), Advanced()] = 1e-3,
        device: Literal["auto", "cpu"] = "auto",
        target: str | None = None,
        shuffle: Annotated[bool, Help("Draw anew.", title="Shuffled")] = True,
    ) -> None: ...

    assert schema_of(train) == {
        "type": "object",
        "properties": {
            "steps": {"type": "integer", "title": "Steps"},
            "epochs": {
                "type": "integer",
                "title": "Epochs",
                "minimum": 1,
                "maximum": 1000,
                "description": "Passes over the data.",
                "default": 100,
            },
            "learning_rate": {
                "type": "number",
                "title": "Learning rate",
                "minimum": 1e-6,
                "x-advanced": True,
                "default": 1e-3,
            },
            "device": {"type": "string", "title": "Device", "enum": ["auto", "cpu"], "default": "auto"},
            "target": {"type": ["string", "null"], "title": "Target", "default": None},
            "shuffle": {"type": "boolean", "title": "Shuffled", "description": "Draw anew.", "default": True},
        },
        "additionalProperties": False,
        "required": ["steps"],
    }


def test_a_signature_that_is_no_form_is_refused() -> None:
    def untyped(run: Any, *, epochs=3) -> None: ...  # type: ignore[no-untyped-def]  # the point of the test

    def odd(run: Any, *, path: Path) -> None: ...

    def marked(run: Any, *, epochs: Annotated[int, "many"] = 3) -> None: ...

    for function in (untyped, odd, marked):
        with pytest.raises(TypeError):
            schema_of(function)


def test_a_trainer_that_lacks_a_module_says_what_to_do() -> None:
    @trainer("registry-test-lacking", needs=["json", "no_such_module"], install="pip install it")
    def train(run: Any) -> None:
        """Learn nothing.

        Really.
        """

    description = registered()["registry-test-lacking"].description
    assert description.title == "Registry test lacking"
    assert description.summary == "Learn nothing."
    assert not description.available
    assert description.problem == "no_such_module is not installed. pip install it"


def described(*arguments: str, cwd: Path | None = None) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "pulsetrain.trainers.describe", *arguments]
    done = subprocess.run(command, capture_output=True, cwd=cwd, check=True, timeout=60)
    return {trainer["name"]: trainer for trainer in json.loads(done.stdout)}


def test_describing_imports_no_learning_library() -> None:
    program = (
        "import sys; from pulsetrain.trainers.describe import main; main([]);"
        "heavy = {'torch', 'sklearn', 'numpy', 'polars'} & set(sys.modules); sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    gan = json.loads(done.stdout)[0]
    assert gan["name"] == "tabular-gan"
    assert gan["available"] is True
    epochs = gan["parameters"]["properties"]["epochs"]
    assert (epochs["minimum"], epochs["maximum"]) == (1, 1000)


def test_a_module_of_the_user_is_found_and_may_print(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import pulsetrain\nprint('hello')\n"
        "@pulsetrain.trainer('mine', title='Mine')\ndef train(run, *, epochs: int = 3): ...\n"
    )
    for found in (
        described("--trainers", "mine", cwd=tmp_path),
        described("--trainers", str(tmp_path / "mine.py")),
    ):
        assert found["mine"]["parameters"]["properties"]["epochs"]["default"] == 3
        assert "tabular-gan" in found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import pulsetrain\npulsetrain.trainer('tabular-gan')(lambda run: 0)", "registered already"),
    ],
)
def test_a_broken_module_is_reported_and_breaks_nothing(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "broken_trainers.py").write_text(source)
    found = described("--trainers", "broken_trainers", "--trainers", "missing_trainers", cwd=tmp_path)
    assert found["tabular-gan"]["available"]
    assert not found["broken_trainers"]["available"]
    assert said in found["broken_trainers"]["problem"]
    assert "Traceback" in found["broken_trainers"]["problem"]
    assert "ModuleNotFoundError" in found["missing_trainers"]["problem"]


def test_it_says_which_code_a_trainer_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import pulsetrain\n@pulsetrain.trainer('mine')\ndef train(run): ...\n")
    assert described("--trainers", str(tmp_path / "mine.py"))["mine"]["code"] is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "mine.py"], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    code = described("--trainers", str(tmp_path / "mine.py"))["mine"]["code"]
    assert re.fullmatch("[0-9a-f]{40}", code)
    (tmp_path / "mine.py").write_text("import pulsetrain\n@pulsetrain.trainer('mine')\ndef train(run): pass\n")
    assert described("--trainers", str(tmp_path / "mine.py"))["mine"]["code"] == f"{code}+changes"
    assert described()["tabular-gan"]["code"] == f"pulsetrain {pulsetrain.__version__}"
