"""The last stages: what the held-out rows say, and the model as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from .growth import Growth
from .model import About, Model, interval_half, levels_and_bounds
from .preparing import Encoded, Material
from .report import Held
from .scores import quality_interval, scores
from .selection import baseline_answers
from .telling import quality_name, say, shown

_CHECKED_ROWS = 50


def judged(growth: Growth, material: Material, encoded: Encoded, seed: int) -> Held:
    """The verdict of the held-out rows, against the baseline, with an interval by bootstrap."""
    task, test = material.target.task, encoded.test
    answers = growth.answers(test.rows)
    baseline = baseline_answers(material.target, material.parts.train, len(test.truth))
    held = Held(
        material.frame[material.parts.test],
        answers,
        test.truth,
        scores(task, answers, test.truth),
        scores(task, baseline, test.truth),
        quality_interval(task, answers, test.truth, seed),
    )
    if task == "regression":
        held.error_90 = interval_half(growth.answers(encoded.validation.rows), encoded.validation.truth)
        held.coverage = float((np.abs(answers - test.truth) <= held.error_90).mean())
    say(
        f"{len(test.truth):,} held-out rows: {quality_name(task)} {shown(held.scores.quality)} "
        f"(baseline {shown(held.baseline.quality)}), loss {held.scores.loss:.4f} (baseline {held.baseline.loss:.4f})."
    )
    return held


def model_of(growth: Growth, material: Material, encoded: Encoded, held: Held, dataset: str, seed: int) -> Model:
    """What the growth has come to, with all that it needs to answer on its own."""
    learnt = material.frame[material.parts.train]
    levels, bounds = levels_and_bounds(encoded.encoder, learnt)
    names = [feature.name for feature in material.plan.features]
    about = About(
        target=material.target.name,
        task=material.target.task,
        classes=material.target.classes,
        features=material.plan.features,
        unused=[dropped.name for dropped in material.plan.dropped],
        scale=growth.scale,
        family=growth.family.name,
        grown=growth.size,
        dataset=dataset,
        seed=seed,
        error_90=held.error_90,
        example={name: _cell(cell) for name, cell in _fullest(learnt.select(names)).items()},
        levels=levels,
        bounds=bounds,
        metrics={"quality": held.scores.quality, "loss": held.scores.loss},
    )
    return Model(about, encoded.encoder, growth.model)


def write_model(model: Model, path: Path, growth: Growth, held: Held) -> None:
    """Write the model, read it again, and see that it answers as the one that was judged."""
    model.save(path)
    again = Model.load(path).answers(held.frame[:_CHECKED_ROWS], growth.asking)
    if not np.allclose(again, held.answers[:_CHECKED_ROWS], rtol=1e-4, atol=1e-6):
        raise RuntimeError("The model that was written answers differently from the one that was trained.")


def predictions(material: Material, held: Held) -> pl.DataFrame:
    """The held-out rows with what the model said about them."""
    target, answers = material.target, held.answers
    guess = _free("prediction", held.frame)
    if target.task == "regression":
        return held.frame.hstack([pl.Series(guess, answers)])
    labels = pl.Series(guess, [target.classes[int(place)] for place in answers.argmax(axis=1)])
    return held.frame.hstack([labels, pl.Series(_free("confidence", held.frame), answers.max(axis=1))])


def _fullest(rows: pl.DataFrame) -> dict[str, Any]:
    """The first of the rows that miss the fewest cells: it says most as an example."""
    missing = rows.select(pl.sum_horizontal(pl.all().is_null())).to_series()
    found: dict[str, Any] = rows.row(int(missing.arg_min() or 0), named=True)
    return found


def _free(name: str, frame: pl.DataFrame) -> str:
    while name in frame.columns:
        name += "_"
    return name


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else value.isoformat(sep=" ")
