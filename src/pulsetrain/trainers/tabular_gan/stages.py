"""The four stages of a training, read top to bottom: Prepare data, Train, Evaluate, Export."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl
import torch
from threadpoolctl import threadpool_limits

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.tables.read import Table, read_table

from . import quality
from .checkpoint import Checkpoint, Progress
from .columns import Label
from .gan import Shape
from .model import Model
from .trainer import STAGES, Settings
from .training import Epoch, Gan
from .transform import Transform

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

MIN_ROWS = 10
MIN_BATCHES = 20
"""An epoch of a small table passes over it more than once, to have at least so many steps."""
HELD_OUT = 0.2
MAX_HELD_OUT = 20_000
MAX_EVALUATED = 20_000
MAX_GLANCED = 2_000
"""Rows that are judged when somebody asks for it in the middle of the training."""
SAMPLED = 10
CHECKPOINT_SECONDS = 10.0
ARTIFACT_SECONDS = 60.0
_SHARES = {"Prepare data": (0.0, 4.0), "Train": (4.0, 88.0), "Evaluate": (88.0, 97.0), "Export": (97.0, 100.0)}


class Stopped(Exception):
    """Somebody asked the run to stop, and all that is worth keeping is saved."""


class Stages:
    """One run of the trainer."""

    def __init__(self, run: Run, data: Path, settings: Settings) -> None:
        self.run = run
        self.data = data
        self.settings = settings
        self.device = _device(settings.device)
        self.epochs = settings.epochs
        self.progress = Progress(run, settings.epochs)
        self._aside = 0.0
        """Seconds of the training that were spent on what somebody asked for."""

    def go(self) -> None:
        """Run the stages; return early, with a checkpoint saved, when the run was asked to stop."""
        # The matrices are small: on an idle machine a second thread gains a third, on a busy one it costs six times
        # the time, since each waits for the other in every product.
        torch.set_num_threads(1)
        with threadpool_limits(1):
            try:
                self.prepare()
                self.train()
                self.evaluate()
                self.export()
            except Stopped:
                _say("Stopped at a safe point.")

    # ---- Prepare data ----

    def prepare(self) -> None:
        """Read the table, hold out real rows, and learn each column's form."""
        self._begin("Prepare data")
        table = read_table(self.data)
        self.table = _learnable(table)
        if self.settings.target and self.settings.target not in table.frame.columns:
            raise BadParameters(f"There is no column {self.settings.target!r} to take as target.")
        with self.data.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.learnt, self.held_out = split(table.frame, self.settings.seed)
        found = Checkpoint.find(self.run)
        if found is not None:
            found.check(self.digest)
        self.transform = found.transform if found else self._fit(table)
        self.encoded = self.transform.encode(self.learnt, self.settings.seed)
        self.gan = self._network(found)
        _say(
            f"{table.frame.height:,} rows and {table.frame.width} columns; {self.learnt.height:,} rows to learn from, "
            f"{self.held_out.height:,} held out; the network sees {self.gan.shape.row} numbers a row, "
            f"on {self.gan.device.type}."
        )
        for note in [*table.warnings, *self.transform.notes()]:
            _say(note)

    def _fit(self, table: Table) -> Transform:
        def on_column(index: int) -> None:
            self._check_stop()
            self._show("Prepare data", (index + 1) / self.learnt.width)

        formats = {name: form for name, form in table.formats.items() if table.kinds[name] == "datetime"}
        transform = Transform.fitted(self.learnt, self.settings.seed, formats, on_column)
        if not transform.seen:
            raise BadTable("No column of the table varies, so there is nothing to learn.")
        return transform

    def _network(self, found: Checkpoint | None) -> Gan:
        shape = Shape(self.transform.alphas, tuple(self.transform.widths), tuple(self.transform.discrete))
        batch = found.batch if found else min(self.settings.batch_size, max(2, self.learnt.height // 2))
        gan = Gan(
            self.encoded,
            shape,
            seed=self.settings.seed,
            learning_rate=self.settings.learning_rate,
            batch=batch,
            batches=found.batches if found else max(MIN_BATCHES, self.learnt.height // batch),
            device=self.device,
        )
        if found:
            gan.load(found.state)
            _say(f"Going on after epoch {gan.epoch} of the checkpoint.")
        return gan

    # ---- Train ----

    def train(self) -> None:
        """Epoch after epoch; checkpoints on the way, at the end, and when the run is asked to stop."""
        self._begin("Train")
        gan = self.gan
        self._offer()
        saved = sent = time.monotonic()
        while gan.epoch < self.epochs:
            begun, aside, from_batch = self.run.clock(), self._aside, gan.batch
            epoch = gan.train(gan.epoch / self.epochs, self._safe_point)
            if epoch is None:
                self._save_checkpoint(send=True)
                raise Stopped
            seconds = self.run.clock() - begun - (self._aside - aside)
            share = 1 - from_batch / len(gan.real_scores)
            self._tell(epoch, gan.real_scores.numel() * share / seconds)
            now = time.monotonic()
            if gan.epoch % self.settings.checkpoint_every == 0 and now - saved > CHECKPOINT_SECONDS:
                send = now - sent > ARTIFACT_SECONDS
                self._save_checkpoint(send=send)
                saved, sent = now, now if send else sent
        self.run.settle()
        self._save_checkpoint(send=True)

    def _tell(self, epoch: Epoch, rows_per_second: float) -> None:
        done = self.gan.epoch
        self.run.log({**msgspec.structs.asdict(epoch), "rows_per_second": rows_per_second}, step=done)
        low, high = _SHARES["Train"]
        # The number of epochs may have been set below what is done.
        self.progress.epochs = epochs = max(self.epochs, done)
        self.progress.epoch(done, low + (high - low) * done / epochs, rows_per_second)
        if done % max(1, epochs // 20) == 0 or done == 1:
            _say(f"{done:,} of {epochs:,} epochs are done.")

    # ---- what somebody may ask for meanwhile ----

    def _offer(self) -> None:
        """Let the training be steered, and asked for what it can do in the middle of it."""
        self._steer()
        self.run.on("checkpoint", self._beside(lambda: self._save_checkpoint(send=True)))
        self.run.on("evaluate", self._beside(self._glance))
        self.run.on("sample", self._beside(self._show_rows))

    def _safe_point(self) -> bool:
        self._steer()
        return self.run.should_stop

    def _steer(self) -> None:
        self.gan.learning_rate = self.run.param("learning_rate", self.settings.learning_rate)
        self.epochs = self.run.param("epochs", self.settings.epochs)

    def _beside(self, work: Callable[[], None]) -> Callable[[], None]:
        """`work`, whose time is not the training's."""

        def timed() -> None:
            begun = self.run.clock()
            try:
                work()
            finally:
                self._aside += self.run.clock() - begun

        return timed

    def _glance(self) -> None:
        """How good the rows would be if the training ended now."""
        model = self._model()
        rows = model.sample(min(self.learnt.height, MAX_GLANCED), self.settings.seed)
        found = self._judge(rows, self.learnt.head(MAX_GLANCED), lambda _: self._check_stop())
        overall, told, useful = found["overall"], found["detection"], found["utility"]
        figures = {
            "overall": overall,
            "detection_auc": told and told["auc"],
            "utility": useful and useful["synthetic"],
            "duplicates": found["duplicates"]["share"],
        }
        known = {f"quality/{name}": value for name, value in figures.items() if value is not None}
        self.run.log(known, step=self.gan.epoch)
        _say(f"After {self.gan.epoch:,} epochs: " + ", ".join(f"{name} {value:.3f}" for name, value in known.items()))

    def _show_rows(self) -> None:
        """Some synthetic rows as they would be if the training ended now."""
        frame = self._model().sample(SAMPLED, self.gan.epoch)
        self.run.table("Synthetic rows", frame.columns, frame.rows())
        _say(f"{SAMPLED} synthetic rows after {self.gan.epoch:,} epochs are shown.")

    def _save_checkpoint(self, *, send: bool) -> None:
        path = self.run.dir / "checkpoint.pt"
        Checkpoint.of(self.gan, self.transform, self.digest).save(path)
        if send:
            self.run.save_artifact(path, name="checkpoint.pt", kind="checkpoint")

    # ---- Evaluate ----

    def evaluate(self) -> None:
        """Measure synthetic rows against real ones that the network never saw."""
        self._begin("Evaluate")
        self.model = self._model()
        synthetic = self.model.sample(min(self.learnt.height, MAX_EVALUATED), self.settings.seed)
        parts = ["columns", "pairs", "detection", "utility", "duplicates"]

        def on_part(name: str) -> None:
            self._check_stop()
            self._show("Evaluate", parts.index(name) / len(parts))

        self.report = self._judge(synthetic, self.learnt, on_part)

    def _model(self) -> Model:
        about = {"trainer": "tabular-gan", "dataset": self.data.name, "rows": self.learnt.height}
        return Model.of(self.gan, self.transform, self.encoded, {**about, "epochs": self.gan.epoch})

    def _judge(self, synthetic: pl.DataFrame, learnt: pl.DataFrame, on_part: quality.Part) -> dict[str, Any]:
        return quality.report(
            learnt,
            self.held_out,
            synthetic,
            target=self.settings.target,
            leave_out=tuple(column.name for column in self.transform.columns if isinstance(column, Label)),
            notes=(*self.table.warnings, *self.transform.notes()),
            seed=self.settings.seed,
            on_part=on_part,
        )

    # ---- Export ----

    def export(self) -> None:
        """Write what the run is for: the rows, the model and the report."""
        self._begin("Export")
        folder = self.run.dir
        (folder / "report.json").write_bytes(msgspec.json.encode(self.report))
        self.model.save(folder / "model.pt")
        rows = self.settings.rows or self.table.frame.height
        self.transform.write_csv(self.model.sample(rows, self.settings.seed), folder / "synthetic.csv")
        for name, kind in (("synthetic.csv", "data"), ("report.json", "report"), ("model.pt", "model")):
            self.run.save_artifact(folder / name, name=name, kind=kind)
        self._show("Export", 1.0)
        _say(f"{rows:,} synthetic rows are written.")

    # ---- what all of them need ----

    def _begin(self, stage: str) -> None:
        self._check_stop()
        self.run.stage(stage, index=STAGES.index(stage), of=len(STAGES))
        self._show(stage, 0.0)

    def _show(self, stage: str, share: float) -> None:
        low, high = _SHARES[stage]
        self.progress.show(low + (high - low) * share)

    def _check_stop(self) -> None:
        if self.run.should_stop:
            raise Stopped("The run was asked to stop.")


def split(frame: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to learn from, and rows that are held out to judge by."""
    order = np.random.default_rng(seed).permutation(frame.height)
    count = min(MAX_HELD_OUT, max(1, round(HELD_OUT * frame.height)))
    return frame[order[count:]], frame[order[:count]]


def _learnable(table: Table) -> Table:
    rows = table.frame.height
    if rows < MIN_ROWS:
        raise BadTable(
            f"The table has {rows} row{'s' * (rows != 1)}; a GAN needs at least {MIN_ROWS} to learn from.",
            hint="Some hundred rows are a sensible beginning.",
        )
    return table


def _device(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadParameters("There is no CUDA device here.", hint="Take device=auto or device=cpu.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a trainer's output is its log
