"""The eight stages of a training, read top to bottom."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pulsetrain.model.errors import BadTable

from . import actions, preparing, verdict
from .checkpoint import FILE, Checkpoint, State
from .families import Family, Size, chosen_families
from .growth import Growth, Look, Progress, go_on
from .importance import needs
from .parts import Scale, folds, sampled
from .preparing import Encoded, Material
from .report import Findings, Held, leaderboard, make_report, summary
from .scores import Asking
from .selection import BASELINE, Competition, Trial, standings, title_of, winner
from .telling import Stopped, Telling, quality_name, say, shown
from .trainer import Settings

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

CHECKPOINT_SECONDS = 10.0
ARTIFACT_SECONDS = 60.0
SELECTION_ROWS = {"fast": 10_000, "thorough": 30_000}
"""The competition is held on so many training rows; the winner then learns from all of them."""
_SAID_LOOKS = 10


class Stages:
    """One run of the trainer."""

    def __init__(self, run: Run, data: Path, settings: Settings) -> None:
        self.run = run
        self.data = data
        self.settings = settings
        self.families = chosen_families(settings.families, settings.effort)
        self.telling = Telling(run)
        self.trials: list[Trial] = []
        self.chosen: Family | None = None
        self.growth: Growth | None = None
        self.saved = self.sent = time.monotonic()

    def go(self) -> None:
        """Run the stages; return early, with a checkpoint saved, when the run was asked to stop."""
        try:
            material = self.material()
            encoded = self.engineer(material)
            chosen = self.select(material)
            growth = self.train(chosen, material, encoded)
            held = self.judge(growth, material, encoded)
            found = self.evaluate(growth, material, encoded, held)
            self.finish(growth, material, encoded, found)
        except Stopped:
            say("Stopped at a safe point.")

    # ---- Data validation, Data preprocessing, Feature engineering ----

    def material(self) -> Material:
        """Read and check the table, and bring it into shape."""
        self.telling.begin("Data validation")
        self.digest = preparing.digest_of(self.data)
        self.found = Checkpoint.find(self.run)
        if self.found is not None:
            self.found.check(self.digest, self.settings)
        checked = preparing.validate(self.data, self.settings, self.telling)
        self.asking = Asking(checked.task, self.found.state.predictions if self.found else 0)
        self.telling.begin("Data preprocessing")
        return preparing.preprocess(checked, self.settings, self.telling)

    def engineer(self, material: Material) -> Encoded:
        """Columns become numbers."""
        self.telling.begin("Feature engineering")
        return preparing.engineer(material, self.settings, self.telling)

    # ---- Model selection ----

    def select(self, material: Material) -> Family:
        """Let the kinds of model compete under cross-validation, with a leaderboard that is live."""
        self.telling.begin("Model selection")
        if self.found is not None:
            self.trials, self.telling.step = list(self.found.state.trials), self.found.state.step
        self.telling.before_stop = lambda: self._save(send=True)
        self.run.on("checkpoint", lambda: self._save(send=True))
        target, seed = material.target, self.settings.seed
        rows = sampled(target, material.parts.train, SELECTION_ROWS[self.settings.effort], seed)
        pairs = folds(target, rows, self.settings.folds, seed)
        competition = Competition(material.prepared, material.plan.features, target, self.families, self.asking, seed)
        for trial in competition.trials(pairs, self.trials, self.telling.safe_point):
            self.trials.append(trial)
            self._tell_trial(trial)
            self.telling.show(len(self.trials) / (len(pairs) * (len(self.families) + 1)))
            self._save_now_and_then()
        self.chosen = self._winner()
        return self.chosen

    def _tell_trial(self, trial: Trial) -> None:
        if trial.problem:
            say(f"{title_of(trial.family, self.asking.task)} failed on fold {trial.fold + 1}: {trial.problem}")
        if trial.scores is not None and trial.family != BASELINE:
            found = trial.scores
            self.telling.log(self.asking, cross_validation_loss=found.loss, cross_validation_accuracy=found.quality)
        self._show_board()

    def _show_board(self) -> None:
        self.run.table("Leaderboard", *leaderboard(standings(self.trials), self.asking.task))

    def _winner(self) -> Family:
        try:
            chosen = winner(self.trials, self.families)
        except ValueError as problem:
            raise BadTable(str(problem)) from problem
        # A run that goes on may have had no trial of its own.
        self._show_board()
        task, board = self.asking.task, standings(self.trials)
        for place, one in enumerate(board, 1):
            quality = f"{quality_name(task)} {shown(one.quality)}"
            say(f"{place}. {title_of(one.family, task)}: loss {one.loss:.4f}, {quality}")
        if board[0].family == BASELINE:
            self.telling.note(
                "No kind of model beat the baseline under cross-validation: the columns may tell nothing."
            )
        say(f"{chosen.title} is chosen.")
        return chosen

    # ---- Training model ----

    def train(self, chosen: Family, material: Material, encoded: Encoded) -> Growth:
        """Grow the chosen kind of model on all training rows; the validation rows look at it as it grows."""
        self.telling.begin("Training model")
        task, found = material.target.task, self.found
        growth = Growth(
            family=chosen,
            train=encoded.train,
            validation=encoded.validation,
            scale=Scale.of(material.target, encoded.train.truth),
            asking=self.asking,
            estimator=chosen.make(task, Size(*encoded.train.rows.shape), self.settings.seed),
            patience=self.settings.patience,
        )
        if found is not None and found.estimator is not None:
            growth.estimator, growth.kept, growth.progress = found.estimator, found.kept, found.state.progress
            say(f"Going on after {growth.progress.grown} {chosen.unit} of the checkpoint.")
        self.growth = growth
        actions.offer(self.run, growth, material.target.labels)
        go_on(growth, self._epochs, self._rate, self._tell_look)
        self.run.settle()
        say(f"The model has {growth.size} {chosen.unit}: {growth.progress.ended}.")
        self._save(send=True)
        return growth

    def _epochs(self) -> int:
        self.telling.safe_point()
        return int(self.run.param("epochs", self.settings.epochs))

    def _rate(self) -> float:
        if self.chosen is None or self.chosen.learning_rate is None:
            return 0.0  # A control for it would promise an effect that it has not.
        return float(self.run.param("learning_rate", self.settings.learning_rate))

    def _tell_look(self, look: Look) -> None:
        assert self.growth is not None
        family, looks = self.growth.family, len(self.growth.progress.looks)
        self.telling.log(
            self.asking,
            live_accuracy=look.validation.quality,
            validation_loss=look.validation.loss,
            training_accuracy=look.training.quality,
            training_loss=look.training.loss,
        )
        epochs = max(look.grown, int(self.run.param("epochs", self.settings.epochs)))
        self.telling.show(look.grown / epochs, epoch=look.grown, epochs=epochs)
        if looks % _SAID_LOOKS == 1:
            quality = f"{quality_name(self.asking.task)} {shown(look.validation.quality)}"
            say(f"{look.grown} {family.unit}: {quality} on validation rows.")
        self._save_now_and_then()

    # ---- Model validation ----

    def judge(self, growth: Growth, material: Material, encoded: Encoded) -> Held:
        """Judge the model by the held-out rows."""
        self.telling.begin("Model validation")
        held = verdict.judged(growth, material, encoded, self.settings.seed)
        name = "accuracy" if material.target.task == "classification" else "r2"
        self.telling.log(self.asking, **{name: held.scores.quality, "loss": held.scores.loss})
        return held

    # ---- Performance evaluation ----

    def evaluate(self, growth: Growth, material: Material, encoded: Encoded, held: Held) -> Findings:
        """Find out what the model relies on, and gather all that was measured."""
        self.telling.begin("Performance evaluation")
        seed, ranking = self.settings.seed, encoded.ranking
        needed = needs(growth, encoded.encoder, encoded.test, ranking, seed, self.telling.show)
        self.telling.log(self.asking)
        parts = material.parts
        return Findings(
            dataset=self.data.name,
            target=material.target,
            plan=material.plan,
            rows=(len(parts.train), len(parts.validation), len(parts.test)),
            standings=standings(self.trials),
            chosen=growth.family,
            grown=growth.size,
            looks=growth.progress.looks,
            held=held,
            ranking=ranking,
            needs=needed,
            notes=self.telling.notes,
            seed=seed,
        )

    # ---- Finalizing model ----

    def finish(self, growth: Growth, material: Material, encoded: Encoded, found: Findings) -> None:
        """Write the model, its report and the held-out rows with their predictions."""
        self.telling.begin("Finalizing model")
        folder, held = self.run.dir, found.held
        model = verdict.model_of(growth, material, encoded, held, self.data.name, self.settings.seed)
        verdict.write_model(model, folder / "model.zip", growth, held)
        self.telling.log(self.asking)
        self.telling.show(0.6)
        report = make_report(found, self.asking.made)
        (folder / "report.json").write_bytes(msgspec.json.encode(report))
        verdict.predictions(material, held).write_csv(folder / "predictions.csv")
        for name, kind in (("predictions.csv", "data"), ("report.json", "report"), ("model.zip", "model")):
            self.run.save_artifact(folder / name, name=name, kind=kind)
        self.telling.show(1.0)
        say(summary(found))

    # ---- checkpoints ----

    def _save_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self.saved > CHECKPOINT_SECONDS:
            self._save(send=now - self.sent > ARTIFACT_SECONDS)

    def _save(self, *, send: bool) -> None:
        growth, path = self.growth, self.run.dir / FILE
        state = State(
            digest=self.digest,
            settings=self.settings,
            trials=self.trials,
            family=None if self.chosen is None else self.chosen.name,
            progress=growth.progress if growth else Progress(),
            predictions=self.asking.made,
            step=self.telling.step,
        )
        grown = growth is not None and growth.progress.grown > 0
        Checkpoint(state, growth.estimator if growth and grown else None, growth.kept if growth else None).save(path)
        self.saved = time.monotonic()
        if send:
            self.run.save_artifact(path, name=FILE, kind="checkpoint")
            self.sent = self.saved
