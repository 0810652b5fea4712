"""A model that was written, read again, answers rows as somebody types them."""

from __future__ import annotations

import json
import math
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pulsetrain.model.errors import BadParameters
from pulsetrain.trainers.classifier import train
from pulsetrain.trainers.classifier.predict import Answerer, load


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = range(240)
    path = tmp_path_factory.mktemp("table") / "cars.csv"
    pl.DataFrame(
        {
            "row": list(rows),
            "price": [None if row % 11 == 0 else 100.5 + row % 50 for row in rows],
            "make": [("BMW", "東風", "Škoda")[row % 3] for row in rows],
            "town": [f"town {row % 70}" for row in rows],
            "since": [f"{1 + row % 28:02}.{1 + row % 12:02}.2024" for row in rows],
            "owned": [row % 4 == 0 for row in rows],
            "said": [f"it is a {('good', 'bad')[row % 2]} one {row}" for row in rows],
            "sold": [(row % 50 > 25) for row in rows],
        }
    ).write_csv(path)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, table: Path, recording_run: type) -> Path:
    run = recording_run(tmp_path_factory.mktemp("run"))
    train(run, table, target="sold", families="boosting", folds=2, epochs=20)
    path: Path = run.dir / "model.zip"
    return path


@pytest.fixture(scope="module")
def model(file: Path) -> Answerer:
    return load(file)


def test_its_input_is_described(model: Answerer) -> None:
    properties = model.input["properties"]
    assert list(properties) == ["price", "make", "town", "since", "owned", "said"]
    assert properties["price"]["type"] == ["number", "null"]
    assert set(properties["make"]["examples"]) == {"BMW", "東風", "Škoda"}
    assert "%d.%m.%Y" in properties["since"]["description"]
    assert properties["owned"]["type"] == ["boolean", "null"]
    (example,) = model.input["examples"]
    assert set(example) == set(properties)
    json.dumps(model.input)


def test_it_answers_with_its_sureness(model: Answerer) -> None:
    cheap, dear = model.predict([{"price": 105.0}, {"price": 145, "make": "BMW", "since": "01.02.2024"}])
    assert (cheap["prediction"], dear["prediction"]) == (False, True)
    for answer in (cheap, dear):
        assert set(answer) == {"prediction", "confidence", "probabilities"}
        assert set(answer["probabilities"]) == {"true", "false"}
        assert math.isclose(sum(answer["probabilities"].values()), 1)
        assert answer["confidence"] == max(answer["probabilities"].values()) > 0.9
    assert model.predict([]) == []


def test_a_row_may_be_written_in_several_ways(model: Answerer) -> None:
    plain = {"price": 120.5, "make": "BMW", "since": "05.03.2024", "owned": True, "town": "town 3"}
    (answer,) = model.predict([plain])
    for change in (
        {"price": "120.5"},
        {"price": " 120.5 "},
        {"make": " BMW "},
        {"since": "2024-03-05"},
        {"since": "2024-03-05T00:00:00+00:00"},
        {"owned": "TRUE"},
        {"sold": True},
        {"row": 7},
        {"said": None},
        {"said": "NA"},
    ):
        assert model.predict([plain | change]) == [answer], change
    model.predict([plain | {"make": "never heard of", "town": 5}])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"price": "dear"}, "Row 2: 'price' must be a number, not 'dear'"),
        ({"price": True}, "Row 2: 'price' must be a number"),
        ({"price": [1]}, "Row 2: 'price' must be a number"),
        ({"price": "1e999"}, "Row 2: 'price' must be a finite number"),
        ({"make": {"a": 1}}, "Row 2: 'make' must be text"),
        ({"since": "yesterday"}, "Row 2: 'since' must be a date like %d.%m.%Y"),
        ({"since": 7}, "Row 2: 'since' must be a date"),
        ({"owned": "maybe"}, "Row 2: 'owned' must be true or false"),
        ({"colour": "red"}, "Row 2: the model knows no column 'colour'"),
        ({}, "Row 2 has no value"),
        ({"sold": True}, "Row 2 has no value"),
    ],
)
def test_a_bad_row_is_named(model: Answerer, row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadParameters, match=said):
        model.predict([{"price": 1.0}, row])


def test_numbers_come_with_an_interval(tmp_path: Path, samples: Path, recording_run: type) -> None:
    run = recording_run(tmp_path / "run")
    train(run, samples / "diabetes.csv", families="linear", folds=2)
    model = load(run.dir / "model.zip")
    held_out = pl.read_csv(run.dir / "predictions.csv")
    rows = held_out.drop("prediction").to_dicts()
    answers = model.predict(rows)
    assert [answer["prediction"] for answer in answers] == pytest.approx(held_out["prediction"].to_list(), rel=1e-4)
    inside = 0
    for answer, row in zip(answers, rows, strict=True):
        low, high = answer["interval"]
        assert low < answer["prediction"] < high
        inside += low <= row["progression"] <= high
    assert answer["interval_share"] == 0.9
    assert inside / len(rows) > 0.8


def test_it_answers_in_a_process_of_its_own(file: Path, model: Answerer) -> None:
    """Without the table, without the run: the file is enough."""
    code = (
        "import json, sys; from pathlib import Path; from pulsetrain.trainers.classifier.predict import load; "
        "print(json.dumps(load(Path(sys.argv[1])).predict([{'price': 105.0}])))"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == model.predict([{"price": 105.0}])


class Evil:
    def __reduce__(self) -> Any:
        return print, ("it ran",)


def test_a_file_that_is_no_model_is_refused(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.zip").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadParameters, match="not a model"):
        load(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as other:
        other.writestr("model.json", "{}")
    with pytest.raises(BadParameters, match="not a model"):
        load(tmp_path / "b.zip")
    assert "it ran" not in capsys.readouterr().out


def test_a_model_that_holds_strange_types_is_refused(file: Path, tmp_path: Path) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    strange = tmp_path / "strange.zip"
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(strange, "w") as bad:
        for name in good.namelist():
            if name != "estimator.skops":
                bad.writestr(name, good.read(name))
        bad.writestr("estimator.skops", skops.io.dumps(FunctionTransformer(shutil.rmtree)))
    with pytest.raises(BadParameters, match="rmtree"):
        load(strange)
