"""How well does nlu-train understand the SNIPS examples, and how long does it take to learn them?

    OMP_NUM_THREADS=1 python benchmarks/nlu_quality/run.py [--snips FOLDER] [--seeds 0,1,2] [--also]

Trains on the 13,784 examples of train_*_full.json through the trainer itself, then asks the saved model, as a
deployment would, about the 700 of validate_*.json. Intents are counted; entities are scored as conlleval scores slots:
right if start, end and label are exactly those of the annotation. Nothing in the annotation is drawn to whole words for
that, but space at the ends of a slot, which conlleval cannot see, does not count. Beside it: always the most frequent
intent, and slots looked up among those of the training examples. `--also` adds other settings and small training sets.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pulsetrain.trainers.nlu import train
from pulsetrain.trainers.nlu.predict import load
from pulsetrain.trainers.nlu.scores import accuracy, entity_scores
from pulsetrain.trainers.nlu.tokens import Span

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402
from nlu_quality.convert import examples  # noqa: E402

RESULTS = HERE.parent / "results"
SNIPS = HERE.parents[2] / "shared" / "data" / "snips"


class Run:
    """What the trainer needs of a run, and the clock of its stages."""

    should_stop = False
    checkpoint = None

    def __init__(self, folder: Path) -> None:
        self.dir = folder
        self.times: list[tuple[str, float]] = []
        self.shown: list[tuple[float, float]] = []
        self.metrics: list[dict[str, float]] = []

    def stage(self, name: str, index: int, of: int) -> None:
        self.times.append((name, time.perf_counter()))

    def log(self, values: dict[str, float], step: int) -> None:
        self.metrics.append(values)

    def progress(self, percent: float, **_: Any) -> None:
        self.shown.append((time.perf_counter(), percent))

    def param(self, name: str, default: Any = None) -> Any:
        return default

    def clock(self) -> float:
        return time.perf_counter()

    def on(self, *_: Any) -> None: ...

    def settle(self, *_: Any) -> None: ...

    def table(self, *_: Any) -> None: ...

    def save_artifact(self, *_: Any, **__: Any) -> None: ...


def measure(rows: list[dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
    """Train on those of split `train`, and judge by the others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "snips.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run = Run(folder)
        cpu, begun = time.process_time(), time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            train(run, data, **options)  # type: ignore[arg-type]  # a run as far as asked
        ended = time.perf_counter()
        cpu = time.process_time() - cpu
        stages = [*run.times, ("", ended)]
        answer = judged([row for row in rows if row["split"] == "validation"], folder / "model.npz")
        report = json.loads((folder / "report.json").read_text())
        own = {figure["name"]: figure for figure in report["figures"]}
        return {
            **answer,
            "own_report": {name: own[name]["value"] for name in ("Intent accuracy", "Entity F1", "Wholly understood")},
            "baselines": {name: own[name]["baseline"] for name in ("Intent accuracy", "Entity F1")},
            "examples": sum(row["split"] == "train" for row in rows),
            "seconds": round(ended - begun, 1),
            "cpu_seconds": round(cpu, 1),
            "stages": {name: round(after - at, 1) for (name, at), (_, after) in pairwise(stages)},
            "model_mib": round((folder / "model.npz").stat().st_size / 2**20, 1),
            "checkpoint_mib": round((folder / "checkpoint.npz").stat().st_size / 2**20, 1),
            "progress_off_percent": progress_error(run.shown, begun, ended),
            "epochs": run.metrics,
        }


def judged(rows: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    """The answers of the saved model against the annotation as it is."""
    begun = time.perf_counter()
    model = load(path)
    loaded = time.perf_counter()
    answers = model.predict([{"text": row["text"]} for row in rows])
    one_by_one = []
    for row in rows:
        at = time.perf_counter()
        model.predict([{"text": row["text"]}])
        one_by_one.append(time.perf_counter() - at)
    truth = [[trimmed(row["text"], Span(**entity)) for entity in row["entities"]] for row in rows]
    found = [[Span(one["start"], one["end"], one["label"]) for one in answer["entities"]] for answer in answers]
    scores = entity_scores(truth, found)
    return {
        "intent_accuracy": accuracy([row["intent"] for row in rows], [answer["prediction"] for answer in answers]),
        "slot_f1": scores.together.f1,
        "slot_precision": scores.together.precision,
        "slot_recall": scores.together.recall,
        "slots": scores.together.count,
        "judged_by": len(rows),
        "load_seconds": round(loaded - begun, 3),
        "predict_ms": {
            "median": round(1e3 * statistics.median(one_by_one), 2),
            "p99": round(1e3 * float(np.quantile(one_by_one, 0.99)), 2),
        },
    }


def trimmed(text: str, span: Span) -> Span:
    inside = text[span.start : span.end]
    start = span.start + len(inside) - len(inside.lstrip())
    return Span(start, start + len(inside.strip()), span.label)


def progress_error(shown: list[tuple[float, float]], begun: float, ended: float) -> dict[str, float]:
    """How far the percentage that was shown is from the share of time that was over."""
    errors = [abs(percent - 100 * (at - begun) / (ended - begun)) for at, percent in shown]
    return {"mean": round(statistics.mean(errors), 1), "most": round(max(errors), 1)}


def smaller(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The same to judge by, with `count` examples to learn from."""
    learnt = [row for row in rows if row["split"] == "train"]
    return random.Random(0).sample(learnt, count) + [row for row in rows if row["split"] == "validation"]


def show(name: str, result: dict[str, Any]) -> None:
    good = f"intents {result['intent_accuracy']:.2%}  slot F1 {result['slot_f1']:.2%}"
    cost = f"{result['seconds']:5.1f} s, CPU {result['cpu_seconds']:5.1f} s  {result['model_mib']} MiB"
    print(f"{name:20} {result['examples']:6,} examples  {good}  {cost}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snips", type=Path, default=SNIPS)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--also", action="store_true", help="other settings and small training sets too")
    options = parser.parse_args()
    rows = list(examples(options.snips))
    here = machine() | {"numpy": np.__version__, "threads": os.environ.get("OMP_NUM_THREADS")}
    cases: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
        (f"seed {seed}", rows, {"seed": int(seed)}) for seed in options.seeds.split(",")
    ]
    if options.also:
        cases += [
            *((f"{count} examples", smaller(rows, count), {}) for count in (300, 1000, 3000)),
            ("AdaGrad, rate 0.1", rows, {"optimizer": "adagrad", "learning_rate": 0.1}),
            ("Adam, rate 0.001", rows, {"learning_rate": 0.001}),
            ("SGD, rate 1", rows, {"optimizer": "sgd", "learning_rate": 1.0}),
        ]
    path = RESULTS / f"nlu_quality-{time.strftime('%Y-%m-%d', time.gmtime())}.json"
    results: dict[str, Any] = {}
    for name, some, settings in cases:
        results[name] = {"load": round(os.getloadavg()[0], 1), "settings": settings, **measure(some, settings)}
        show(name, results[name])
        peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        document = {"machine": here, "peak_memory_mib": peak, "results": results}
        path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\npeak memory {peak} MiB\n{here}\nsaved to {path}")


if __name__ == "__main__":
    main()
