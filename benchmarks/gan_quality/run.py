"""How good are the rows of the tabular GAN? Against real rows (the ceiling) and shuffled columns (the floor).

    OMP_NUM_THREADS=1 python benchmarks/gan_quality/run.py [--epochs 100] [--seed 0] [--sets wine,iris,…] [--adult FILE]

Trains on sets that scikit-learn carries, and on the Adult census where its CSV is found, through the trainer itself.
All three tables (real, synthetic, shuffled) are judged by the trainer's own report on the same held-out rows, and on
the Adult census also by a panel like those that publications average: a decision tree, AdaBoost, logistic regression.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from pulsetrain.tables.read import read_table
from pulsetrain.trainers.sample_sets import write_sample_sets
from pulsetrain.trainers.tabular_gan import quality, train
from pulsetrain.trainers.tabular_gan.learners import Features, detection, shuffled
from pulsetrain.trainers.tabular_gan.stages import split

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402

RESULTS = HERE.parent / "results"
ADULT = HERE.parents[2] / "shared" / "data" / "adult.csv"


class Run:
    """What the trainer needs of a run, and the clock of its stages."""

    should_stop = False
    checkpoint = None

    def __init__(self, folder: Path) -> None:
        self.dir = folder
        self.times: dict[str, float] = {}
        self.scores: list[dict[str, float]] = []

    def stage(self, name: str, index: int, of: int) -> None:
        self.times[name] = time.perf_counter()

    def log(self, values: dict[str, float], step: int) -> None:
        self.scores.append(values)

    def progress(self, **_: Any) -> None: ...

    def save_artifact(self, path: Path, name: str, kind: str) -> None:
        self.times.pop("end", None)
        self.times["end"] = time.perf_counter()


def measure(path: Path, epochs: int, seed: int) -> dict[str, Any]:
    """Train on `path`, and judge real, synthetic and shuffled rows alike."""
    table = read_table(path)
    learnt, held_out = split(table.frame, seed)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        cpu = time.process_time()
        train(run, path, epochs=epochs, seed=seed, rows=learnt.height)  # type: ignore[arg-type]  # a run as far as asked
        cpu = time.process_time() - cpu
        report = json.loads((run.dir / "report.json").read_text())
        made = read_as(table.frame, run.dir / "synthetic.csv", path)
    tables = {"real": learnt, "synthetic": made, "shuffled": shuffled(learnt, seed)}
    times = list(run.times.items())
    answer: dict[str, Any] = {
        "rows": table.frame.height,
        "columns": table.frame.width,
        "seconds": {name: round(after - at, 2) for (name, at), (_, after) in pairwise(times)},
        "cpu_seconds": round(cpu, 1),
        "rows_per_second": round(float(np.median([scores["rows_per_second"] for scores in run.scores]))),
        "last_epoch": run.scores[-1],
    }
    for name, frame in tables.items():
        told = report if name == "synthetic" else quality.report(learnt, held_out, frame, seed=seed)
        answer[name] = figures(told)
    # The report takes all real rows where few are held out; against themselves they would not be a ceiling.
    kinds = {name: quality.kind_of(table.frame[name]) for name in table.frame.columns}
    told = detection(learnt[:0], held_out, learnt, kinds, seed, [])
    answer["real"]["detection_auc"] = told and told["auc"]
    if path.name == "adult.csv":
        answer["panel"] = {name: panel(frame, held_out, table.frame, "income") for name, frame in tables.items()}
    return answer


def read_as(real: pl.DataFrame, path: Path, original: Path) -> pl.DataFrame:
    """Synthetic rows with the types that the real table was read with."""
    made = read_table(path).frame
    return made.select(pl.col(name).cast(dtype) for name, dtype in real.schema.items())


def figures(report: dict[str, Any]) -> dict[str, Any]:
    utility = report["utility"]
    return {
        "overall": report["overall"],
        "similarity": float(np.mean([column["similarity"] for column in report["columns"]])),
        "correlation_difference": report["correlation"]["mean_absolute_difference"],
        "detection_auc": report["detection"]["auc"],
        "utility": utility
        and {"target": utility["target"], "metric": utility["metric"], "score": utility["synthetic"]},
        "duplicates": report["duplicates"]["share"],
    }


def panel(learnt: pl.DataFrame, test: pl.DataFrame, everything: pl.DataFrame, target: str) -> dict[str, float]:
    """F1 of the rarer class by each classifier, and their mean; numbers scaled, categories one-hot."""
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    kinds = {name: quality.kind_of(everything[name]) for name in everything.columns}
    features = Features(everything, kinds, without=target)
    rarer = everything[target].value_counts(sort=True)[target][-1]
    rows, test_rows = (one_hot(features, frame) for frame in (learnt, test))
    labels, truth = ((frame[target] == rarer).to_numpy() for frame in (learnt, test))
    models = {
        "decision tree": DecisionTreeClassifier(max_depth=15, random_state=0),
        "AdaBoost": AdaBoostClassifier(random_state=0),
        "logistic regression": LogisticRegression(max_iter=200),
    }
    scores = {
        name: float(f1_score(truth, make_pipeline(StandardScaler(), model).fit(rows, labels).predict(test_rows)))
        for name, model in models.items()
    }
    return {**scores, "mean": float(np.mean(list(scores.values())))}


def one_hot(features: Features, frame: pl.DataFrame) -> np.ndarray:
    parts = []
    for name, column in zip(features.names, features.of(frame).T, strict=True):
        if name in features.levels:
            size = len(features.levels[name]) + 2
            parts.append(np.eye(size)[np.nan_to_num(column, nan=size - 1).astype(int)])
        else:
            parts.append(np.nan_to_num(column)[:, None])
    return np.hstack(parts)


def show(name: str, result: dict[str, Any]) -> None:
    print(
        f"\n{name}: {result['rows']:,} rows × {result['columns']}, {result['seconds']}, CPU {result['cpu_seconds']} s"
    )
    print(f"  {'':10} {'overall':>8} {'shape':>8} {'pairs':>8} {'AUC':>8} {'utility':>8}")
    for kind in ("real", "synthetic", "shuffled"):
        one = result[kind]
        utility = one["utility"]["score"] if one["utility"] else float("nan")
        values = one["overall"], one["similarity"], one["correlation_difference"], one["detection_auc"], utility
        print(f"  {kind:10} " + " ".join(f"{value:8.3f}" for value in values))
    for kind, scores in result.get("panel", {}).items():
        print(f"  panel {kind:10} " + ", ".join(f"{model} {score:.3f}" for model, score in scores.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", default="wine,breast-cancer,iris,diabetes,adult")
    parser.add_argument("--adult", type=Path, default=ADULT, help="CSV of the Adult census, if you have it")
    options = parser.parse_args()
    here = machine() | {"torch": torch.__version__, "threads": torch.get_num_threads()}
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_sample_sets(Path(folder))
        for name in options.sets.split(","):
            path = options.adult if name == "adult" else Path(folder) / f"{name}.csv"
            if not path.is_file():
                print(f"{name}: not here, left out")
                continue
            results[name] = measure(path, options.epochs, options.seed)
            show(name, results[name])
    here["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    document = {"machine": here, "epochs": options.epochs, "seed": options.seed, "results": results}
    RESULTS.mkdir(exist_ok=True)
    seed = f"-seed{options.seed}" if options.seed else ""
    path = RESULTS / f"gan_quality-{time.strftime('%Y-%m-%d', time.gmtime())}{seed}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\n{here}\nsaved to {path}")


if __name__ == "__main__":
    main()
